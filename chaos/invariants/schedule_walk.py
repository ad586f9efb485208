"""What the invariants of schedules share: a walk through the ops of each entry, with a record of every schedule.

Decides once more what the ops mean for a schedule, from the log alone, so that each rule sees the record as it stood
before an op. Must not know the machine's own book. Rule: actors/entries.py.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from ...actors.entries import BOOT, CANCEL, EXPIRE, FINISH, PAUSE, SCHEDULE, SUBMIT, TICK, UNSCHEDULE
from ...actors.jobs.lifecycle import TERMINAL
from ...actors.schedules import reasons
from ...actors.schedules.schedule import Definition
from ..history import Decided
from .base import Invariant

Op = list[Any]


class Row(NamedTuple):
    """A row of TICK_COLUMNS."""

    number: int
    from_ms: int
    to_ms: int
    instants: int
    reason: int
    job: int | None
    cursor_ms: int
    next_ms: int | None


class Record:
    """One schedule, as the log has it."""

    def __init__(self, number: int, definition: Definition, cursor_ms: int, next_ms: int | None) -> None:
        self.number = number
        self.definition = definition
        self.cursor_ms = cursor_ms
        self.next_ms = next_ms
        self.paused = definition.paused is True
        self.runs = 0
        self.buffered_ms: int | None = None
        self.live: set[int] = set()
        self.calendar = definition.calendar()

    def __repr__(self) -> str:
        return f"schedule {self.number} ({self.definition.name}, {self.definition.expression!r})"

    def define(self, definition: Definition, cursor_ms: int, next_ms: int | None) -> None:
        """Takes another definition."""
        if definition.paused is not None and definition.paused is not self.definition.paused:
            self.paused = definition.paused
        self.definition, self.cursor_ms, self.next_ms = definition, cursor_ms, next_ms
        self.calendar = definition.calendar()

    def take(self, row: Row) -> None:
        """Takes what became of some instants."""
        self.cursor_ms, self.next_ms = row.cursor_ms, row.next_ms
        if row.reason == reasons.BUFFERED:
            self.buffered_ms = row.from_ms
        elif row.from_ms == self.buffered_ms:
            self.buffered_ms = None
        if row.job is not None:
            self.runs += 1
            self.live.add(row.job)

    @property
    def is_full(self) -> bool:
        """Whether it has had all its runs."""
        limit = self.definition.runs_max
        return limit is not None and self.runs >= limit

    def off_calendar(self, row: Row) -> bool:
        """Says whether a row is about no new instant: a run off the calendar, or one that has waited."""
        return row.from_ms % 1_000 != 0 or (row.from_ms == self.buffered_ms and row.reason != reasons.BUFFERED)

    def fires_ms(self, instant_ms: int) -> int:
        """Returns when an instant fires, by the rule that docs/schedules.md states for the jitter."""
        definition, share_ms = self.definition, self.definition.jitter_ms
        if not share_ms:
            return instant_ms
        following_ms = self.calendar.next_ms(instant_ms)
        if following_ms is not None:
            share_ms = min(share_ms, following_ms - instant_ms)
        text = f"{definition.tenant}\0{definition.name}\0{instant_ms}"
        part = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
        return instant_ms + (part * share_ms >> 64)


class ScheduleWalk(Invariant):
    """Walks through entries; who inherits looks at an op before the records take it."""

    EACH_SHARD = True

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.records: dict[int, Record] = {}
        self.ended: dict[int, Record] = {}
        self.of_job: dict[int, int] = {}
        self.boots: dict[str, str] = {}
        self.made: dict[int, list[Any]] = {}
        """Of this entry: the jobs of session 0, id -> row of JOB_COLUMNS."""

    def committed(self, decided: Decided) -> None:
        """Walks through an entry."""
        self.made = {}
        for op in decided.entry.ops:
            match op[0]:
                case 4 if op[1] == 0:  # SUBMIT
                    first, rows = op[4:6]
                    self.made.update((first + at, row) for at, row in enumerate(rows))
                case 6:  # FINISH
                    self._jobs_end(row[0] for row in op[2] if row[3] in TERMINAL)
                case 7 | 9:  # CANCEL, EXPIRE
                    self._jobs_end(op[1])
                case 15:  # SCHEDULE
                    self._define(op, decided)
                case 16:  # UNSCHEDULE
                    for number in op[1]:
                        self.removed(self.records[number], decided)
                        self.ended[number] = self.records.pop(number)
                case 17:  # PAUSE
                    for number in op[1]:
                        self.paused(self.records[number], bool(op[2]), decided)
                        self.records[number].paused = bool(op[2])
                case 18:  # TICK
                    for values in op[1]:
                        self._tick(Row._make(values), decided)
                case 21:  # BOOT
                    self.booted(op[1], op[2], decided)
                    self.boots[op[1]] = op[2]
                case _:
                    pass
        self.ended_entry(decided)

    def _jobs_end(self, ids: Iterator[int] | list[int]) -> None:
        for id in ids:
            number = self.of_job.pop(id, None)
            if number is not None:
                (self.records.get(number) or self.ended[number]).live.discard(id)

    def _define(self, op: Op, decided: Decided) -> None:
        for number, cursor_ms, next_ms, row in op[3]:
            definition = Definition._make(row)
            record = self.records.get(number)
            if record is None:
                record = Record(number, definition, cursor_ms, next_ms)
                self.added(record, decided)
                self.records[number] = record
            else:
                self.changed(record, definition, cursor_ms, next_ms, decided)
                record.define(definition, cursor_ms, next_ms)

    def _tick(self, row: Row, decided: Decided) -> None:
        record = self.records.get(row.number)
        if record is None:
            self.fail(f"entry {decided.index} has a tick of schedule {row.number}, which is not there")
            return
        self.ticked(record, row, decided)
        record.take(row)
        if row.job is not None:
            self.of_job[row.job] = row.number

    # What an invariant may look at, before the record takes it.

    def added(self, record: Record, decided: Decided) -> None:
        """A schedule is new."""

    def changed(
        self, record: Record, definition: Definition, cursor_ms: int, next_ms: int | None, decided: Decided
    ) -> None:
        """A schedule gets another definition, or another next instant."""

    def removed(self, record: Record, decided: Decided) -> None:
        """A schedule ends."""

    def paused(self, record: Record, paused: bool, decided: Decided) -> None:
        """A schedule pauses or goes on."""

    def ticked(self, record: Record, row: Row, decided: Decided) -> None:
        """Instants are accounted for."""

    def booted(self, node: str, boot: str, decided: Decided) -> None:
        """A node's host runs under this boot id."""

    def ended_entry(self, decided: Decided) -> None:
        """The entry is over."""


assert (SUBMIT, FINISH, CANCEL, EXPIRE, SCHEDULE, UNSCHEDULE, PAUSE, TICK, BOOT) == (4, 6, 7, 9, 15, 16, 17, 18, 21)
