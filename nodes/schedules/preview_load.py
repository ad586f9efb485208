"""How many jobs a set of schedules makes in each minute ahead, and which of them fall on the same second.

Decides how that is counted, and when counting gets too long. It must not know how anything is shown. Rule: up to
`INSTANTS_MAX` instants are looked at one by one, those of the calmest schedules first; the number of the others is
counted by the hour and spread evenly over its minutes, and they are in no collision. `Load.spread` says which.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final, NamedTuple

from ...actors.cron.calendar import Calendar
from ...actors.schedules.schedule import Schedule
from .preview import HOUR_MS, Planned

INSTANTS_MAX: Final = 250_000
KNOWN_SHARE: Final = 10
"""An instant that is known from another schedule costs this share of one that is looked for."""
COLLISIONS_SHOWN_MAX: Final = 10
NAMES_SHOWN_MAX: Final = 5
CELLS_MAX: Final = 288
HOURS_MAX: Final = 31 * 24
MINUTE_MS: Final = 60_000


class Collision(NamedTuple):
    """Schedules that fire in the same second."""

    instant_ms: int
    schedules: int
    """How many."""
    names: list[str]
    """Of the first few."""


@dataclass(slots=True)
class Load:
    """What a set of schedules does in the time ahead."""

    start_ms: int
    """A whole minute."""
    minutes: list[float]
    """Jobs in each minute from there on."""
    cell_minutes: int
    """How many minutes a cell of `each` has."""
    each: list[tuple[Planned, list[float]]] = field(default_factory=list[tuple[Planned, list[float]]])
    """Jobs in each cell, for each schedule that fires; busiest first."""
    spread: list[str] = field(default_factory=list[str])
    """Schedules whose instants were not looked at one by one."""
    collisions: list[Collision] = field(default_factory=list[Collision])
    """Those of most schedules."""
    collided: int = 0
    """Seconds with two schedules or more."""

    @property
    def total(self) -> int:
        """How many jobs."""
        return round(sum(self.minutes))

    @property
    def peak(self) -> float:
        """The most in one minute."""
        return max(self.minutes)

    @property
    def peak_ms(self) -> int:
        """The first minute that has the most."""
        return self.start_ms + self.minutes.index(self.peak) * MINUTE_MS


def load(schedules: Sequence[Planned], after_ms: int, hours: int) -> Load:
    """Counts the jobs of the hours ahead.

    Args:
        schedules: what is looked at; a job is counted when it fires, its jitter included.
        after_ms: from the minute of this instant on.
        hours: 1 to HOURS_MAX.
    """
    assert 1 <= hours <= HOURS_MAX, hours
    start_ms = after_ms // MINUTE_MS * MINUTE_MS
    until_ms = start_ms + hours * HOUR_MS
    found = Load(start_ms, [0.0] * (hours * 60), -(-hours * 60 // CELLS_MAX))
    counted = [(one.calendar.count(start_ms - 1, until_ms - 1), number) for number, one in enumerate(schedules)]
    left = INSTANTS_MAX
    known: dict[Calendar, list[int]] = {}
    fired: list[tuple[Planned, list[int]]] = []
    for count, number in sorted(counted):
        one = schedules[number]
        if not count:
            continue
        # Who has the calendar of another one, and no jitter, fires when that one does: nothing is to be walked.
        is_known = one.calendar in known and not one.definition.jitter_ms
        cost = count // KNOWN_SHARE + 1 if is_known else count
        if cost <= left:
            left -= cost
            fires = known[one.calendar] if is_known else _fires(one, start_ms, count)
            if not one.definition.jitter_ms:
                known[one.calendar] = fires
            fired.append((one, fires))
            minutes = Counter[int]((at_ms - start_ms) // MINUTE_MS for at_ms in fires)
        else:
            found.spread.append(one.name)
            minutes = _evenly(one, start_ms, hours)
        _add(found, one, minutes)
    found.each.sort(key=lambda pair: (-sum(pair[1]), pair[0].name))
    found.collisions, found.collided = _collisions(fired, until_ms)
    return found


def _add(found: Load, one: Planned, minutes: Mapping[int, float]) -> None:
    cells = [0.0] * -(-len(found.minutes) // found.cell_minutes)
    for minute, count in minutes.items():
        if minute < len(found.minutes):  # a jitter may move the last ones beyond
            found.minutes[minute] += count
            cells[minute // found.cell_minutes] += count
    found.each.append((one, cells))


def _fires(one: Planned, start_ms: int, count: int) -> list[int]:
    instants = one.calendar.times(start_ms - 1, count)
    if one.definition.jitter_ms:
        fires_ms = Schedule(0, "", "", one.definition).fires_ms
        return list(map(fires_ms, instants))
    return instants


def _evenly(one: Planned, start_ms: int, hours: int) -> dict[int, float]:
    found: dict[int, float] = {}
    step = max(1, hours // 24)
    for hour in range(0, hours, step):
        from_ms, stop = start_ms + hour * HOUR_MS, min(hours, hour + step)
        count = one.calendar.count(from_ms - 1, start_ms + stop * HOUR_MS - 1)
        minutes = range(hour * 60, stop * 60)
        found |= dict.fromkeys(minutes, count / len(minutes))
    return found


def _collisions(fired: list[tuple[Planned, list[int]]], until_ms: int) -> tuple[list[Collision], int]:
    seconds: Counter[int] = Counter()
    for _, fires in fired:
        seconds.update({at_ms // 1000 for at_ms in fires})
    shared = [(-count, second) for second, count in seconds.items() if count > 1 and second * 1000 < until_ms]
    top = [
        Collision(second * 1000, -count, _names(fired, second * 1000))
        for count, second in nsmallest(COLLISIONS_SHOWN_MAX, shared)
    ]
    return top, len(shared)


def _names(fired: list[tuple[Planned, list[int]]], second_ms: int) -> list[str]:
    """Returns the first few names of those that fire in a second."""
    names = sorted(one.name for one, fires in fired if _has(fires, second_ms))
    return names[:NAMES_SHOWN_MAX]


def _has(fires: list[int], second_ms: int) -> bool:
    place = bisect_left(fires, second_ms)
    return place < len(fires) and fires[place] < second_ms + 1000
