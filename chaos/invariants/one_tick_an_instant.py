"""Every instant of a schedule is accounted for once, and one that fired has one job.

Why: promise P4. The instants are computed again from the calendar, one after the other: from the moment at which a
definition was taken up to the cursor, the rows of TICK cover each of them, none twice and none left out; an edit of
the timing begins at the edit, and what had come before was accounted for under the old definition.
"""

from ...actors.schedules import reasons
from ...actors.schedules.schedule import TIMING, Definition
from ..history import Decided
from ..memory_store import MemoryRows
from .schedule_walk import Record, Row, ScheduleWalk

_COUNTED_MAX = 3_000
"""Longer ranges are counted by the calendar, not instant by instant."""


class OneTickAnInstant(ScheduleWalk):
    """The rows of TICK against the calendar."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        super().begin()
        self.rows: dict[int, dict[int, Row]] = {}
        self.last: dict[int, int] = {}
        """Schedule -> where its newest row on the calendar begins, if a like one may extend it."""
        self.highest = 0
        self.named: set[int] = set()

    # Definitions.

    def added(self, record: Record, decided: Decided) -> None:
        """A new number follows the one before, and begins now."""
        if record.number != self.highest + 1:
            self.fail(f"{record} is added after schedule {self.highest}")
        self.highest = record.number
        self.rows[record.number] = {}
        wall_ms = decided.now.wall_ms
        if record.cursor_ms != wall_ms:
            self.fail(f"{record} is added at {wall_ms}, and its instants count from {record.cursor_ms}")
        self._next_fits(record, record.definition, record.cursor_ms, record.next_ms)

    def changed(
        self, record: Record, definition: Definition, cursor_ms: int, next_ms: int | None, decided: Decided
    ) -> None:
        """Before an edit all that had come is accounted for; another timing begins now."""
        self._settled(record, decided, "changed")
        self.last.pop(record.number, None)
        wanted_ms = record.cursor_ms
        if record.is_full or any(getattr(definition, name) != getattr(record.definition, name) for name in TIMING):
            wanted_ms = max(wanted_ms, decided.now.wall_ms)
        if cursor_ms != wanted_ms and list(definition) != list(record.definition):
            self.fail(f"{record} is changed, and its instants count from {cursor_ms}, not from {wanted_ms}")
        self._next_fits(record, definition, cursor_ms, next_ms)

    def _next_fits(self, record: Record, definition: Definition, cursor_ms: int, next_ms: int | None) -> None:
        is_full = definition.runs_max is not None and record.runs >= definition.runs_max
        wanted_ms = None if is_full else definition.calendar().next_ms(cursor_ms)
        if next_ms != wanted_ms:
            self.fail(f"{record}: after {cursor_ms} comes {wanted_ms}, and {next_ms} is written down")

    def removed(self, record: Record, decided: Decided) -> None:
        """What had come is accounted for, and what waited, too."""
        self._settled(record, decided, "removed")
        if record.buffered_ms is not None:
            self.fail(f"{record} is removed while {record.buffered_ms} waits")

    def paused(self, record: Record, paused: bool, decided: Decided) -> None:  # noqa: ARG002 - the hook's own
        """What had come was due to run, or not, before that."""
        self._settled(record, decided, "paused")

    def _settled(self, record: Record, decided: Decided, what: str) -> None:
        if record.is_full:
            return
        left_ms = record.calendar.next_ms(record.cursor_ms)
        if left_ms is not None and left_ms <= decided.now.wall_ms:
            self.fail(f"{record} is {what} at {decided.now.wall_ms}, and nothing became of {left_ms}")

    # Ticks.

    def ticked(self, record: Record, row: Row, decided: Decided) -> None:
        """Holds a row against the calendar, and its job against the entry."""
        fired = reasons.REASONS[row.reason].fired
        if fired != (row.job is not None) or (fired and row.instants != 1):
            self.fail(f"{record}: {row} fires, or not, and has no one job")
        rows = self.rows[record.number]
        if record.off_calendar(row):
            self._waited(record, row, rows)
        else:
            self._covers(record, row, rows)
        rows[row.from_ms] = row
        if row.job is not None:
            self._job_fits(record, row, decided)

    def _waited(self, record: Record, row: Row, rows: dict[int, Row]) -> None:
        """A run off the calendar, or an instant that has waited: the cursor stays."""
        known = rows.get(row.from_ms)
        if known is not None and known.reason != reasons.BUFFERED:
            self.fail(f"{record}: {row} takes the place of {known}")
        if (row.from_ms, row.instants, row.cursor_ms) != (row.to_ms, 1, record.cursor_ms):
            self.fail(f"{record}: {row} moves the cursor from {record.cursor_ms}, or is a range")
        self.last[record.number] = row.from_ms if row.job is None and row.to_ms == row.cursor_ms else -1

    def _covers(self, record: Record, row: Row, rows: dict[int, Row]) -> None:
        """The instants after the cursor, one after the other, are those of the row."""
        cursor_ms, count = record.cursor_ms, row.instants
        if row.from_ms in rows:  # it extends the last row
            old = rows[row.from_ms]
            if self.last.get(record.number) != row.from_ms or old.reason != row.reason or old.job is not None:
                self.fail(f"{record}: {row} takes the place of {old}")
            count -= old.instants
        elif row.from_ms != record.calendar.next_ms(cursor_ms):
            next_ms = record.calendar.next_ms(cursor_ms)
            self.fail(f"{record}: after {cursor_ms} comes {next_ms}, and {row.from_ms} is written down")
        if record.is_full:
            self.fail(f"{record} has had its {record.runs} runs, and goes on to {row}")
        if row.to_ms != row.cursor_ms:
            self.fail(f"{record}: {row} moves the cursor elsewhere than to its last instant")
        self._counts(record, row, cursor_ms, count)
        runs = record.runs + (row.job is not None)
        limit = record.definition.runs_max
        next_ms = None if limit is not None and runs >= limit else record.calendar.next_ms(row.to_ms)
        if row.next_ms != next_ms:
            self.fail(f"{record}: after {row.to_ms} comes {next_ms}, and {row.next_ms} is written down")
        is_skip = row.job is None and row.reason != reasons.BUFFERED
        self.last[record.number] = row.from_ms if is_skip else -1

    def _counts(self, record: Record, row: Row, cursor_ms: int, count: int) -> None:
        found, at_ms = 0, cursor_ms
        if 0 < count <= _COUNTED_MAX:
            times = record.calendar.times(cursor_ms, count)
            found, at_ms = len(times), times[-1] if times else cursor_ms
        elif count > 0:
            found = record.calendar.count(cursor_ms, row.to_ms)
            at_ms = record.calendar.latest_ms(cursor_ms, row.to_ms) or cursor_ms
        if found != count or at_ms != row.to_ms or count <= 0:
            self.fail(f"{record}: {row} counts {count} instants after {cursor_ms}; there are {found}, up to {at_ms}")

    def _job_fits(self, record: Record, row: Row, decided: Decided) -> None:
        assert row.job is not None
        made = self.made.get(row.job)
        if made is None or row.job in self.named:
            self.fail(f"{record}: {row} names a job that this entry does not make, or that is another tick's")
            return
        self.named.add(row.job)
        definition = record.definition
        if (made[1], made[5], made[6]) != (definition.payload, definition.retry, definition.timeout_ms):
            self.fail(f"{record}: its job {row.job} is not what it defines: {made}")
        off = row.reason in (reasons.MANUAL, reasons.REBOOT)
        if made[2] != (decided.now.wall_ms if off else row.from_ms):
            self.fail(f"{record}: {row} has a job that is nominally for {made[2]}")

    def ended_entry(self, decided: Decided) -> None:
        """Every job that nobody submitted is one of a tick."""
        strays = self.made.keys() - self.named
        if strays:
            self.fail(f"entry {decided.index} makes jobs {sorted(strays)} that belong to no tick")

    def at_end(self) -> None:
        """The rows that the store has are those of the log."""
        rows: MemoryRows = self.leader().store.rows
        for (number, from_ms), tick in rows.schedules.ticks.items():
            row = self.rows[number].get(from_ms)
            if row is None or (row.to_ms, row.instants, row.reason, row.job) != tuple(tick[2:6]):
                self.fail(f"the store has {tick}, the log {row}")
