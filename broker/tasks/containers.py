"""How containers travel as JSON: each item by the converter of its type, each fault with its path.

It decides how lists, dicts and tuples convert and what stands in their place is refused. It must not know of
annotations, which `hints` reads. A tuple is a list in JSON and only its annotation makes it a tuple again.
"""

from collections import abc
from typing import Any, Literal, cast

from .scalars import SUPPORTED, Converter, Unfit, quoted_type


class Refused:
    """An annotation whose values cannot travel; it refuses them when one comes along."""

    def __init__(self, hint: object, mend: str = f"use {SUPPORTED}") -> None:
        self._text = f"is annotated {quoted_type(hint)}, which cannot travel as JSON; {mend}"

    def encode(self, value: object) -> object:
        """Refuses the value."""
        raise Unfit(f"is {quoted_type(type(value))} and {self._text}")

    def decode(self, value: object) -> object:
        """Refuses the value."""
        raise Unfit(f"is {quoted_type(type(value))} and {self._text}")


class OptionalConverter:
    """`X | None`."""

    def __init__(self, inner: Converter) -> None:
        self._inner = inner

    def encode(self, value: object) -> object:
        """Returns the JSON value."""
        return None if value is None else self._inner.encode(value)

    def decode(self, value: object) -> object:
        """Returns the value for JSON."""
        return None if value is None else self._inner.decode(value)


class ListConverter:
    """`list[X]`, and `Sequence[X]` and its like, which come back as lists."""

    def __init__(self, item: Converter) -> None:
        self._item = item

    def encode(self, value: object) -> object:
        """Returns the JSON value."""
        if not isinstance(value, (list, tuple)):
            raise Unfit(f"is {quoted_type(type(value))} where a list is annotated; pass a list")
        return _each(self._item.encode, cast("list[object]", value))

    def decode(self, value: object) -> object:
        """Returns the value for JSON."""
        return _each(self._item.decode, _expect_list(value))


class DictConverter:
    """`dict[str, X]`."""

    def __init__(self, value: Converter) -> None:
        self._value = value

    def encode(self, value: object) -> object:
        """Returns the JSON value."""
        if not isinstance(value, dict):
            raise Unfit(f"is {quoted_type(type(value))} where a dict is annotated; pass a dict")
        return _each_value(self._value.encode, cast("dict[object, object]", value))

    def decode(self, value: object) -> object:
        """Returns the value for JSON."""
        return _each_value(self._value.decode, expect_dict(value))


class TupleConverter:
    """`tuple` and `tuple[X, ...]`; JSON knows lists only."""

    def __init__(self, item: Converter | None) -> None:
        self._item = item

    def encode(self, value: object) -> object:
        """Returns the JSON value."""
        if not isinstance(value, (list, tuple)):
            raise Unfit(f"is {quoted_type(type(value))} where a tuple is annotated; pass a tuple")
        items = list(cast("list[object]", value))
        return items if self._item is None else _each(self._item.encode, items)

    def decode(self, value: object) -> object:
        """Returns the value for JSON."""
        items = _expect_list(value)
        return tuple(items if self._item is None else _each(self._item.decode, items))


class FixedTupleConverter:
    """`tuple[X, Y]`."""

    def __init__(self, items: list[Converter | None]) -> None:
        self._items = items

    def encode(self, value: object) -> object:
        """Returns the JSON value."""
        if not isinstance(value, (list, tuple)):
            raise Unfit(f"is {quoted_type(type(value))} where a tuple is annotated; pass a tuple")
        return self._convert(list(cast("list[object]", value)), "encode")

    def decode(self, value: object) -> object:
        """Returns the value for JSON."""
        return tuple(self._convert(_expect_list(value), "decode"))

    def _convert(self, values: list[object], way: Literal["encode", "decode"]) -> list[object]:
        if len(values) != len(self._items):
            raise Unfit(f"has {len(values)} items where the annotation has {len(self._items)}; pass as many")
        result: list[object] = []
        for index, (value, item) in enumerate(zip(values, self._items, strict=True)):
            try:
                result.append(value if item is None else getattr(item, way)(value))
            except Unfit as fault:
                raise fault.below(f"[{index}]") from None
        return result


def _each(convert: abc.Callable[[object], object], items: list[object]) -> list[object]:
    result: list[object] = []
    for item in items:
        try:
            result.append(convert(item))
        except Unfit as fault:
            raise fault.below(f"[{len(result)}]") from None
    return result


def _each_value(convert: abc.Callable[[object], object], items: dict[Any, object]) -> dict[object, object]:
    result: dict[object, object] = {}
    for key, item in items.items():
        try:
            result[key] = convert(item)
        except Unfit as fault:
            raise fault.below(f"[{key!r}]") from None
    return result


def _expect_list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Unfit(f"is {quoted_type(type(value))} where a list is annotated; send a JSON array")
    return cast("list[object]", value)


def expect_dict(value: object) -> dict[str, object]:
    """Returns a JSON object; raises Unfit for anything else."""
    if not isinstance(value, dict):
        raise Unfit(f"is {quoted_type(type(value))} where an object is annotated; send a JSON object")
    return cast("dict[str, object]", value)
