"""What all messages share: rows, and how a message compares and shows itself.

Must not know any message.
"""

from typing import Any

Row = list[Any]
"""A flat record; its columns are named in `rows.py`."""


class Fields:
    """What messages share: they compare and show themselves by their fields.

    Written out once, because a dataclass compiles such methods for every class, at each import of a client.
    """

    __slots__: tuple[str, ...] = ()
    __hash__ = None  # pyright: ignore[reportAssignmentType]  (a message can change, so it is no key)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({shown})"
