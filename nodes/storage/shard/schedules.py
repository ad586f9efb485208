"""What one transaction will write of schedules: their ops, folded into rows by table.

Decides the meaning of SCHEDULE, UNSCHEDULE, PAUSE, TICK, AUDIT and BOOT for the rows, in memory. Must not know SQL: the
records that it needs are handed in. Meanings: actors/entries.py.
"""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from ....actors import entries
from ....actors.entries import Op
from ....actors.schedules.reasons import BUFFERED, REASONS
from ....broker.wire.rows import SCHEDULE_COLUMNS

STORED_COLUMNS = (
    "schedule", "source", "revision", "paused", "pause_note", "cursor_ms", "next_ms", "runs", "buffered_ms",
    "skip_from_ms", "skip_count", "skip_reason", "fired_ms", "fired_job", "changed_ms", "removed_ms", "defined_paused",
)  # fmt: skip
"""What must be read of a record before ops can be folded into it."""

TICKS_COLUMNS = ("schedule", "from_ms", "to_ms", "count", "reason", "job_id", "stamp_ms")
AUDIT_COLUMNS = ("id", "stamp_ms", *entries.AUDIT_COLUMNS)

KINDS = frozenset({entries.SCHEDULE, entries.UNSCHEDULE, entries.PAUSE, entries.TICK, entries.AUDIT, entries.BOOT})
"""The ops that are folded here."""

_NO_SKIP = (None, None, None)
_DEFINED_PAUSED = SCHEDULE_COLUMNS.index("paused")


class Record:
    """One schedule while ops are folded in.

    Attributes:
        definition: a row of broker.wire.rows.SCHEDULE_COLUMNS; None if it is as stored.
        created_ms: when it was added; None if it is stored.
    """

    __slots__ = (
        "buffered_ms", "changed_ms", "created_ms", "cursor_ms", "defined_paused", "definition", "fired_job", "fired_ms",
        "next_ms", "number", "pause_note", "paused", "removed_ms", "revision", "runs", "skip", "source",
    )  # fmt: skip

    def __init__(self, row: Iterable[Any], created_ms: int | None = None) -> None:
        """Takes a row of STORED_COLUMNS."""
        (
            self.number, self.source, self.revision, self.paused, self.pause_note, self.cursor_ms, self.next_ms,
            self.runs, self.buffered_ms, *skip, self.fired_ms, self.fired_job, self.changed_ms, self.removed_ms,
            self.defined_paused,
        ) = row  # fmt: skip
        self.skip: tuple[Any, ...] = tuple(skip)
        self.definition: list[Any] | None = None
        self.created_ms = created_ms

    def state(self) -> tuple[Any, ...]:
        """Returns its row of STORED_COLUMNS without number and defined_paused."""
        return (
            self.source, self.revision, self.paused, self.pause_note, self.cursor_ms, self.next_ms, self.runs,
            self.buffered_ms, *self.skip, self.fired_ms, self.fired_job, self.changed_ms, self.removed_ms,
        )  # fmt: skip


class Schedules:
    """The rows of schedules that a run of ops leaves, gathered by table.

    Attributes:
        records: Schedules that an op has named, by number.
        ticks: Rows of TICKS_COLUMNS by (schedule, from_ms).
        tick_jobs: job -> the schedule that made it.
        audit: Rows of AUDIT_COLUMNS.
        boots: node -> boot id.
    """

    def __init__(self, stored: dict[int, Record], next_schedule: int, next_audit: int) -> None:
        self.records = stored
        self.next_schedule = next_schedule
        self.next_audit = next_audit
        self.ticks: dict[tuple[int, int], tuple[Any, ...]] = {}
        self.tick_jobs: dict[int, int] = {}
        self.audit: list[tuple[Any, ...]] = []
        self.boots: dict[str, str] = {}

    def add(self, op: Op, stamp_ms: int) -> None:
        """Folds one op of `KINDS` in."""
        self._HANDLERS[op[0]](self, op, stamp_ms)

    def _live(self, number: int) -> Record:
        record = self.records.get(number)
        assert record is not None, f"schedule {number} does not exist"
        assert record.removed_ms is None, f"schedule {number} was removed"
        return record

    def _schedule(self, op: Op, stamp_ms: int) -> None:
        _, source, revision, rows = op
        for number, cursor_ms, next_ms, definition in rows:
            assert len(definition) == len(SCHEDULE_COLUMNS), f"schedule {number} lacks a column"
            asked = definition[_DEFINED_PAUSED]
            if number >= self.next_schedule:
                record = self._new(number, stamp_ms)
                record.paused = 1 if asked else 0
            else:
                record = self._live(number)
                if asked is not None and asked != record.defined_paused:
                    record.paused, record.pause_note = int(asked), None
            record.source, record.revision, record.definition = source, revision, definition
            record.defined_paused = asked
            record.cursor_ms, record.next_ms, record.skip = cursor_ms, next_ms, _NO_SKIP
            record.changed_ms = stamp_ms

    def _new(self, number: int, stamp_ms: int) -> Record:
        assert number == self.next_schedule, f"schedule {number} is added; {self.next_schedule} is next"
        self.next_schedule += 1
        blank = [number, "", "", 0, None, 0, None, 0, None, *_NO_SKIP, None, None, stamp_ms, None, None]
        record = self.records[number] = Record(blank, stamp_ms)
        return record

    def _unschedule(self, op: Op, stamp_ms: int) -> None:
        for number in op[1]:
            record = self._live(number)
            record.removed_ms, record.next_ms, record.buffered_ms = stamp_ms, None, None

    def _pause(self, op: Op, stamp_ms: int) -> None:
        _, numbers, paused, note = op
        for number in numbers:
            record = self._live(number)
            record.paused, record.pause_note, record.changed_ms = int(paused), note, stamp_ms

    def _tick(self, op: Op, stamp_ms: int) -> None:
        for number, from_ms, to_ms, count, reason, job, cursor_ms, next_ms in op[1]:
            record = self._live(number)
            self.ticks[number, from_ms] = (number, from_ms, to_ms, count, reason, job, stamp_ms)
            record.cursor_ms, record.next_ms = cursor_ms, next_ms
            if reason == BUFFERED:
                record.buffered_ms = from_ms
            elif from_ms == record.buffered_ms:
                record.buffered_ms = None
            if job is not None:
                record.runs += 1
                record.fired_ms, record.fired_job = from_ms, job
                self.tick_jobs[job] = number
            skipped = not REASONS[reason].fired and reason != BUFFERED and to_ms == cursor_ms
            record.skip = (from_ms, count, reason) if skipped else _NO_SKIP

    def _audit(self, op: Op, stamp_ms: int) -> None:
        for row in op[1]:
            self.audit.append((self.next_audit, stamp_ms, *row))
            self.next_audit += 1

    def _boot(self, op: Op, _: int) -> None:
        self.boots[op[1]] = op[2]

    _HANDLERS: ClassVar[dict[int, Callable[["Schedules", Op, int], None]]] = {
        entries.SCHEDULE: _schedule,
        entries.UNSCHEDULE: _unschedule,
        entries.PAUSE: _pause,
        entries.TICK: _tick,
        entries.AUDIT: _audit,
        entries.BOOT: _boot,
    }


def numbers_named(ops: Iterable[Op], next_schedule: int) -> list[int]:
    """Returns the numbers of the records that must be read before these ops can be folded.

    Args:
        ops: of any kind.
        next_schedule: the number of the next schedule; those from it on come with the ops.
    """
    wanted: set[int] = set()
    for op in ops:
        kind = op[0]
        if kind == entries.SCHEDULE:
            wanted.update(row[0] for row in op[3])
        elif kind == entries.TICK:
            wanted.update(row[0] for row in op[1])
        elif kind in (entries.UNSCHEDULE, entries.PAUSE):
            wanted.update(op[1])
    return sorted(number for number in wanted if number < next_schedule)
