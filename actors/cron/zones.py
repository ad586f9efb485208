"""Time zones: the stretches of real time in which a zone keeps one offset, and which of their wall times count.

Decides how a wall time becomes an instant, whatever names the wall times; it must not know cron expressions. All times
are whole seconds: instants since the epoch, wall times as if they were UTC. Zone rules are data, read from the zone
files of the machine when a zone is first used; a year of them is found by probing each day and bisecting.

| at a change of offset             | rule            | what counts                                               |
|-----------------------------------|-----------------|-----------------------------------------------------------|
| wall times that occur twice       | fold `first`    | their first pass                                          |
|                                   | fold `last`     | their second pass                                         |
|                                   | fold `both`     | both passes                                               |
| wall times that do not occur      | gap `shift`     | all of them together once, at the first instant after     |
|                                   | gap `skip`      | none of them                                              |
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from .clock import DAY_S, EPOCH_ORDINAL

FIRST_S: Final = 0  # 1970-01-01
STOP_S: Final = 7_258_118_400  # 2200-01-01: calendars end here
# No two offsets differ by more: they lie between -12 and +14 hours, and within a day of UTC before there were zones.
SLACK_S: Final = 2 * DAY_S
_OWN_TO_A_MACHINE = ("localtime", "posixrules", "Factory", "right/", "posix/")


class Change(NamedTuple):
    """A change of offset: its instant, and the seconds east of UTC before and from it on."""

    at_s: int
    before_s: int
    after_s: int


class Stretch(NamedTuple):
    """Instants [from_s, until_s) whose wall times, offset_s later, count once.

    Wall times in [gap_s, gap_until_s) do not occur, and count at from_s; there are none if both are 0.
    """

    from_s: int
    until_s: int
    offset_s: int
    gap_s: int = 0
    gap_until_s: int = 0


@lru_cache(maxsize=1024)
def zone_info(zone: str) -> tzinfo:
    """Finds a zone.

    Args:
        zone: its name, such as "Europe/Riga".

    Returns:
        The zone.

    Raises:
        ValueError: there is no such zone, or it means something else on each machine.
    """
    if zone == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    if zone.startswith(_OWN_TO_A_MACHINE):
        raise ValueError(f"time zone {zone[:60]!r} is not the same on every machine; give one such as 'Europe/Riga'")
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {zone[:60]!r}; {_zone_mend(zone[:60])}") from None


def _zone_mend(zone: str) -> str:
    """Returns what to write instead of a zone that is not known."""
    from difflib import get_close_matches

    names = _zone_names()
    if not names:
        return "this machine has no zone files, install tzdata"
    near = get_close_matches(zone.casefold(), names, 1)
    return f"did you mean {names[near[0]]!r}?" if near else "give a name such as 'Europe/Riga' or 'UTC'"


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    """Returns the zones of this machine, by their names in small letters; finding them takes many looks at files."""
    from zoneinfo import available_timezones

    return {name.casefold(): name for name in available_timezones()}


def year_of(instant_s: int) -> int:
    """Returns the year of an instant in UTC."""
    return date.fromordinal(instant_s // DAY_S + EPOCH_ORDINAL).year


def year_start_s(year: int) -> int:
    """Returns the first instant of a year in UTC."""
    return (date(year, 1, 1).toordinal() - EPOCH_ORDINAL) * DAY_S


@lru_cache(maxsize=4096)
def changes(zone: str, year: int) -> tuple[Change, ...]:
    """Returns the changes of offset in a year of UTC and two days around it, ascending."""
    if zone == "UTC":
        return ()
    info = zone_info(zone)
    found: list[Change] = []
    start_s, stop_s = year_start_s(year) - SLACK_S, year_start_s(year + 1) + SLACK_S
    known_s = _offset_s(info, start_s)
    for probe_s in range(start_s + DAY_S, stop_s + 1, DAY_S):
        offset_s = _offset_s(info, probe_s)
        if offset_s != known_s:
            found.append(Change(_bisected(info, probe_s - DAY_S, probe_s, known_s), known_s, offset_s))
            known_s = offset_s
    return tuple(found)


def _bisected(info: tzinfo, low_s: int, high_s: int, before_s: int) -> int:
    """Returns the first instant in (low_s, high_s] whose offset is no longer before_s."""
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if _offset_s(info, middle_s) == before_s:
            low_s = middle_s
        else:
            high_s = middle_s
    return high_s


def _offset_s(info: tzinfo, instant_s: int) -> int:
    offset = datetime.fromtimestamp(instant_s, info).utcoffset()
    assert offset is not None, "a zone gives an offset for each instant"
    return offset // timedelta(seconds=1)


@lru_cache(maxsize=8192)
def stretches(zone: str, year: int, fold: str, gap: str) -> tuple[Stretch, ...]:
    """Cuts a year into stretches, by the rules in the docstring of this module.

    Args:
        zone: the name of a zone.
        year: a year of UTC.
        fold: first, last or both.
        gap: shift or skip.

    Returns:
        The stretches of that year in UTC, ascending and apart.
    """
    start_s, stop_s = year_start_s(year), year_start_s(year + 1)
    around = changes(zone, year)
    found: list[Stretch] = []
    for index in range(len(around) + 1):
        before = around[index - 1] if index else None
        after = around[index] if index < len(around) else None
        from_s = start_s if before is None else before.at_s
        until_s = stop_s if after is None else after.at_s
        gap_s = gap_until_s = 0
        if before is not None and before.after_s > before.before_s and gap == "shift" and from_s >= start_s:
            gap_s, gap_until_s = from_s + before.before_s, from_s + before.after_s
        if before is not None and before.after_s < before.before_s and fold == "first":
            from_s += before.before_s - before.after_s
        if after is not None and after.after_s < after.before_s and fold == "last":
            until_s -= after.before_s - after.after_s
        from_s, until_s = max(from_s, start_s), min(until_s, stop_s)
        if from_s < until_s:
            offset_s = before.after_s if before else after.before_s if after else _year_offset_s(zone, year)
            found.append(Stretch(from_s, until_s, offset_s, gap_s, gap_until_s))
    assert all(one.until_s <= other.from_s for one, other in pairwise(found)), "stretches overlap"
    return tuple(found)


def _year_offset_s(zone: str, year: int) -> int:
    return 0 if zone == "UTC" else _offset_s(zone_info(zone), year_start_s(year))
