"""What became of each instant is what its schedule's rules say, by the clock of who decided it.

Why: promises P4 and P6: the reason that stands at an instant must be the true one. Overlap: while a job of an earlier
instant lives, none is made unless the rule is allow. Pause: nothing fires. Time: nothing fires early, and catch-up is
for what was missed. The jitter of an instant is the same each time.
"""

from collections.abc import Iterable
from typing import Any

from ...actors.entries import PAUSE, SCHEDULE, UNSCHEDULE
from ...actors.schedules import reasons
from ..history import Decided
from .schedule_walk import Record, Row, ScheduleWalk

_GATED = (reasons.OVERLAP, reasons.BUFFERED, reasons.BUFFER_FULL, reasons.QUEUE_FULL)
"""What becomes of an instant that would fire."""
_LEFT_OUT = (reasons.MISSED, reasons.SUPERSEDED, reasons.TOO_OLD)


class TicksFollowPolicy(ScheduleWalk):
    """Each row of TICK against the definition and the wall clock."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        super().begin()
        self.calls: dict[tuple[int, str], int] = {}
        """(token of a call, name) -> until when its key is held."""
        self.stamp_ms = 0

    def ticked(self, record: Record, row: Row, decided: Decided) -> None:
        """Looks at one row."""
        wall_ms, reason = decided.now.wall_ms, row.reason
        self.stamp_ms = decided.entry.stamp_ms
        text = self._state_fault(record, row, decided)
        if text is None and not record.off_calendar(row):
            text = self._time_fault(record, row, decided)
        if text is None and row.job is not None:
            text = self._job_fault(record, row, wall_ms)
        if text is not None:
            name = reasons.REASONS[reason].name
            self.fail(f"{record} at {wall_ms}: {row} is {name}, but {text}: {record.definition}")

    def _state_fault(self, record: Record, row: Row, decided: Decided) -> str | None:
        """Returns why pauses, living jobs or bounds forbid this; None if they do not."""
        reason, overlap = row.reason, record.definition.overlap
        busy, waits = bool(record.live), record.buffered_ms is not None
        asked = reason == reasons.MANUAL or row.from_ms % 1_000 != 0  # people may run what is paused
        if (reason == reasons.PAUSED) != record.paused and reason != reasons.REMOVED and not asked:
            return f"paused is {record.paused}"
        if row.job is not None and busy and overlap != "allow" and reason != reasons.REBOOT:
            return f"jobs {sorted(record.live)} live"
        is_timed = reason in (reasons.ON_TIME, reasons.CAUGHT_UP)
        if is_timed and record.is_full:
            return f"it has had its {record.runs} runs"
        if reason == reasons.OVERLAP and not (busy and overlap == "skip"):
            return "no earlier job lives, or overlap is not skip"
        if reason == reasons.BUFFERED and not (busy and not waits and overlap == "buffer_one"):
            return "it need not wait, or another one does"
        if reason == reasons.BUFFER_FULL and not (busy and waits and overlap == "buffer_one"):
            return "it could wait"
        if reason in (reasons.AFTER_OTHER, reasons.REMOVED) and record.buffered_ms != row.from_ms:
            return f"what waits is {record.buffered_ms}"
        if reason == reasons.QUEUE_FULL and self.world.options.backlog_jobs_max > 1_000:
            return "no queue is full"
        if reason == reasons.REMOVED and row.number not in _ops(decided, UNSCHEDULE, 1):
            return "it is not removed"
        return None

    def _time_fault(self, record: Record, row: Row, decided: Decided) -> str | None:
        """Returns why the time forbids this; None if it does not."""
        wall_ms, reason, definition = decided.now.wall_ms, row.reason, record.definition
        lead_ms = self.world.options.lead_ms
        oldest_ms = wall_ms - definition.window_ms
        # An instant that fires late by its own share of the jitter was not missed.
        missed_ms = wall_ms - definition.grace_ms - definition.jitter_ms - 1
        first_ms = record.calendar.next_ms(record.cursor_ms)
        assert first_ms is not None
        if reason in (reasons.PAUSED, reasons.CUT_SHORT):
            return "it lies ahead" if row.to_ms > wall_ms else None
        if reason == reasons.CUT_SHORT:
            return None if self._is_edited(row, decided) else "nothing about it changes"
        if reason in _LEFT_OUT:
            return self._left_out_fault(record, row, missed_ms, oldest_ms, wall_ms + lead_ms)
        assert reason in (*_GATED, reasons.ON_TIME, reasons.CAUGHT_UP), row
        if record.fires_ms(row.to_ms) - lead_ms > wall_ms and not self._is_edited(row, decided):
            return f"it fires at {record.fires_ms(row.to_ms)}"
        was_missed = row.to_ms <= missed_ms
        if reason == reasons.ON_TIME and was_missed:
            return "it came too late for the grace"
        if reason == reasons.CAUGHT_UP and not was_missed:
            return "it is within the grace"
        if was_missed and (definition.catch_up == "skip" or row.to_ms < oldest_ms):
            return "catch_up leaves it out"
        if was_missed and definition.catch_up == "latest" and _next_missed(record, row, missed_ms):
            return "a later one was missed, too"
        return None

    def _left_out_fault(self, record: Record, row: Row, missed_ms: int, oldest_ms: int, until_ms: int) -> str | None:
        definition = record.definition
        if row.to_ms > missed_ms:
            return "it is within the grace"
        if (row.reason == reasons.MISSED) != (definition.catch_up == "skip"):
            return f"catch_up is {definition.catch_up}"
        if row.reason == reasons.TOO_OLD and row.to_ms >= oldest_ms:
            return "it is within the window"
        if row.reason == reasons.SUPERSEDED:
            if definition.catch_up != "latest":
                return f"catch_up is {definition.catch_up}"
            later_ms = record.calendar.next_ms(row.to_ms)
            if later_ms is None or (later_ms > missed_ms and record.fires_ms(later_ms) > until_ms):
                return "no later one ran"
        return None

    def _is_edited(self, row: Row, decided: Decided) -> bool:
        """Says whether something about the schedule changes in this entry: what has come is settled before."""
        if row.to_ms > decided.now.wall_ms:
            return False
        edits = (
            *_ops(decided, UNSCHEDULE, 1),
            *_ops(decided, PAUSE, 1),
            *(one[0] for one in _ops(decided, SCHEDULE, 3)),
        )
        return row.number in edits

    def _job_fault(self, record: Record, row: Row, wall_ms: int) -> str | None:
        """Returns what is wrong with the job of a row that fires, or None."""
        assert row.job is not None
        due_ms, key = self.made[row.job][3:5]
        if row.reason == reasons.MANUAL:
            if key is None or not key.startswith("run:"):
                return f"its key is {key}"
            return self._again_fault(record, int(key.split(":")[1], 16), row.job)
        if key is not None:
            return f"its job has a key {key}"
        if row.reason in (reasons.ON_TIME, reasons.CAUGHT_UP):
            fires_ms = record.fires_ms(row.from_ms)
            if due_ms != (fires_ms if fires_ms > wall_ms else None):
                return f"it fires at {fires_ms}, and its job is due at {due_ms}"
        elif row.reason == reasons.AFTER_OTHER and (due_ms or wall_ms) < row.from_ms:
            return f"its job is due at {due_ms}"
        return None

    def _again_fault(self, record: Record, token: int, job: int) -> str | None:
        """Returns a text if the same call has made a job of this name, and holds its key still."""
        call = (token, record.definition.name)
        until_ms = self.calls.get(call, 0)
        self.calls[call] = self.made[job][9]
        return (
            f"call {token:x} has made a job before, and holds its key until {until_ms}"
            if until_ms > self.stamp_ms
            else None
        )


def _next_missed(record: Record, row: Row, missed_ms: int) -> bool:
    later_ms = record.calendar.next_ms(row.to_ms)
    return later_ms is not None and later_ms <= missed_ms


def _ops(decided: Decided, kind: int, column: int) -> Iterable[Any]:
    return [value for op in decided.entry.ops if op[0] == kind for value in op[column]]
