"""From wall times to instants: the walk along a zone's stretches.

Decides which instants a cron expression names in a zone; it must not know how the expression was written. All times
are seconds; a wall time counts as if it were UTC. A fixed expression follows the rules of its schedule for fold and
gap. One whose minute or hour field begins with `*` follows real time, as Debian's cron does: both passes of a fold,
and nothing for a gap.
"""

from datetime import date

from .clock import DAY_S, EPOCH_ORDINAL, DayTimes
from .days import DayRule, count_days, latest_day, next_day
from .zones import SLACK_S, Stretch, changes, stretches, year_of

_NEVER = 1 << 60  # a wall time after all others


class WallTimes:
    """The wall times that an expression names: its days, and the times of each."""

    __slots__ = ("days", "times")

    def __init__(self, days: DayRule, times: DayTimes) -> None:
        """Joins days and times of day."""
        self.days = days
        self.times = times

    def next_s(self, wall_s: int, stop_s: int) -> int:
        """Returns the first wall time in [wall_s, stop_s), or one that is never reached."""
        day, second = divmod(wall_s, DAY_S)
        stop = -(-stop_s // DAY_S)
        found = next_day(self.days, day, stop)
        if found == day:
            rank = self.times.rank(second)
            if rank < self.times.total:
                return self._before(day * DAY_S + self.times.at(rank), stop_s)
            found = next_day(self.days, day + 1, stop)
        return _NEVER if found is None else self._before(found * DAY_S + self.times.at(0), stop_s)

    @staticmethod
    def _before(found_s: int, stop_s: int) -> int:
        return found_s if found_s < stop_s else _NEVER

    def latest_s(self, wall_s: int, stop_s: int) -> int | None:
        """Returns the last wall time in [wall_s, stop_s)."""
        if stop_s <= wall_s:
            return None
        first, last = wall_s // DAY_S, (stop_s - 1) // DAY_S
        day = latest_day(self.days, first, last + 1)
        if day == last:
            rank = self.times.rank(stop_s - last * DAY_S)
            if rank:
                found_s = last * DAY_S + self.times.at(rank - 1)
                return found_s if found_s >= wall_s else None
            day = latest_day(self.days, first, last)
        if day is None:
            return None
        found_s = day * DAY_S + self.times.at(self.times.total - 1)
        return found_s if found_s >= wall_s else None

    def count(self, wall_s: int, stop_s: int) -> int:
        """Returns how many wall times lie in [wall_s, stop_s)."""
        if stop_s <= wall_s:
            return 0
        first, first_second = divmod(wall_s, DAY_S)
        last, last_second = divmod(stop_s, DAY_S)
        count = count_days(self.days, first, last) * self.times.total
        if next_day(self.days, first, first + 1) is not None:
            count -= self.times.rank(first_second)
        if next_day(self.days, last, last + 1) is not None:
            count += self.times.rank(last_second)
        assert count >= 0, "fewer than no wall times were counted"
        return count


class ZonedInstants:
    """The instants of wall times in a zone."""

    __slots__ = ("_fold", "_gap", "_here", "_wall", "_zone")

    def __init__(self, wall: WallTimes, zone: str, fold: str, gap: str) -> None:
        """Makes the instants.

        Args:
            wall: the wall times.
            zone: the name of the zone.
            fold: which pass of a repeated wall time counts: first, last or both.
            gap: what becomes of wall times that do not occur: shift or skip.
        """
        self._wall = wall
        self._zone = zone
        self._fold = fold
        self._gap = gap
        self._here = Stretch(0, 0, 0)  # the stretch that was used last

    def next_s(self, from_s: int, until_s: int) -> int | None:
        """Returns the first instant in [from_s, until_s)."""
        at_s, stop_s = from_s, until_s + SLACK_S
        while at_s < until_s:
            here = self._stretch(at_s)
            if here.from_s >= at_s:
                at_s = here.from_s
                if self._fills_gap(here):
                    return at_s if at_s < until_s else None
            wall_s = self._wall.next_s(at_s + here.offset_s, stop_s)
            found_s = wall_s - here.offset_s
            if found_s < here.until_s:
                assert found_s >= from_s, "an instant lies before the time that was asked about"
                return found_s if found_s < until_s else None
            # No wall time matches before found_s, unless a fold right here turns the wall back.
            near = here.until_s - at_s < SLACK_S
            at_s = here.until_s if near else max(here.until_s, found_s - SLACK_S)
        return None

    def latest_s(self, from_s: int, until_s: int) -> int | None:
        """Returns the last instant in [from_s, until_s)."""
        if until_s <= from_s:
            return None
        for year in range(year_of(until_s - 1), year_of(from_s) - 1, -1):
            for here in reversed(stretches(self._zone, year, self._fold, self._gap)):
                low_s, high_s = max(here.from_s, from_s), min(here.until_s, until_s)
                wall_s = self._wall.latest_s(low_s + here.offset_s, high_s + here.offset_s)
                if wall_s is not None:
                    return wall_s - here.offset_s
                if from_s <= here.from_s < until_s and self._fills_gap(here):
                    return here.from_s
        return None

    def count(self, from_s: int, until_s: int) -> int:
        """Returns how many instants lie in [from_s, until_s)."""
        if until_s <= from_s:
            return 0
        count = 0
        for year in range(year_of(from_s), year_of(until_s - 1) + 1):
            for here in stretches(self._zone, year, self._fold, self._gap):
                low_s, high_s = max(here.from_s, from_s), min(here.until_s, until_s)
                count += self._wall.count(low_s + here.offset_s, high_s + here.offset_s)
                if from_s <= here.from_s < until_s and self._fills_gap(here) and not self._matches(here, here.from_s):
                    count += 1
        return count

    def note(self, instant_s: int) -> str | None:
        """Returns what a change of offset does to an instant, or None."""
        for change in changes(self._zone, year_of(instant_s)):
            fold_s = change.before_s - change.after_s
            if fold_s < 0 and instant_s == change.at_s:
                return self._gap_note(self._stretch(instant_s))
            if change.at_s - fold_s <= instant_s < change.at_s:
                return "first of two"
            if change.at_s <= instant_s < change.at_s + fold_s:
                return "second of two"
        return None

    def _gap_note(self, here: Stretch) -> str | None:
        if not self._fills_gap(here):
            return None
        missing_s = self._wall.next_s(here.gap_s, here.gap_until_s)
        wall_s = here.from_s + here.offset_s
        also = "also stands for" if self._matches(here, here.from_s) else "shifted from"
        return f"{also} {wall_text(missing_s, missing_s // DAY_S != wall_s // DAY_S)}"

    def _stretch(self, at_s: int) -> Stretch:
        """Returns the stretch of an instant, or the first one after it."""
        here = self._here
        if here.from_s <= at_s < here.until_s:
            return here
        year = year_of(at_s)
        while True:
            for here in stretches(self._zone, year, self._fold, self._gap):
                if at_s < here.until_s:
                    self._here = here
                    return here
            year += 1

    def _fills_gap(self, here: Stretch) -> bool:
        """Tells whether the start of a stretch stands for wall times that did not occur."""
        return here.gap_s < here.gap_until_s and self._wall.next_s(here.gap_s, here.gap_until_s) < _NEVER

    def _matches(self, here: Stretch, instant_s: int) -> bool:
        wall_s = instant_s + here.offset_s
        return self._wall.next_s(wall_s, wall_s + 1) == wall_s


def wall_text(wall_s: int, with_date: bool) -> str:
    """Writes a wall time: 02:30, with its seconds if there are any, and with its date if asked to."""
    minute, second = divmod(wall_s % DAY_S, 60)
    text = f"{minute // 60:02}:{minute % 60:02}" + (f":{second:02}" if second else "")
    return f"{date.fromordinal(wall_s // DAY_S + EPOCH_ORDINAL)} {text}" if with_date else text
