"""What time makes of a schedule's instants: which fire now, which were missed, and what catch-up does with those.

Decides by the clock and the definition alone; whether an earlier job stands in the way, the coordinator decides after
it. Rule: docs/schedules.md, "Catching up". Instants come in order and without a gap, so the cursor can follow them.
"""

from typing import NamedTuple

from ..cron.calendar import Calendar
from . import reasons
from .schedule import Schedule

INSTANT_MS = 1_000
"""Instants are whole seconds."""


class Fate(NamedTuple):
    """What becomes of the `count` instants from from_ms to to_ms; one that fires stands alone."""

    from_ms: int
    to_ms: int
    count: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)
    reason: int


def fates(schedule: Schedule, wall_ms: int, lead_ms: int, most: int) -> list[Fate]:
    """Returns the fates of the instants that are due at `wall_ms`, or within the lead; about `most` at the most.

    Raises:
        ValueError: its calendar cannot be made (its zone is not known on this machine).
    """
    assert most > 0, "some instants are asked for"
    definition = schedule.definition
    calendar = definition.calendar()
    cursor_ms = schedule.cursor_ms
    if schedule.paused:
        return passed(schedule, wall_ms, reasons.PAUSED)
    # A share of the jitter more: who fires late by its own hash was not missed.
    late_ms = wall_ms - definition.grace_ms - definition.jitter_ms - 1
    missed_ms = calendar.latest_ms(cursor_ms, late_ms) if late_ms > cursor_ms else None
    found: list[Fate] = []
    if missed_ms is not None:
        found = _missed(schedule, calendar, missed_ms, wall_ms, lead_ms, most)
        cursor_ms = found[-1].to_ms
        if cursor_ms < missed_ms:
            return found
    instant_ms = calendar.next_ms(cursor_ms)
    while instant_ms is not None and len(found) < most and schedule.fires_ms(instant_ms) - lead_ms <= wall_ms:
        found.append(Fate(instant_ms, instant_ms, 1, reasons.ON_TIME))
        instant_ms = calendar.next_ms(instant_ms)
    return found


def passed(schedule: Schedule, wall_ms: int, reason: int) -> list[Fate]:
    """Returns the one fate of all instants that have come; none, if none has.

    Raises:
        ValueError: its calendar cannot be made.
    """
    calendar = schedule.definition.calendar()
    return _range(calendar, schedule.cursor_ms, calendar.latest_ms(schedule.cursor_ms, wall_ms), reason)


def _missed(
    schedule: Schedule, calendar: Calendar, missed_ms: int, wall_ms: int, lead_ms: int, most: int
) -> list[Fate]:
    """Returns the fates of the instants after the cursor up to `missed_ms`, the last one beyond the grace."""
    definition, cursor_ms = schedule.definition, schedule.cursor_ms
    oldest_ms = wall_ms - definition.window_ms
    if definition.catch_up == "skip":
        return _range(calendar, cursor_ms, missed_ms, reasons.MISSED)
    if definition.catch_up == "all":
        older_ms = min(oldest_ms - 1, missed_ms)  # what is within the grace fires, however small the window
        found = _range(calendar, cursor_ms, calendar.latest_ms(cursor_ms, older_ms), reasons.TOO_OLD)
        instant_ms = calendar.next_ms(found[-1].to_ms if found else cursor_ms)
        while instant_ms is not None and instant_ms <= missed_ms and len(found) < most:
            found.append(Fate(instant_ms, instant_ms, 1, reasons.CAUGHT_UP))
            instant_ms = calendar.next_ms(instant_ms)
        return found
    assert definition.catch_up == "latest", definition.catch_up
    newer_ms = calendar.next_ms(missed_ms)
    if newer_ms is not None and schedule.fires_ms(newer_ms) - lead_ms <= wall_ms:
        return _range(calendar, cursor_ms, missed_ms, reasons.SUPERSEDED)
    if missed_ms < oldest_ms:
        return _range(calendar, cursor_ms, missed_ms, reasons.TOO_OLD)
    before_ms = calendar.latest_ms(cursor_ms, missed_ms - INSTANT_MS)
    newest = Fate(missed_ms, missed_ms, 1, reasons.CAUGHT_UP)
    return [*_range(calendar, cursor_ms, before_ms, reasons.SUPERSEDED), newest]


def _range(calendar: Calendar, cursor_ms: int, to_ms: int | None, reason: int) -> list[Fate]:
    """Returns the one fate of all instants after the cursor up to `to_ms`; none, if that is None."""
    if to_ms is None:
        return []
    from_ms = calendar.next_ms(cursor_ms)
    assert from_ms is not None, "a range that ends at an instant begins at one"
    return [Fate(from_ms, to_ms, calendar.count(cursor_ms, to_ms), reason)]
