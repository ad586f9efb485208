"""A look ahead: which times a set of schedules names next, and when the clocks of their zones change.

Decides what is looked at and how far. It must not know where schedules come from, nor how anything is shown. Rule: a
paused schedule is looked at as if it ran, for that is what somebody wants to know before it is resumed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from heapq import heapify, heappop, heapreplace
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from ...actors.cron.calendar import Calendar
from ...actors.cron.zones import changes
from ...actors.schedules.schedule import Definition

TRANSITIONS_MAX: Final = 20
HOUR_MS: Final = 3_600_000
_ENDED: Final = frozenset({"ended", "removed"})


class Planned(NamedTuple):
    """One schedule to look at."""

    definition: Definition
    calendar: Calendar
    paused: bool = False
    source: str = ""

    @property
    def name(self) -> str:
        """Its name, with its tenant where that is not the default one."""
        tenant = self.definition.tenant
        return self.definition.name if tenant == "default" else f"{tenant}/{self.definition.name}"


class Upcoming(NamedTuple):
    """One time that a schedule names."""

    instant_ms: int
    name: str
    zone: str
    note: str | None
    """What the clocks have done to it."""


class Transition(NamedTuple):
    """The clocks of a zone change."""

    instant_ms: int
    zone: str
    before_s: int
    """Seconds east of UTC until then."""
    after_s: int


def definition(
    expression: str,
    zone: str = "UTC",
    *,
    name: str = "",
    tenant: str = "default",
    fold: str = "first",
    gap: str = "shift",
    start_ms: int | None = None,
    end_ms: int | None = None,
    jitter_ms: int = 0,
) -> Definition:
    """Makes a definition that has times and no job."""
    return Definition(
        name=name or expression, tenant=tenant, queue="default", task="", payload="", priority=0, retry=None,
        timeout_ms=None, expression=expression, zone=zone, fold=fold, gap=gap, start_ms=start_ms, end_ms=end_ms,
        jitter_ms=jitter_ms, catch_up="latest", window_ms=HOUR_MS, grace_ms=60_000, overlap="skip", runs_max=None,
        paused=None, note=None,
    )  # fmt: skip


def planned(defined: Definition, *, paused: bool = False, source: str = "") -> Planned:
    """Prepares a definition to be looked at.

    Raises:
        ValueError: the expression or the zone is none; the text says why, and the mend.
    """
    return Planned(defined, defined.calendar(), paused, source)


def of_rows(rows: Iterable[Sequence[Any]], source: str) -> list[Planned]:
    """Prepares rows of SCHEDULE_COLUMNS, as a file of schedules is read into."""
    found = [Definition._make(row) for row in rows]
    return [planned(one, paused=one.paused is True, source=source) for one in found]


def of_listing(rows: Iterable[Mapping[str, Any]]) -> list[Planned]:
    """Prepares what a node lists of its schedules; those that have ended are left out."""
    return [
        planned(
            definition(
                row["expression"], row["zone"], name=row["name"], tenant=row["tenant"], fold=row["fold"],
                gap=row["gap"], start_ms=row["start_ms"], end_ms=row["end_ms"], jitter_ms=row["jitter_ms"],
            ),
            paused=row["state"] == "paused",
            source=row["source"],
        )
        for row in rows
        if row["state"] not in _ENDED
    ]  # fmt: skip


def upcoming(schedules: Iterable[Planned], after_ms: int, count: int) -> list[Upcoming]:
    """Returns the next times of all schedules together, earliest first.

    Args:
        schedules: what is looked at.
        after_ms: times behind this.
        count: how many at most.
    """
    found = [(at_ms, number, one) for number, one in enumerate(schedules) if (at_ms := one.calendar.next_ms(after_ms))]
    heapify(found)
    told: list[Upcoming] = []
    while found and len(told) < count:
        at_ms, number, one = found[0]
        told.append(Upcoming(at_ms, one.name, one.calendar.expression.zone, one.calendar.note(at_ms)))
        following_ms = one.calendar.next_ms(at_ms)
        if following_ms is None:
            heappop(found)
        else:
            heapreplace(found, (following_ms, number, one))
    return told


def transitions(schedules: Iterable[Planned], after_ms: int, until_ms: int) -> list[Transition]:
    """Returns when the clocks of the schedules' zones change in (after_ms, until_ms]; the first ones, if many."""
    zones = sorted({one.calendar.expression.zone for one in schedules})
    found = sorted(change for zone in zones for change in _changes(zone, after_ms, until_ms))
    return found[:TRANSITIONS_MAX]


def _changes(zone: str, after_ms: int, until_ms: int) -> Iterator[Transition]:
    last_year, told = _year(until_ms), set[int]()
    for year in range(_year(after_ms), last_year + 1):
        for at_s, before_s, after_s in changes(zone, year):
            if after_ms < at_s * 1000 <= until_ms and at_s not in told:
                told.add(at_s)
                yield Transition(at_s * 1000, zone, before_s, after_s)
        if len(told) >= TRANSITIONS_MAX:
            return


def reboots(schedules: Iterable[Planned]) -> list[str]:
    """Returns the names of those that have no times: they fire when the host was started."""
    return [one.name for one in schedules if one.calendar.is_reboot]


def in_zone(instant_ms: int, zone: str) -> datetime:
    """Returns an instant as the clocks of a zone show it."""
    return datetime.fromtimestamp(instant_ms / 1000, UTC).astimezone(ZoneInfo(zone))


def _year(instant_ms: int) -> int:
    return datetime.fromtimestamp(instant_ms / 1000, UTC).year
