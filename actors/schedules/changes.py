"""What became of schedules that somebody named, as rows and as texts.

Decides how the fields of a definition are shown. It must not know who asked.
"""

from typing import Any, NamedTuple

from ...broker.wire.rows import CHANGE_COLUMNS, SCHEDULE_COLUMNS
from .schedule import Definition

_SHOWN_CHARS_MAX = 200


class Change(NamedTuple):
    """What became of one schedule; the columns are those of broker.wire.rows.CHANGE_COLUMNS."""

    tenant: str
    name: str
    change: str
    schedule: int
    fields: list[list[str | None]]
    job: int | None


assert Change._fields == CHANGE_COLUMNS


def change_of(
    definition: Definition,
    change: str,
    number: int,
    fields: list[list[str | None]] | None = None,
    job: int | None = None,
) -> Change:
    """Returns the row that says what became of a schedule."""
    return Change(definition.tenant, definition.name, change, number, fields or [], job)


def fields_of(old: Definition, new: Definition) -> list[list[str | None]]:
    """Returns rows [field, before, after] of what differs."""
    pairs = zip(SCHEDULE_COLUMNS, old, new, strict=True)
    return [[name, shown(before), shown(after)] for name, before, after in pairs if before != after]


def shown(value: Any) -> str | None:
    """Returns a field's value as text, cut where it is long; None for what is not set."""
    if value is None:
        return None
    text = value if type(value) is str else str(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else text[: _SHOWN_CHARS_MAX - 1] + "…"
