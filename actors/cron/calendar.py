"""A calendar: the instants of a cron expression in its zone, under a schedule's rules, between its start and end.

Decides nothing of its own: it joins expression, walk and bounds, and turns milliseconds into whole seconds. Instants
are nominal: whole seconds of UTC, as milliseconds since the epoch. Calendars end with the year 2199; one that does not
state years gives up when about 50 years hold no instant.
"""

from functools import lru_cache
from typing import Final

from ...broker.wire.rows import FOLDS, GAPS
from .clock import DayTimes
from .every import EveryInstants
from .expression import Expression, parse
from .walk import WallTimes, ZonedInstants
from .zones import FIRST_S, STOP_S

REACH_S: Final = 50 * 366 * 86400


class Calendar:
    """Instants, ascending; all times are UTC milliseconds since the epoch."""

    __slots__ = ("_first_s", "_instants", "_reach_s", "_stop_s", "expression", "is_reboot")

    def __init__(self, expression: Expression, fold: str, gap: str, start_ms: int | None, end_ms: int | None) -> None:
        """Makes a calendar; `calendar` does so once for equal arguments.

        Args:
            expression: what was read.
            fold: which pass of a repeated wall time counts: first, last or both.
            gap: what becomes of wall times that do not occur: shift or skip.
            start_ms: no instant comes before it; the anchor of `@every`.
            end_ms: no instant comes after it.
        """
        self.expression = expression
        self.is_reboot = expression.is_reboot
        self._first_s = FIRST_S if start_ms is None else max(FIRST_S, -(-start_ms // 1000))
        self._stop_s = STOP_S if end_ms is None else min(STOP_S, end_ms // 1000 + 1)
        self._reach_s = REACH_S if not expression.days.years and not expression.every_s else STOP_S
        self._instants: EveryInstants | ZonedInstants | None = None
        if expression.every_s:
            self._instants = EveryInstants(expression.every_s, self._first_s)
        elif not expression.is_reboot:
            if expression.wildcard:
                fold, gap = "both", "skip"
            times = _day_times(expression.hours, expression.minutes, expression.seconds)
            self._instants = ZonedInstants(WallTimes(expression.days, times), expression.zone, fold, gap)

    def next_ms(self, after_ms: int) -> int | None:
        """Returns the first instant after a time, or None if there is none."""
        if self._instants is None:
            return None
        from_s = max(self._first_s, after_ms // 1000 + 1)
        found_s = self._instants.next_s(from_s, min(self._stop_s, from_s + self._reach_s))
        if found_s is None:
            return None
        assert found_s * 1000 > after_ms, "the next instant must come later"
        return found_s * 1000

    def latest_ms(self, after_ms: int, until_ms: int) -> int | None:
        """Returns the last instant in (after_ms, until_ms], or None if there is none."""
        if self._instants is None:
            return None
        found_s = self._instants.latest_s(*self._span(after_ms, until_ms))
        assert found_s is None or after_ms < found_s * 1000 <= until_ms, "the latest instant left its span"
        return None if found_s is None else found_s * 1000

    def count(self, after_ms: int, until_ms: int) -> int:
        """Returns how many instants lie in (after_ms, until_ms]; it counts by days."""
        if self._instants is None:
            return 0
        return self._instants.count(*self._span(after_ms, until_ms))

    def times(self, after_ms: int, count: int) -> list[int]:
        """Returns the first instants after a time, at most `count` of them."""
        found: list[int] = []
        at_ms: int | None = after_ms
        while len(found) < count and (at_ms := self.next_ms(at_ms)) is not None:
            found.append(at_ms)
        return found

    def note(self, instant_ms: int) -> str | None:
        """Returns what a change of the zone's offset does to an instant.

        Args:
            instant_ms: one of the instants; for any other time there is nothing to say.

        Returns:
            "shifted from 02:30", "also stands for 02:00" where it is an instant anyway, "first of two" or "second of
            two" where its wall time occurs twice, else None.
        """
        if not isinstance(self._instants, ZonedInstants) or self.next_ms(instant_ms - 1) != instant_ms:
            return None
        return self._instants.note(instant_ms // 1000)

    def _span(self, after_ms: int, until_ms: int) -> tuple[int, int]:
        return max(self._first_s, after_ms // 1000 + 1), min(self._stop_s, until_ms // 1000 + 1)


def calendar(
    text: str,
    zone: str = "UTC",
    fold: str = "first",
    gap: str = "shift",
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> Calendar:
    """Returns the calendar of a schedule, the same one for equal arguments.

    Args:
        text: a cron expression.
        zone: the name of its time zone, unless it names one itself.
        fold: which pass of a repeated wall time counts: first, last or both.
        gap: what becomes of wall times that do not occur: shift (to the first instant after) or skip.
        start_ms: no instant comes before it; the anchor of `@every`.
        end_ms: no instant comes after it.

    Returns:
        The calendar.

    Raises:
        ValueError: the expression, the zone or a rule is not accepted; the text says what to write instead.
    """
    if fold not in FOLDS:
        raise ValueError(f"fold {fold!r} is not known; give {', '.join(FOLDS[:-1])} or {FOLDS[-1]}")
    if gap not in GAPS:
        raise ValueError(f"gap {gap!r} is not known; give {', '.join(GAPS[:-1])} or {GAPS[-1]}")
    return _calendar(parse(text, zone), fold, gap, start_ms, end_ms)


@lru_cache(maxsize=16384)
def _calendar(expression: Expression, fold: str, gap: str, start_ms: int | None, end_ms: int | None) -> Calendar:
    return Calendar(expression, fold, gap, start_ms, end_ms)


@lru_cache(maxsize=4096)
def _day_times(hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...]) -> DayTimes:
    return DayTimes(hours, minutes, seconds)
