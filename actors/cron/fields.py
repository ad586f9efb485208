"""One field of a cron expression: which values it allows, and what is refused.

Decides the grammar of single fields; it must not know the other fields, dates or zones. The rules are those of
crontab(5) with the special days of Quartz:

| item          | where          | means                                                                |
|---------------|----------------|----------------------------------------------------------------------|
| `*`           | everywhere     | every value                                                          |
| `?`           | days           | the same as `*`                                                      |
| `5`, `JAN`    | everywhere     | one value; names of months and days in any case, 0 and 7 are Sunday  |
| `1-5`         | everywhere     | a range; `22-2`, `FRI-MON` go round the end, `5-5` is 5 alone        |
| `*/15`        | everywhere     | every fifteenth value, from the first one                            |
| `10-50/5`     | everywhere     | every fifth value of a range                                         |
| `5/15`        | everywhere     | from 5 to the end, every fifteenth; `59/15` is 59 alone              |
| `L`, `L-3`    | day of month   | the last day, the third day before it                                |
| `15W`, `LW`   | day of month   | the weekday nearest to the 15th, within the month; the last weekday  |
| `5L`, `FRIL`  | day of week    | the last Friday of the month                                         |
| `5#3`         | day of week    | the third Friday; a month that has no fifth one has no `5#5`         |

Items are joined by commas. A month without a 31st has no `31W`.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple


class FieldKind(NamedTuple):
    """One of the seven fields: its bounds, its names, and the unit that `@every` has for it."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    unit: str = ""


class Field(NamedTuple):
    """A field that was read.

    Attributes:
        text: its one spelling: numbers for names, `*` for `?`.
        starred: whether it begins with `*`.
        values: the plain values, ascending.
        special: special days as (letter, number): of the month ("L", days before the last), ("W", day) and
            ("LW", 0); of the week ("#", 10 * day + which), which 0 being the last one.
    """

    text: str
    starred: bool
    values: tuple[int, ...]
    special: tuple[tuple[str, int], ...] = ()


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
YEAR_FIRST, YEAR_LAST = 1970, 2099

SECOND: Final = FieldKind("second", 0, 59, unit="s")
MINUTE: Final = FieldKind("minute", 0, 59, unit="m")
HOUR: Final = FieldKind("hour", 0, 23, unit="h")
DAY_OF_MONTH: Final = FieldKind("day-of-month", 1, 31, unit="d")
MONTH: Final = FieldKind("month", 1, 12, _MONTHS)
DAY_OF_WEEK: Final = FieldKind("day-of-week", 0, 6, _WEEKDAYS)
YEAR: Final = FieldKind("year", YEAR_FIRST, YEAR_LAST)

_SUNDAY_TOO = 7
_NTH_MAX = 5
_BEFORE_LAST_MAX = 30
_ITEM = re.compile(r"(\*|[0-9]+|[A-Z]+)(?:-([0-9]+|[A-Z]+))?(?:/([0-9]+))?")
_HASHED = re.compile(r"[HR](?:\([0-9-]*\))?(?:/[0-9]+)?")
_DAY_BEFORE_LAST = re.compile(r"L-([0-9]+)")
_NEAREST_WEEKDAY = re.compile(r"([0-9]+)W")
_NTH_DAY = re.compile(r"([0-9]+|[A-Z]+)(?:#([0-9]+)|L)")


@lru_cache(maxsize=4096)
def read_field(kind: FieldKind, text: str) -> Field:
    """Reads one field.

    Args:
        kind: which field it is.
        text: its text, in capitals and without blanks.

    Returns:
        The values and special days that it allows.

    Raises:
        ValueError: it is not accepted; the text says why, and what to write instead.
    """
    values: set[int] = set()
    special: set[tuple[str, int]] = set()
    texts: list[str] = []
    for item in text.split(","):
        if not item:
            raise ValueError(f"the {kind.name} field {text!r} has an empty item; take the spare comma away")
        if item == "?":
            item = _question_mark(kind, text)
        day = _special_day(kind, item)
        if day is not None:
            special.add(day)
            texts.append(_special_text(day))
        else:
            found, spelling = _plain(kind, item)
            values.update(found)
            texts.append(spelling)
    field = Field(",".join(texts), texts[0].startswith("*"), tuple(sorted(values)), tuple(sorted(special)))
    assert field.values or field.special, "a field without any value was read"
    assert all(kind.low <= value <= kind.high for value in field.values), "a value left its field"
    return field


def _question_mark(kind: FieldKind, text: str) -> str:
    if kind not in (DAY_OF_MONTH, DAY_OF_WEEK):
        raise ValueError(f"'?' in the {kind.name} field; only the two day fields may have it, write '*'")
    if text != "?":
        raise ValueError(f"'?' in the list {text!r} of the {kind.name} field; it stands alone, or write '*'")
    return "*"


def _plain(kind: FieldKind, item: str) -> tuple[list[int], str]:
    """Returns the values of an item without special days, and its one spelling."""
    match = _ITEM.fullmatch(item)
    if match is None or (match[1] == "*" and match[2]):
        raise ValueError(_reason(kind, item))
    first_text, last_text, step_text = match.groups()
    step = 1 if step_text is None else _step(kind, item, int(step_text))
    suffix = "" if step_text is None else f"/{step}"
    if first_text == "*":
        return list(range(kind.low, kind.high + 1, step)), f"*{suffix}"
    first = _value(kind, item, first_text)
    if last_text is None:
        if step_text is None:
            first = first % 7 if kind is DAY_OF_WEEK else first
            return [first], str(first)
        if kind is DAY_OF_WEEK and first == _SUNDAY_TOO:
            raise ValueError(f"{item!r} in the {kind.name} field can be read in two ways; write 0/{step} or 0")
        return list(range(first, kind.high + 1, step)), f"{first}{suffix}"
    last = _value(kind, item, last_text)
    return _range(kind, first, last, step), f"{first}-{last}{suffix}"


def _range(kind: FieldKind, first: int, last: int, step: int) -> list[int]:
    """Returns the values of a range; one that ends before it starts goes round the end of the field."""
    span = kind.high - kind.low + 1
    if kind is DAY_OF_WEEK and (first, last) != (0, _SUNDAY_TOO):
        first = first % span
        last = 0 if first == 0 and last == _SUNDAY_TOO else last
    stop = last if last >= first else last + span
    return [(value - kind.low) % span + kind.low for value in range(first, stop + 1, step)]


def _value(kind: FieldKind, item: str, text: str) -> int:
    if not text.isdigit():
        if text not in kind.names:
            raise ValueError(_reason(kind, item))
        return kind.names.index(text) + kind.low
    value = int(text)
    high = _SUNDAY_TOO if kind is DAY_OF_WEEK else kind.high
    if not kind.low <= value <= high:
        raise ValueError(f"{value} is no {kind.name}; give {kind.low} to {high}")
    return value


def _step(kind: FieldKind, item: str, step: int) -> int:
    span = kind.high - kind.low + 1
    if step == 0:
        raise ValueError(f"{item!r} in the {kind.name} field has a step of 0; give 1 or more")
    if step > span:
        mend = f"give 1 to {span}"
        if kind.unit:
            mend += f", or write '@every {step}{kind.unit}' as the whole expression"
        raise ValueError(f"{item!r} in the {kind.name} field steps beyond its {span} values; {mend}")
    return step


def _special_day(kind: FieldKind, item: str) -> tuple[str, int] | None:
    """Returns the special day that an item is, or None."""
    if kind is DAY_OF_MONTH:
        return _special_day_of_month(item)
    if kind is DAY_OF_WEEK:
        return _special_day_of_week(item)
    return None


def _special_day_of_month(item: str) -> tuple[str, int] | None:
    if item == "L":
        return "L", 0
    if item == "LW":
        return "LW", 0
    match = _DAY_BEFORE_LAST.fullmatch(item)
    if match is not None:
        days = int(match[1])
        if not 1 <= days <= _BEFORE_LAST_MAX:
            raise ValueError(f"{item!r} in the day-of-month field; give L-1 to L-{_BEFORE_LAST_MAX}, or L")
        return "L", days
    match = _NEAREST_WEEKDAY.fullmatch(item)
    if match is not None:
        return "W", _value(DAY_OF_MONTH, item, match[1])
    return None


def _special_day_of_week(item: str) -> tuple[str, int] | None:
    match = _NTH_DAY.fullmatch(item)
    if match is None or (match[2] is None and match[1] in {"", "L"}):
        return None
    text, which = match.groups()
    if which is None and not text.isdigit() and text not in DAY_OF_WEEK.names:
        return None
    day = _value(DAY_OF_WEEK, item, text) % 7
    if which is not None and not 1 <= int(which) <= _NTH_MAX:
        raise ValueError(f"{item!r} in the day-of-week field; give #1 to #{_NTH_MAX}, or {day}L for the last one")
    return "#", 10 * day + (0 if which is None else int(which))


def _special_text(day: tuple[str, int]) -> str:
    letter, number = day
    if letter == "#":
        return f"{number // 10}L" if number % 10 == 0 else f"{number // 10}#{number % 10}"
    if letter == "W":
        return f"{number}W"
    return letter if number == 0 else f"L-{number}"


def _reason(kind: FieldKind, item: str) -> str:
    """Returns why an item that cannot be read is refused."""
    where = f"{item!r} in the {kind.name} field"
    if _HASHED.fullmatch(item):
        return f"{where} is a hashed value; write a fixed one, and give the schedule a jitter to spread its load"
    if kind is DAY_OF_MONTH and item == "WL":
        return f"{where}; write LW"
    if kind is DAY_OF_MONTH and item.endswith("-L"):
        return f"{where}; end the range with 31, for days that a month does not have are left out"
    if kind is DAY_OF_WEEK and item == "L":
        return f"{where} names no day; write 6 for every Saturday, or 6L for the last Saturday of the month"
    if kind is DAY_OF_WEEK and re.fullmatch(r"L[0-7]", item):
        return f"{where}; write {item[1]}L for the last one of the month"
    names = f", or {kind.names[0]} to {kind.names[-1]}" if kind.names else ""
    return f"{where} cannot be read; give values from {kind.low} to {kind.high}{names}, as in {_example(kind)}"


def _example(kind: FieldKind) -> str:
    low = kind.low
    if kind is DAY_OF_MONTH:
        return "'*', '1,15', '1-7', '*/2', 'L', 'L-3', '15W' or 'LW'"
    if kind is DAY_OF_WEEK:
        return "'*', 'MON-FRI', '1,3', '5#3' or '5L'"
    return f"'*', '{low}', '{low},{low + 5}', '{low}-{low + 5}' or '*/2'"
