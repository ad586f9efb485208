"""Which days of one month a day pattern names.

Decides a bit for each day of a month, from the month's length and its first weekday alone: there are 28 such shapes,
so a pattern is worked out at most 28 times. croniter finds the days of plain patterns; it is handed explicit numbers
and a naive start, so that nothing it reads otherwise than crontab(5) reaches it. Patterns with special days are
worked out here, for croniter joins them wrongly.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

_SAMPLE_YEARS = range(2000, 2028)  # every shape of every month occurs in 28 years
_SATURDAY, _SUNDAY = 6, 0
_SPECIAL = tuple[tuple[str, int], ...]


class DayPattern(NamedTuple):
    """What makes a day of a month match, whichever month it is.

    A side without any plain or special days allows every day.

    Attributes:
        days: days of the month.
        month_special: special days of the month, as `fields` reads them.
        weekdays: days of the week, 0 being Sunday.
        week_special: special days of the week.
        either: whether one side suffices.
    """

    days: tuple[int, ...]
    month_special: _SPECIAL
    weekdays: tuple[int, ...]
    week_special: _SPECIAL
    either: bool


EVERY_DAY: Final = DayPattern((), (), (), (), False)


@lru_cache(maxsize=16384)
def month_mask(pattern: DayPattern, length: int, first_weekday: int) -> int:
    """Finds the matching days of a month.

    Args:
        pattern: what makes a day match.
        length: how many days the month has.
        first_weekday: the weekday of its first day, 0 being Sunday.

    Returns:
        A number whose bit n is set if day n matches.
    """
    if pattern is EVERY_DAY:
        return _whole(length)
    if pattern.month_special or pattern.week_special:
        mask = special_mask(pattern, length, first_weekday)
    else:
        mask = _plain_mask(pattern, length, first_weekday)
    assert mask | _whole(length) == _whole(length), "a day lies outside its month"
    return mask


def _whole(length: int) -> int:
    return (2 << length) - 2


def _plain_mask(pattern: DayPattern, length: int, first_weekday: int) -> int:
    """Asks croniter about the days of a month of this shape."""
    from croniter import croniter

    assert pattern.days or pattern.weekdays, "a pattern that names nothing is every day"
    days = ",".join(map(str, pattern.days)) or "*"
    weekdays = ",".join(map(str, pattern.weekdays)) or "*"
    first = _sample(length, first_weekday)
    found = croniter(f"0 0 {days} * {weekdays}", first - timedelta(seconds=1), datetime, day_or=pattern.either)
    mask = 0
    for _ in range(length):
        at: datetime = found.get_next()
        assert at >= first, "croniter went back"
        if at >= first + timedelta(days=length):
            break
        mask |= 1 << at.day
    return mask


@lru_cache(maxsize=28)
def _sample(length: int, first_weekday: int) -> datetime:
    """Returns the start of a month that has this shape."""
    for year in _SAMPLE_YEARS:
        for month in range(1, 13):
            first = datetime(year, month, 1)  # noqa: DTZ001  wall time: zones come later
            following = datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001  wall time: zones come later
            if (following - first).days == length and first.isoweekday() % 7 == first_weekday:
                return first
    raise AssertionError(f"no month has {length} days and starts on weekday {first_weekday}")


def special_mask(pattern: DayPattern, length: int, first_weekday: int) -> int:
    """Finds the matching days of a month by counting, special days included."""
    left = sum(1 << day for day in pattern.days if day <= length)
    for letter, number in pattern.month_special:
        left |= _day_of_month_bit(letter, number, length, first_weekday)
    right = 0
    for day in range(1, length + 1):
        weekday = (first_weekday + day - 1) % 7
        names = {("#", 10 * weekday + (day + 6) // 7)}
        if day + 7 > length:
            names.add(("#", 10 * weekday))
        if weekday in pattern.weekdays or not names.isdisjoint(pattern.week_special):
            right |= 1 << day
    if pattern.either:
        return left | right
    left = left if pattern.days or pattern.month_special else _whole(length)
    right = right if pattern.weekdays or pattern.week_special else _whole(length)
    return left & right


def _day_of_month_bit(letter: str, number: int, length: int, first_weekday: int) -> int:
    """Returns the bit of a special day of the month, or 0 if this month has none."""
    if letter == "L":
        return 1 << length - number if number < length else 0
    day = length if letter == "LW" else number
    if day > length:
        return 0
    weekday = (first_weekday + day - 1) % 7
    if weekday == _SATURDAY:
        day += 2 if day == 1 else -1
    elif weekday == _SUNDAY:
        day += -2 if day == length else 1
    return 1 << day
