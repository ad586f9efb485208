"""The five time fields of a crontab line, as Debian's cron reads them.

Decides which fields cron takes, and which values each means. It must not know expressions of our own, nor files. Rule:
what cron would not run is refused with the way to write it; docs/migrating.md tells where other crons differ.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

NICKNAMES: Final = frozenset(
    {"@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM = re.compile(
    r"(?:(?P<all>\*)|(?P<first>[A-Za-z0-9]+)(?:-(?P<last>[A-Za-z0-9]+))?)(?:/(?P<step>[0-9]+))?", re.ASCII
)
_DIGITS_MAX: Final = 9


class Field(NamedTuple):
    """What one field may hold."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()


FIELDS: Final = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, _MONTHS),
    Field("day of week", 0, 7, _DAYS),
)
DAY_OF_MONTH, DAY_OF_WEEK = 2, 4


class Times(NamedTuple):
    """What five fields mean: the values of each, ascending, and whether both day fields must match."""

    values: tuple[tuple[int, ...], ...]
    both_days: bool
    """Cron takes a day that matches either day field, unless one of the two begins with a star."""


def times(texts: Sequence[str]) -> Times:
    """Reads the five fields of a line.

    Raises:
        ValueError: cron would not run it; the text has the fault and the mend.
    """
    assert len(texts) == len(FIELDS), texts
    values = [_values(field, text) for field, text in zip(FIELDS, texts, strict=True)]
    days = {day % 7 for day in values[DAY_OF_WEEK]}
    stars = texts[DAY_OF_MONTH].startswith("*") or texts[DAY_OF_WEEK].startswith("*")
    return Times((*(tuple(sorted(found)) for found in values[:DAY_OF_WEEK]), tuple(sorted(days))), stars)


def _values(field: Field, text: str) -> set[int]:
    found: set[int] = set()
    for item in text.split(","):
        found |= _item(field, item)
    return found


def _item(field: Field, item: str) -> set[int]:
    """Returns the values of one item of a list."""
    match = _ITEM.fullmatch(item)
    if match is None:
        raise _fault(field, item, _mend(item))
    step = 1 if match["step"] is None else _number(field, item, match["step"])
    if step < 1:
        raise _fault(field, item, "a step is 1 or more")
    if match["all"]:
        return set(range(field.low, field.high + 1, step))
    first = _value(field, item, match["first"])
    if match["last"] is None:
        if match["step"] is not None:
            raise _fault(field, item, f"cron takes a step behind a range alone; write {first}-{field.high}/{step}")
        return {first}
    last = _value(field, item, match["last"])
    if first > last:
        by = "" if step == 1 else f"/{step}"
        mend = (
            f"a range that runs backwards never comes up in cron; write {first}-{field.high}{by},{field.low}-{last}{by}"
        )
        raise _fault(field, item, mend)
    return set(range(first, last + 1, step))


def _value(field: Field, item: str, text: str) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    if not text.isdecimal():
        names = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
        raise _fault(field, item, f"write {field.low} to {field.high}{names}")
    number = _number(field, item, text)
    if not field.low <= number <= field.high:
        raise _fault(field, item, f"it runs from {field.low} to {field.high}")
    return number


def _number(field: Field, item: str, text: str) -> int:
    if len(text) > _DIGITS_MAX:
        raise _fault(field, item, f"it runs from {field.low} to {field.high}")
    return int(text)


def _mend(item: str) -> str:
    if item == "":
        return "an item of the list is empty; take the comma away"
    if "~" in item:
        return "cron knows no times at random; write one time here, and add a jitter to the schedule"
    if item.startswith("-") and item != "-":
        return "cron knows no dash before the fields; take it away"
    return "cron knows numbers, names, *, ranges as 1-5 and steps as */2"


def _fault(field: Field, item: str, mend: str) -> ValueError:
    return ValueError(f"{field.title} {item!r}: {mend}")
