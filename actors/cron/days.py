"""Which days a cron expression names.

Decides days, counted from 1970-01-01, from day-of-month, month, day-of-week and year; it must not know times of day
or zones. The two day fields join as crontab(5) of Debian says: if neither begins with `*` (or `?`), a day is named
when EITHER names it; otherwise when both do.

| day-of-month, day-of-week | the days                                                       |
|---------------------------|----------------------------------------------------------------|
| `13` `FRI`                | every 13th, and every Friday                                   |
| `*/2` `MON`               | the Mondays that have an odd number                            |
| `15` `0-6`                | every day: `0-6` does not begin with `*`, so either suffices   |
| `*/5` `0-6`               | the 1st, 6th, 11th, ... : one begins with `*`, so both must    |
"""

from bisect import bisect_left, bisect_right
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from .clock import EPOCH_ORDINAL
from .fields import YEAR_FIRST, YEAR_LAST, Field
from .months import EVERY_DAY, DayPattern, month_mask

_ALL_WEEKDAYS = tuple(range(7))
_ALL_DAYS = tuple(range(1, 32))
_ALL_MONTHS = tuple(range(1, 13))


class DayRule(NamedTuple):
    """The days of an expression: a pattern, months (1 to 12), and years (none: all of them)."""

    pattern: DayPattern
    months: tuple[int, ...]
    years: tuple[int, ...]
    every_day: bool


class _Month(NamedTuple):
    """One month: the day before its first, its length, the weekday of its first (0 is Sunday)."""

    before: int
    length: int
    first_weekday: int


def day_rule(day_of_month: Field, month: Field, day_of_week: Field, year: Field | None) -> DayRule:
    """Joins the fields that name days; what allows every day is left out."""
    either = not day_of_month.starred and not day_of_week.starred
    all_days = day_of_month.values == _ALL_DAYS
    all_weekdays = day_of_week.values == _ALL_WEEKDAYS
    is_any_year = year is None or (year.starred and len(year.values) == YEAR_LAST - YEAR_FIRST + 1)
    years = () if year is None or is_any_year else year.values
    if (all_days and all_weekdays) or (either and (all_days or all_weekdays)):
        return DayRule(EVERY_DAY, month.values, years, month.values == _ALL_MONTHS and not years)
    days, month_special = ((), ()) if all_days else (day_of_month.values, day_of_month.special)
    weekdays, week_special = ((), ()) if all_weekdays else (day_of_week.values, day_of_week.special)
    return DayRule(DayPattern(days, month_special, weekdays, week_special, either), month.values, years, False)


def next_day(rule: DayRule, day: int, stop: int) -> int | None:
    """Returns the first matching day in [day, stop), counted from 1970-01-01."""
    if rule.every_day:
        return day if day < stop else None
    number, before = _month_of(day)
    here = number
    while True:
        number = _allowed_from(rule, number)
        month = _month(number)
        if month is None or month.before >= stop:
            return None
        mask = month_mask(rule.pattern, month.length, month.first_weekday)
        if number == here:
            mask = mask >> before << before
        if mask:
            found = month.before + (mask & -mask).bit_length() - 1
            return found if found < stop else None
        number += 1


def latest_day(rule: DayRule, day: int, stop: int) -> int | None:
    """Returns the last matching day in [day, stop)."""
    if rule.every_day:
        return stop - 1 if day < stop else None
    number, last = _month_of(stop - 1)
    here = number
    while True:
        number = _allowed_to(rule, number)
        month = _month(number)
        if month is None or month.before + month.length < day:
            return None
        mask = month_mask(rule.pattern, month.length, month.first_weekday)
        if number == here:
            mask &= (2 << last) - 1
        if mask:
            found = month.before + mask.bit_length() - 1
            return found if found >= day else None
        number -= 1


def count_days(rule: DayRule, day: int, stop: int) -> int:
    """Returns how many days in [day, stop) match."""
    if stop <= day:
        return 0
    if rule.every_day:
        return stop - day
    count = 0
    number, _ = _month_of(day)
    while True:
        number = _allowed_from(rule, number)
        month = _month(number)
        if month is None or month.before + 1 >= stop:
            return count
        mask = month_mask(rule.pattern, month.length, month.first_weekday)
        if month.before < day:
            mask = mask >> day - month.before << day - month.before
        if stop - month.before <= month.length:
            mask &= (1 << stop - month.before) - 1
        count += mask.bit_count()
        number += 1


def _month_of(day: int) -> tuple[int, int]:
    """Returns the number of a day's month, counted from the year 0, and the day's place in it."""
    at = date.fromordinal(day + EPOCH_ORDINAL)
    return at.year * 12 + at.month - 1, at.day


@lru_cache(maxsize=8192)
def _month(number: int) -> _Month | None:
    """Returns a month, or None before and after all that there are."""
    year, month = divmod(number, 12)
    following_year, following_month = divmod(number + 1, 12)
    if not 1 <= year <= following_year <= 9999:
        return None
    first = date(year, month + 1, 1).toordinal()
    length = date(following_year, following_month + 1, 1).toordinal() - first
    assert 28 <= length <= 31, "a month has 28 to 31 days"
    return _Month(first - 1 - EPOCH_ORDINAL, length, first % 7)


def _allowed_from(rule: DayRule, number: int) -> int:
    """Returns the first month from this one on whose name and year are allowed; past all years if there is none."""
    months, years = rule.months, rule.years
    year, month = divmod(number, 12)
    place = bisect_left(months, month + 1)
    if place == len(months):
        year, place = year + 1, 0
    if years and (index := bisect_left(years, year)) < len(years):
        year, place = (year, place) if years[index] == year else (years[index], 0)
    elif years:
        year = 10000
    return year * 12 + months[place] - 1


def _allowed_to(rule: DayRule, number: int) -> int:
    """Returns the last month up to this one whose name and year are allowed; below all years if there is none."""
    months, years = rule.months, rule.years
    year, month = divmod(number, 12)
    place = bisect_right(months, month + 1) - 1
    if place < 0:
        year, place = year - 1, len(months) - 1
    if years and (index := bisect_right(years, year) - 1) >= 0:
        year, place = (year, place) if years[index] == year else (years[index], len(months) - 1)
    elif years:
        year = 0
    return year * 12 + months[place] - 1
