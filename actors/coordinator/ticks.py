"""Ticks: the instants of schedules become jobs, each once, and what became of each is written down.

Decides what the overlap rule and a full queue make of an instant that is due, and commits the job, the tick and the
move of the cursor in one entry: so there is one job for an instant, whatever dies when. Rules: docs/schedules.md;
docs/promises.md, P4. What time alone decides stands in actors/schedules/due.py.
"""

from typing import Any

from ..entries import TICK
from ..limits import LEAD_MS, SETTLED_TICKS, TICK_CHARS_A_TURN, TICKS_A_SCHEDULE, TICKS_A_TURN
from ..schedules import reasons
from ..schedules.due import fates, passed
from ..schedules.schedule import Definition, Schedule
from . import making
from .state import ShardState


class Ticks:
    """The ticks of one turn: jobs and rows are gathered, and written in one SUBMIT and one TICK."""

    def __init__(self, state: ShardState) -> None:
        self.state = state
        self.rows: list[list[Any]] = []
        self.jobs: list[making.NewJob] = []
        self.started: dict[int, int] = {}  # number -> jobs that this turn makes
        self.buffered: set[int] = set()
        self.released: set[int] = set()  # what waited in these waits no more
        self.queued: dict[str, int] = {}
        self.chars = 0  # of the jobs' arguments
        self.settled = 0  # rows that were written because something changes

    @property
    def is_enough(self) -> bool:
        """Whether one turn has decided as much as it should."""
        return len(self.rows) >= TICKS_A_TURN or self.chars >= TICK_CHARS_A_TURN

    def account(self, schedule: Schedule) -> int:
        """Decides what becomes of the instants of a schedule that are due; returns how many fates that were.

        Raises:
            ValueError: its calendar cannot be made.
        """
        if self._is_full(schedule):
            return 0
        found = fates(schedule, self.state.now.wall_ms, LEAD_MS, TICKS_A_SCHEDULE)
        chars_max = self.chars + TICK_CHARS_A_TURN
        for at, (from_ms, to_ms, count, reason) in enumerate(found):
            if reasons.REASONS[reason].fired:
                is_last = self._fire(schedule, from_ms, reason)
            else:
                is_last = self._pass(schedule, from_ms, to_ms, count, reason)
            if is_last or self.chars >= chars_max:
                return at + 1  # its last run or instant, or what is left is for the next turn
        return len(found)

    def _fire(self, schedule: Schedule, instant_ms: int, reason: int) -> bool:
        """Makes the job of an instant, if nothing stands in the way; returns whether it was the schedule's last."""
        reason = self._gate(schedule, reason)
        if reasons.REASONS[reason].fired:
            self._start(schedule, instant_ms, schedule.fires_ms(instant_ms))
        return self._pass(schedule, instant_ms, instant_ms, 1, reason)

    def _pass(self, schedule: Schedule, from_ms: int, to_ms: int, count: int, reason: int) -> bool:
        """Moves the cursor over instants; returns whether they were the schedule's last."""
        next_ms = None if self._is_full(schedule) else schedule.definition.calendar().next_ms(to_ms)
        self._row(schedule, from_ms, to_ms, count, reason, cursor_ms=to_ms, next_ms=next_ms)
        return next_ms is None

    def _is_full(self, schedule: Schedule) -> bool:
        limit = schedule.definition.runs_max
        return limit is not None and schedule.runs + self.started.get(schedule.number, 0) >= limit

    def is_busy(self, schedule: Schedule) -> bool:
        """Says whether a job of an earlier instant lives."""
        return schedule.live > 0 or schedule.number in self.started

    def _gate(self, schedule: Schedule, reason: int) -> int:
        """Returns the reason with which an instant that is due fires, or does not."""
        overlap = schedule.definition.overlap
        if overlap != "allow" and self.is_busy(schedule):
            if overlap == "skip":
                return reasons.OVERLAP
            waits = schedule.buffered_ms is not None and schedule.number not in self.released
            if waits or schedule.number in self.buffered:
                return reasons.BUFFER_FULL
            self.buffered.add(schedule.number)
            return reasons.BUFFERED
        return reason if self.has_room(schedule.definition) else reasons.QUEUE_FULL

    def has_room(self, definition: Definition) -> bool:
        """Says whether the schedule's queue takes another job."""
        return making.has_room(self.state, definition, self.queued.get(definition.queue, 0))

    def settle(self, schedule: Schedule) -> None:
        """Accounts for every instant up to now, before something about the schedule changes.

        Those that the jitter would move beyond now get their jobs, too: no instant that has come is lost by an edit.
        Only where one change would write very many, the rest of a schedule's backlog is passed over.

        Raises:
            ValueError: its calendar cannot be made.
        """
        wall_ms = self.state.now.wall_ms
        is_first = True
        while schedule.next_ms is not None and schedule.next_ms <= wall_ms:
            if not is_first and (self.settled >= SETTLED_TICKS or self.chars >= TICK_CHARS_A_TURN):
                for fate in passed(schedule, wall_ms, reasons.CUT_SHORT):
                    self._pass(schedule, *fate)
            elif self.account(schedule) == 0:
                next_ms = schedule.definition.calendar().next_ms(schedule.cursor_ms)
                if next_ms is None or next_ms > wall_ms:
                    break  # the zones have changed, and its next instant was not computed again yet
                self._fire(schedule, next_ms, reasons.ON_TIME)
            is_first = False
            self.settled += len(self.rows)
            self.write()

    def _start(self, schedule: Schedule, scheduled_ms: int, fires_ms: int, key: str | None = None) -> None:
        definition = schedule.definition
        self.started[schedule.number] = self.started.get(schedule.number, 0) + 1
        self.queued[definition.queue] = self.queued.get(definition.queue, 0) + 1
        self.chars += len(definition.payload)
        self.jobs.append(making.NewJob(definition, scheduled_ms, fires_ms, key))

    def release(self, schedule: Schedule) -> None:
        """Starts the job of an instant that has waited for an earlier one to end."""
        instant_ms = schedule.buffered_ms
        if instant_ms is None or schedule.live or schedule.paused:
            return
        self.released.add(schedule.number)
        if not self.has_room(schedule.definition):
            self._same(schedule, instant_ms, reasons.QUEUE_FULL)
            return
        self._start(schedule, instant_ms, instant_ms)
        self._same(schedule, instant_ms, reasons.AFTER_OTHER)

    def drop(self, schedule: Schedule) -> None:
        """Accounts for an instant that waits in a schedule that is removed."""
        if schedule.buffered_ms is not None:
            self._same(schedule, schedule.buffered_ms, reasons.REMOVED)

    def start_now(self, schedule: Schedule, reason: int, key: str | None = None) -> None:
        """Starts a job that no instant of the calendar asks for; a full queue takes none, and that is noted."""
        image, wall_ms = self.state.image, self.state.now.wall_ms
        instant_ms = max(image.stamp_ms, image.book.manual_ms + 1)
        if instant_ms % 1_000 == 0:
            instant_ms += 1  # the calendar's instants stand on whole seconds
        # The stamp goes along: it is durable, so no run after a restart takes the instant of one before.
        image.book.manual_ms = image.stamp_ms = instant_ms
        if not self.has_room(schedule.definition):
            self._same(schedule, instant_ms, reasons.QUEUE_FULL)
            return
        self._start(schedule, wall_ms, wall_ms, key)
        self._same(schedule, instant_ms, reason)

    def _same(self, schedule: Schedule, instant_ms: int, reason: int) -> None:
        """Notes a job that leaves the cursor where it is."""
        next_ms = None if self._is_full(schedule) else schedule.next_ms
        self._row(schedule, instant_ms, instant_ms, 1, reason, cursor_ms=schedule.cursor_ms, next_ms=next_ms)

    def _row(
        self,
        schedule: Schedule,
        from_ms: int,
        to_ms: int,
        count: int,
        reason: int,
        *,
        cursor_ms: int,
        next_ms: int | None,
    ) -> None:
        self.state.count("ticks_" + reasons.REASONS[reason].name, count)
        self.rows.append([schedule.number, from_ms, to_ms, count, reason, None, cursor_ms, next_ms])

    def write(self) -> list[int]:
        """Writes the jobs and the ticks down; returns the ids of the jobs, in order."""
        if not self.rows:
            return []
        state = self.state
        ids = making.make(state, self.jobs)
        self.jobs = []
        given = iter(ids)
        book = state.image.book
        for row in self.rows:
            if reasons.REASONS[row[4]].fired:
                row[5] = next(given)
        assert next(given, None) is None, "each job belongs to a tick"
        op = [TICK, _joined(self.rows, book.by_number)]
        state.log(op)
        book.apply_tick(op)
        self.rows = []
        self.started.clear()
        self.buffered.clear()
        self.released.clear()
        self.queued.clear()
        return ids


def _joined(rows: list[list[Any]], by_number: dict[int, Schedule]) -> list[list[Any]]:
    """Returns the rows, with those joined that follow on from each other and say the same."""
    joined: dict[int, list[Any]] = {}
    found: list[list[Any]] = []
    for row in rows:
        number, from_ms, to_ms, count, reason = row[:5]
        last = joined.get(number)
        skip = by_number[number].skip if last is None else (last[1], last[3], last[4]) if _grows(last) else None
        if skip is not None and skip[2] == reason and reason != reasons.BUFFERED and _grows(row):
            row[1], row[3] = skip[0], skip[1] + count
            if last is not None:
                last[:] = row
                continue
        joined[number] = row
        found.append(row)
        assert row[1] <= from_ms <= to_ms, "a joined range begins earlier"
    return found


def _grows(row: list[Any]) -> bool:
    """Says whether a row is of skipped instants at the cursor; one that has waited may lie behind it."""
    return row[5] is None and row[2] == row[6]
