"""Cron by brute force: every second or minute of real time is looked at, with the rules of the zone applied to it.

Decides what a calendar must say, from sets of values and PEP 495 alone; it knows nothing of the code that it judges.
"""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

EVERY_DAY: Callable[[date], bool] = lambda day: True  # noqa: E731  a default that says what it is


class Moment(NamedTuple):
    """One step of real time: its instant, its wall time, which passes it has, and the wall times left out before it."""

    at_s: int
    wall: datetime
    repeated: bool
    second_pass: bool
    missing: tuple[datetime, ...]


@dataclass(frozen=True)
class Spec:
    """What an expression names, as plain sets."""

    text: str
    hours: frozenset[int]
    minutes: frozenset[int]
    seconds: frozenset[int] = frozenset({0})
    wildcard: bool = False
    day: Callable[[date], bool] = field(default=EVERY_DAY, compare=False)

    def names(self, wall: datetime) -> bool:
        """Tells whether a wall time is one of them."""
        return (
            wall.second in self.seconds
            and wall.minute in self.minutes
            and wall.hour in self.hours
            and self.day(wall.date())
        )


@lru_cache(maxsize=64)
def moments(zone: str, start: datetime, hours: int, step_s: int) -> tuple[Moment, ...]:
    """Steps through real time, from an instant in UTC for some hours."""
    info, step = ZoneInfo(zone), timedelta(seconds=step_s)
    found: list[Moment] = []
    before = start.astimezone(info).replace(tzinfo=None)
    for number in range(1, hours * 3600 // step_s + 1):
        instant = start + number * step
        aware = instant.astimezone(info)
        wall = aware.replace(tzinfo=None)
        early, late = (wall.replace(tzinfo=info, fold=fold).utcoffset() for fold in (0, 1))
        missing = tuple(before + step * left for left in range(1, (wall - before) // step))
        found.append(Moment(int(instant.timestamp()), wall, early > late, bool(aware.fold), missing))
        before = wall
    return tuple(found)


def instants(spec: Spec, stretch: tuple[Moment, ...], fold: str, gap: str) -> list[int]:
    """Returns the instants that an expression names in a stretch of real time, in milliseconds."""
    found: list[int] = []
    for moment in stretch:
        counts = spec.names(moment.wall)
        if not spec.wildcard:
            if moment.repeated and fold != "both":
                counts = counts and moment.second_pass == (fold == "last")
            if gap == "shift" and any(map(spec.names, moment.missing)):
                counts = True
        if counts:
            found.append(moment.at_s * 1000)
    return found


@lru_cache(maxsize=1024)
def month_days(year: int, month: int) -> tuple[date, ...]:
    """Returns the days of a month."""
    return tuple(date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1))


@lru_cache(maxsize=1 << 16)
def day_of_month_matches(item: str, day: date) -> bool:
    """Tells whether one item of a day-of-month field names a day: a number, L, L-n, nW or LW."""
    days = month_days(day.year, day.month)
    weekdays = [each for each in days if each.isoweekday() <= 5]
    if item == "L":
        return day == days[-1]
    if item == "LW":
        return day == weekdays[-1]
    if item.startswith("L-"):
        return day.day == len(days) - int(item[2:])
    if item.endswith("W"):
        target = int(item[:-1])
        nearest = min(weekdays, key=lambda each: abs(each.day - target))
        return target <= len(days) and day == nearest
    return day.day == int(item)


@lru_cache(maxsize=1 << 16)
def day_of_week_matches(item: str, day: date) -> bool:
    """Tells whether one item of a day-of-week field names a day: a number, nL or n#m."""
    number, which = int(item[0]) % 7, item[1:]
    same = [each for each in month_days(day.year, day.month) if each.isoweekday() % 7 == number]
    if not which:
        return day in same
    if which == "L":
        return day == same[-1]
    place = int(which[1:])
    return place <= len(same) and day == same[place - 1]


def utc(text: str) -> datetime:
    """Reads an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
