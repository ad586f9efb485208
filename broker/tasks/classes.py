"""How enums, dataclasses and models travel as JSON.

It decides which fields travel and that nothing is lost or made up on the way. It must not know of
annotations, which `hints` reads. Pydantic is never imported: a class that has `model_dump` and
`model_validate` converts itself.
"""

import dataclasses
import enum
import typing
from collections import abc
from typing import Protocol

from .containers import Refused, expect_dict
from .scalars import Converter, Unfit, quoted_type


class Model(Protocol):
    """What makes a class a model: pydantic's pair of methods."""

    def model_dump(self, *, mode: str, by_alias: bool, round_trip: bool) -> object:
        """Returns the model as JSON values."""
        ...

    @classmethod
    def model_validate(cls, obj: object) -> object:
        """Returns the model that JSON values describe."""
        ...


class EnumConverter:
    """An enum class, by the values of its members."""

    def __init__(self, cls: type[enum.Enum]) -> None:
        self._cls = cls

    def encode(self, value: object) -> object:
        """Returns the JSON value."""
        if not isinstance(value, self._cls):
            raise Unfit(f"is {value!r} where {quoted_type(self._cls)} is annotated; pass one of its members")
        return value.value

    def decode(self, value: object) -> object:
        """Returns the value for JSON."""
        try:
            return self._cls(value)
        except ValueError:
            raise Unfit(f"is {value!r}, no value of {quoted_type(self._cls)}; send one of its values") from None


class ModelConverter:
    """A pydantic model, or whatever else dumps and validates itself."""

    def __init__(self, cls: type[Model]) -> None:
        self._cls = cls

    def encode(self, value: object) -> object:
        """Returns the JSON value."""
        if type(value) is not self._cls:
            # A subclass would come back as its base, without the fields it adds.
            raise Unfit(f"is {quoted_type(type(value))} where {quoted_type(self._cls)} is annotated; pass just that")
        return dump_model(value)

    def decode(self, value: object) -> object:
        """Returns the value for JSON."""
        try:
            return self._cls.model_validate(value)
        except ValueError as fault:
            raise Unfit(
                f"does not validate as {quoted_type(self._cls)}: {fault}; send what the model accepts"
            ) from None


class DataclassConverter:
    """A dataclass, by the fields of its constructor; unknown and missing fields are refused."""

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._fields: dict[str, Converter | None] = {}
        self._required: frozenset[str] = frozenset()

    def bind(self, convert: abc.Callable[[object], Converter | None]) -> None:
        """Reads the field types; apart from `__init__`, so that a dataclass may mention itself."""
        fields = [field for field in dataclasses.fields(self._cls) if field.init]
        try:
            resolved = typing.get_type_hints(self._cls)
        except (NameError, TypeError, AttributeError) as fault:
            mend = f"its annotations cannot be resolved ({fault}); import their types at run time"
            self._fields = {field.name: Refused(self._cls, mend) for field in fields}
        else:
            self._fields = {field.name: convert(resolved[field.name]) for field in fields}
        self._required = frozenset(
            field.name
            for field in fields
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )

    def encode(self, value: object) -> object:
        """Returns the JSON value."""
        if type(value) is not self._cls:
            raise Unfit(f"is {quoted_type(type(value))} where {quoted_type(self._cls)} is annotated; pass just that")
        result: dict[str, object] = {}
        for name, converter in self._fields.items():
            item = getattr(value, name)
            try:
                result[name] = item if converter is None else converter.encode(item)
            except Unfit as fault:
                raise fault.below(f".{name}") from None
        return result

    def decode(self, value: object) -> object:
        """Returns the value for JSON."""
        given = expect_dict(value)
        result: dict[str, object] = {}
        for name, item in given.items():
            if name not in self._fields:
                raise Unfit(f"has a field {name!r} that {quoted_type(self._cls)} lacks; send only its fields")
            converter = self._fields[name]
            try:
                result[name] = item if converter is None else converter.decode(item)
            except Unfit as fault:
                raise fault.below(f".{name}") from None
        missing = self._required - result.keys()
        if missing:
            names = ", ".join(sorted(missing))
            raise Unfit(f"lacks {names} of {quoted_type(self._cls)}; send every field that has no default")
        try:
            return self._cls(**result)
        except (TypeError, ValueError) as fault:
            raise Unfit(f"makes no {quoted_type(self._cls)}: {fault}; send values that it accepts") from None


def dump_model(value: Model) -> object:
    """Returns a pydantic model as JSON values that its class validates again."""
    try:
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    except ValueError as fault:
        raise Unfit(f"does not dump as JSON: {fault}; give the model a JSON form") from None
