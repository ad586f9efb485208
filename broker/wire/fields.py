"""What all messages share: rows, and how a message is declared, compares and shows itself.

Decides what a declaration makes: a class with a slot for each annotated field, taken in that order or by name. Must not
know any message. A dataclass would do the same, but compiles methods for every class at each import of a client.
"""

from typing import Any, ClassVar, dataclass_transform, get_origin

Row = list[Any]
"""A flat record; its columns are named in `rows.py`."""


@dataclass_transform(eq_default=False)
class _Declared(type):
    """Makes the annotated names of a class its fields."""

    def __new__(mcs, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> "_Declared":
        hints: dict[str, Any] = space.get("__annotations__", {})
        fields = tuple(field for field, hint in hints.items() if get_origin(hint) is not ClassVar)
        return super().__new__(mcs, name, bases, {**space, "__slots__": fields, "__match_args__": fields})


class Fields(metaclass=_Declared):
    """What messages share: they are made from their fields, and compare and show themselves by them."""

    __slots__: ClassVar[tuple[str, ...]]
    __hash__ = None  # pyright: ignore[reportAssignmentType]  (a message can change, so it is no key)

    def __init__(self, *values: Any, **named: Any) -> None:
        cls = type(self)
        names = cls.__slots__
        if named:
            values += tuple([named.pop(name) for name in names[len(values) :] if name in named])
        if named or len(values) != len(names):
            raise TypeError(f"{cls.__name__} is made of {', '.join(names)}")
        for name, value in zip(names, values, strict=True):
            setattr(self, name, value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({shown})"
