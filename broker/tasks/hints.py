"""How a value of a given type annotation travels as JSON and comes back.

It decides, per annotation, between None (JSON is already the value), a `Converter`, and a refusal that is
raised only when a value is really passed. It must not know of functions, payloads or sizes. Pydantic is never
imported: a class that has `model_dump` and `model_validate` converts itself.
"""

import dataclasses
import enum
import types
import typing
from collections import abc
from typing import Any, Final, cast

from .classes import DataclassConverter, EnumConverter, Model, ModelConverter
from .containers import (
    DictConverter,
    FixedTupleConverter,
    ListConverter,
    OptionalConverter,
    Refused,
    TupleConverter,
)
from .scalars import SCALARS, Converter

_LIST_ORIGINS: Final[frozenset[object]] = frozenset(
    {list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection}
)
_DICT_ORIGINS: Final[frozenset[object]] = frozenset({dict, abc.Mapping, abc.MutableMapping})
_PLAIN_TYPES: Final = (
    frozenset[object]({Any, object, int, str, float, bool, None, type(None)}) | _LIST_ORIGINS | _DICT_ORIGINS
)


class Hints:
    """Turns annotations into converters, remembering classes so that recursive dataclasses end."""

    __slots__ = ("_classes",)

    def __init__(self) -> None:
        self._classes: dict[type, Converter] = {}

    def converter(self, hint: object) -> Converter | None:
        """Returns how to convert values annotated `hint`, or None where JSON needs no conversion."""
        if isinstance(hint, typing.NewType):
            return self.converter(hint.__supertype__)
        origin = typing.get_origin(hint)
        if origin is not None:
            return self._generic(hint, origin, typing.get_args(hint))
        if hint in _PLAIN_TYPES or isinstance(hint, typing.TypeVar):
            return None
        if isinstance(hint, type):
            return self._class(cast("type[Any]", hint))
        return Refused(hint)

    def _generic(self, hint: object, origin: object, args: tuple[Any, ...]) -> Converter | None:
        if origin is typing.Literal:
            return None if all(isinstance(arg, (str, int, bool, type(None))) for arg in args) else Refused(hint)
        if origin is typing.Annotated:
            return self.converter(args[0])
        if origin is typing.Union or origin is types.UnionType:
            return self._union(hint, args)
        if not args:
            return self.converter(origin)
        if origin in _LIST_ORIGINS:
            item = self.converter(args[0])
            return None if item is None else ListConverter(item)
        if origin in _DICT_ORIGINS:
            if args[0] not in (str, Any, object):
                return Refused(hint, "JSON objects have text for keys; annotate dict[str, X]")
            value = self.converter(args[1])
            return None if value is None else DictConverter(value)
        if origin is tuple:
            if len(args) == 2 and args[1] is Ellipsis:
                return TupleConverter(self.converter(args[0]))
            return FixedTupleConverter([self.converter(arg) for arg in args])
        if dataclasses.is_dataclass(origin):
            return self._class(cast("type", origin))
        return Refused(hint)

    def _union(self, hint: object, args: tuple[Any, ...]) -> Converter | None:
        converters = [self.converter(arg) for arg in args if arg is not type(None)]
        if all(converter is None for converter in converters):
            return None
        if len(converters) == 1 and len(args) == 2:
            inner = converters[0]
            assert inner is not None
            return OptionalConverter(inner)
        return Refused(hint, "its members cannot be told apart in JSON; use one type, or X | None")

    def _class(self, cls: type[Any]) -> Converter | None:
        known = SCALARS.get(cls) or self._classes.get(cls)
        if known is not None:
            return known
        if cls is tuple:
            return TupleConverter(None)
        if callable(getattr(cls, "model_dump", None)) and callable(getattr(cls, "model_validate", None)):
            return ModelConverter(cast("type[Model]", cls))
        if issubclass(cls, enum.Enum):
            return EnumConverter(cls)
        if dataclasses.is_dataclass(cls):
            made = self._classes[cls] = DataclassConverter(cls)
            made.bind(self.converter)
            return made
        return Refused(cls)
