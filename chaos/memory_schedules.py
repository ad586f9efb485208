"""The rows of schedules in plain dictionaries.

Decides the meaning of the ops of schedules, of AUDIT and of BOOT once more, as plainly as can be. Must not know SQL,
nor how the shard file does it. Rule: actors/entries.py.
"""

from collections.abc import Callable
from copy import copy
from typing import Any, ClassVar, NamedTuple

from ..actors import entries
from ..actors.entries import Op
from ..actors.schedules.reasons import BUFFERED, REASONS
from ..broker.wire.rows import SCHEDULE_COLUMNS

Name = tuple[str, str]
"""(name, tenant)."""

Skip = tuple[int, int, int]
"""(from_ms, count, reason)."""


class Scheduled(NamedTuple):
    """One schedule, live or removed."""

    schedule: int
    source: str
    revision: str
    paused: int
    pause_note: str | None
    cursor_ms: int
    next_ms: int | None
    definition: list[Any]
    created_ms: int
    changed_ms: int
    runs: int = 0
    buffered_ms: int | None = None
    skip: Skip | None = None
    fired_ms: int | None = None
    fired_job: int | None = None
    removed_ms: int | None = None

    def defined(self) -> dict[str, Any]:
        """Returns the definition by column."""
        return dict(zip(SCHEDULE_COLUMNS, self.definition, strict=True))


class Tick(NamedTuple):
    """What became of some instants of a schedule."""

    schedule: int
    from_ms: int
    to_ms: int
    instants: int
    reason: int
    job: int | None
    stamp_ms: int


class MemorySchedules:
    """All rows of schedules. Every row is a tuple, so a copy of the containers is a copy of all."""

    def __init__(self) -> None:
        self.next_number = 1
        self.next_audit = 1
        self.records: dict[int, Scheduled] = {}
        self.ticks: dict[tuple[int, int], Tick] = {}
        self.tick_jobs: dict[int, int] = {}
        self.audit: list[tuple[Any, ...]] = []
        self.boots: dict[str, str] = {}

    def __copy__(self) -> "MemorySchedules":
        """Returns rows that change apart from these."""
        other = MemorySchedules.__new__(MemorySchedules)
        other.__dict__ = {name: value if isinstance(value, int) else copy(value) for name, value in vars(self).items()}
        return other

    def apply(self, op: Op, stamp_ms: int) -> None:
        """Applies one op."""
        self._HANDLERS[op[0]](self, stamp_ms, *op[1:])

    def job_ended(self, job: int) -> None:
        """A job has ended for good."""
        self.tick_jobs.pop(job, None)

    def states(self) -> list[list[Any]]:
        """Returns rows of SCHEDULE_STATE_COLUMNS of the schedules that are not removed."""
        return [
            [
                *(one.schedule, one.source, one.revision, one.paused, one.pause_note, one.cursor_ms, one.next_ms),
                *(one.runs, one.buffered_ms, *(one.skip or (None, None, None)), list(one.definition)),
            ]
            for one in map(self.records.__getitem__, sorted(self.records))
            if one.removed_ms is None
        ]

    def _live(self, number: int) -> Scheduled:
        one = self.records.get(number)
        assert one is not None, f"schedule {number} does not exist"
        assert one.removed_ms is None, f"schedule {number} was removed"
        return one

    def _schedule(self, stamp_ms: int, source: str, revision: str, rows: list[list[Any]]) -> None:
        names = {_name(one): one.schedule for one in self.records.values() if one.removed_ms is None}
        asks = SCHEDULE_COLUMNS.index("paused")
        for number, cursor_ms, next_ms, definition in rows:
            asked: bool | None = definition[asks]
            if number >= self.next_number:
                assert number == self.next_number, f"schedule {number} is added; {self.next_number} is next"
                self.next_number += 1
                paused = 1 if asked else 0
                one = Scheduled(
                    number, source, revision, paused, None, cursor_ms, next_ms, definition, stamp_ms, stamp_ms
                )
            else:
                one = self._live(number)
                if asked is not None and asked is not one.definition[asks]:
                    one = one._replace(paused=int(asked), pause_note=None)
            one = one._replace(
                source=source,
                revision=revision,
                definition=definition,
                cursor_ms=cursor_ms,
                next_ms=next_ms,
                skip=None,
                changed_ms=stamp_ms,
            )
            assert names.setdefault(_name(one), number) == number, f"the name {_name(one)} is given twice"
            self.records[number] = one

    def _unschedule(self, stamp_ms: int, numbers: list[int]) -> None:
        for number in numbers:
            self.records[number] = self._live(number)._replace(removed_ms=stamp_ms, next_ms=None, buffered_ms=None)

    def _pause(self, stamp_ms: int, numbers: list[int], paused: int, note: str | None) -> None:
        for number in numbers:
            one = self._live(number)
            self.records[number] = one._replace(paused=int(paused), pause_note=note, changed_ms=stamp_ms)

    def _tick(self, stamp_ms: int, rows: list[list[Any]]) -> None:
        for number, from_ms, to_ms, count, reason, job, cursor_ms, next_ms in rows:
            one = self._live(number)._replace(cursor_ms=cursor_ms, next_ms=next_ms, skip=None)
            self.ticks[number, from_ms] = Tick(number, from_ms, to_ms, count, reason, job, stamp_ms)
            if reason == BUFFERED:
                one = one._replace(buffered_ms=from_ms)
            elif from_ms == one.buffered_ms:
                one = one._replace(buffered_ms=None)
            if job is not None:
                one = one._replace(runs=one.runs + 1, fired_ms=from_ms, fired_job=job)
                self.tick_jobs[job] = number
            if reason != BUFFERED and not REASONS[reason].fired and to_ms == cursor_ms:
                one = one._replace(skip=(from_ms, count, reason))
            self.records[number] = one

    def _audit(self, stamp_ms: int, rows: list[list[Any]]) -> None:
        for row in rows:
            self.audit.append((self.next_audit, stamp_ms, *row))
            self.next_audit += 1

    def _end_ticks(self, _stamp_ms: int, before_ms: int | None, keep: int | None, limit: int) -> None:
        oldest = sorted(self.ticks.values(), key=lambda tick: (tick.to_ms, tick.schedule, tick.from_ms))
        surplus = 0 if keep is None else len(oldest) - keep
        for number, tick in enumerate(oldest[:limit]):
            if number < surplus or (before_ms is not None and tick.to_ms < before_ms):
                del self.ticks[tick.schedule, tick.from_ms]
        used = {number for number, _ in self.ticks}
        ended = [one for number, one in self.records.items() if one.removed_ms is not None and number not in used]
        for one in sorted(ended, key=lambda one: (*_name(one), one.schedule))[:limit]:
            del self.records[one.schedule]
        if before_ms is not None:
            self.audit = [row for at, row in enumerate(self.audit) if at >= limit or row[1] >= before_ms]

    def _boot(self, _stamp_ms: int, node: str, boot: str) -> None:
        self.boots[node] = boot

    _HANDLERS: ClassVar[dict[int, Callable[..., None]]] = {
        entries.SCHEDULE: _schedule,
        entries.UNSCHEDULE: _unschedule,
        entries.PAUSE: _pause,
        entries.TICK: _tick,
        entries.AUDIT: _audit,
        entries.TICKS_END: _end_ticks,
        entries.BOOT: _boot,
    }
    KINDS: ClassVar[frozenset[int]] = frozenset(_HANDLERS)


def _name(one: Scheduled) -> Name:
    defined = one.defined()
    return defined["name"], defined["tenant"]
