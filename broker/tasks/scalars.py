"""How single values beyond JSON travel: datetime, date, UUID, Decimal and bytes, each as text.

It decides the text form of each and refuses what does not read back as the same value. It must not know of
annotations or payloads. The forms are those that people and SQL read best: ISO 8601, canonical UUID, decimal
digits, base64.
"""

import binascii
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final, Protocol
from uuid import UUID

SUPPORTED: Final = (
    "JSON types, datetime, date, UUID, Decimal, bytes, enums, dataclasses, pydantic models, "
    "and list[X], dict[str, X], tuple[X, ...] and X | None of them"
)


class Unfit(Exception):
    """A value that cannot be converted: what is wrong, and where below the argument it sits.

    It stays inside this package: who knows the argument's name turns it into an error for people.
    """

    def __init__(self, text: str, where: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.where = where

    def below(self, step: str) -> "Unfit":
        """Returns the same fault seen from one level up: `step` is `.name` or `[index]`."""
        return Unfit(self.text, step + self.where)


class Converter(Protocol):
    """Turns values of one type into JSON values and back; raises Unfit."""

    def encode(self, value: object) -> object:
        """Returns the JSON value for a value of the type."""
        ...

    def decode(self, value: object) -> object:
        """Returns the value of the type for a JSON value."""
        ...


class _DatetimeConverter:
    """`datetime` as ISO 8601; the offset is kept, the name of the zone is not."""

    def encode(self, value: object) -> object:
        if not isinstance(value, datetime):
            raise _mismatch(value, "datetime")
        return value.isoformat()

    def decode(self, value: object) -> object:
        try:
            return datetime.fromisoformat(_expect_text(value, "datetime"))
        except ValueError:
            raise _unreadable(value, "datetime", "'2026-01-31T09:30:00+00:00'") from None


class _DateConverter:
    """`date` as ISO 8601."""

    def encode(self, value: object) -> object:
        # A datetime is a date by inheritance, and would lose its time.
        if not isinstance(value, date) or isinstance(value, datetime):
            raise _mismatch(value, "date")
        return value.isoformat()

    def decode(self, value: object) -> object:
        try:
            return date.fromisoformat(_expect_text(value, "date"))
        except ValueError:
            raise _unreadable(value, "date", "'2026-01-31'") from None


class _UuidConverter:
    """`UUID` in its canonical form."""

    def encode(self, value: object) -> object:
        if not isinstance(value, UUID):
            raise _mismatch(value, "UUID")
        return str(value)

    def decode(self, value: object) -> object:
        try:
            return UUID(_expect_text(value, "UUID"))
        except ValueError:
            raise _unreadable(value, "UUID", "'123e4567-e89b-12d3-a456-426614174000'") from None


class _DecimalConverter:
    """`Decimal` as text, for a JSON number may pass through a float."""

    def encode(self, value: object) -> object:
        if not isinstance(value, Decimal):
            raise _mismatch(value, "Decimal")
        if not value.is_finite():
            raise Unfit(f"is {value}, which JSON has no word for; pass a finite number or None")
        return str(value)

    def decode(self, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        try:
            number = Decimal(_expect_text(value, "Decimal"))
        except InvalidOperation:
            raise _unreadable(value, "Decimal", "'12.50'") from None
        if not number.is_finite():
            raise _unreadable(value, "Decimal", "'12.50'")
        return number


class _BytesConverter:
    """`bytes` as base64."""

    def encode(self, value: object) -> object:
        if not isinstance(value, bytes):
            raise _mismatch(value, "bytes")
        return binascii.b2a_base64(value, newline=False).decode("ascii")

    def decode(self, value: object) -> object:
        try:
            return binascii.a2b_base64(_expect_text(value, "bytes"), strict_mode=True)
        except ValueError:
            raise _unreadable(value, "bytes", "base64 such as 'aGVsbG8='") from None


SCALARS: Final[Mapping[type, Converter]] = MappingProxyType(
    {
        datetime: _DatetimeConverter(),
        date: _DateConverter(),
        UUID: _UuidConverter(),
        Decimal: _DecimalConverter(),
        bytes: _BytesConverter(),
    }
)


def quoted_type(hint: object) -> str:
    """Returns the short name of a type or annotation for an error text."""
    return hint.__qualname__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _mismatch(value: object, wanted: str) -> Unfit:
    return Unfit(f"is {quoted_type(type(value))} where {wanted} is annotated; pass a {wanted}")


def _unreadable(value: object, wanted: str, example: str) -> Unfit:
    text = repr(value)
    shown = text if len(text) <= 80 else text[:77] + "..."
    return Unfit(f"is {shown}, which does not read as {wanted}; send {example}")


def _expect_text(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        raise Unfit(f"is {quoted_type(type(value))} where {wanted} travels as text; send a JSON string")
    return value
