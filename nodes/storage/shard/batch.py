"""What one transaction will write: the ops of many entries, folded into rows by table.

Decides the meaning of every op for the rows, in memory; a job that is taken and ended within one batch never touches
`jobs`. Must not know SQL: the live rows that it needs are handed in. Meanings: actors/entries.py.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from ....actors import entries
from ....actors.entries import Op
from ....actors.jobs.lifecycle import EXPIRED, LIVE, READY, SCHEDULED, TERMINAL
from ....broker.wire.ids import sequence_of

JOBS_COLUMNS = (
    "id", "lane", "state", "due_ms", "scheduled_ms", "attempts", "failures", "crashes", "asked", "created_ms",
    "key", "retry", "timeout_ms", "expires_ms", "trace", "deadline_ms", "payload",
)  # fmt: skip
"""The columns of `jobs` as they stand in the file."""

FINISHED_COLUMNS = (
    "id", "lane", "state", "attempts", "created_ms", "scheduled_ms", "finished_ms", "key", "retry", "timeout_ms",
    "expires_ms", "trace", "deadline_ms", "error_kind", "error", "payload", "result",
)  # fmt: skip

EXECUTIONS_COLUMNS = (
    "job_id", "attempt", "lane", "outcome", "executor", "scheduled_ms", "started_ms", "finished_ms", "error_kind",
    "error", "output",
)  # fmt: skip

JobRow = tuple[Any, ...]
"""A live job by JOBS_COLUMNS."""

_NAMES_LIVE_IDS = (entries.FINISH, entries.CANCEL, entries.ASK, entries.EXPIRE, entries.READY)


def live_ids(ops: Iterable[Op]) -> list[int]:
    """Returns the ids of the rows that must be read before these ops can be folded: named, and not brought by them."""
    lowest: int | None = None
    wanted: set[int] = set()
    for op in ops:
        kind = op[0]
        if kind == entries.SUBMIT:
            if lowest is None and op[5]:
                lowest = op[4]
        elif kind in _NAMES_LIVE_IDS:
            named: Iterable[int] = [row[0] for row in op[2]] if kind == entries.FINISH else op[1]
            # Ids only grow, so whatever lies above the first one taken here was taken here.
            wanted.update(named if lowest is None else [id for id in named if id < lowest])
    return sorted(wanted)


class Batch:
    """The rows that a run of ops leaves, gathered by table.

    Attributes:
        stored: Live rows as the file has them, by id.
        live: Live rows as the ops leave them, by id; those of `stored` that are missing here have ended.
        ended: Ids whose lease, if there is a row of it, is over.
        counts: (lane, state) -> by how much that many jobs there are more.
    """

    def __init__(self, stored: dict[int, JobRow], tenants: dict[int, str], next_sequence: int) -> None:
        self.stored = stored
        self.tenants = tenants
        self.next_sequence = next_sequence
        self.live = dict(stored)
        self.finished: list[tuple[Any, ...]] = []
        self.executions: list[tuple[Any, ...]] = []
        self.ended: list[int] = []
        self.leases: dict[int, list[Any]] = {}
        self.lanes: list[list[Any]] = []
        self.executors: list[list[Any]] = []
        self.tasks: dict[str, list[Any]] = {}
        self.keys: dict[tuple[str, str], tuple[int, int | None]] = {}
        self.answers: dict[tuple[int, int], tuple[Any, ...]] = {}
        self.acked: dict[int, int] = {}
        self.floor: int | None = None

    def add(self, op: Op, stamp_ms: int) -> None:
        """Folds one op in."""
        handler = self._HANDLERS[op[0]]
        if handler is not None:
            handler(self, op, stamp_ms)

    def counts(self) -> Counter[tuple[int, int]]:
        """Returns (lane, state) -> by how many jobs the lane has gained or lost in that state."""
        gained = Counter([(row[1], row[2]) for row in self.finished])
        stored = self.stored
        gained.update([(row[1], row[2]) for id, row in self.live.items() if stored.get(id) is not row])
        gained.subtract([(row[1], row[2]) for id, row in stored.items() if self.live.get(id) is not row])
        return gained

    def _submit(self, op: Op, stamp_ms: int) -> None:
        _, session, sequence, acked_below, first_id, rows, existing = op
        live, tenants = self.live, self.tenants
        id = first_id
        for row in rows:
            (
                lane,
                payload,
                scheduled_ms,
                due_ms,
                key,
                retry,
                timeout_ms,
                expires_ms,
                trace,
                key_until_ms,
                deadline_ms,
            ) = row
            live[id] = (
                id, lane, READY if due_ms is None else SCHEDULED, due_ms, scheduled_ms, 0, 0, 0, 0, stamp_ms,
                key, None if retry is None else pack(retry), timeout_ms, expires_ms, trace, deadline_ms,
                payload,
            )  # fmt: skip
            if key is not None:
                self.keys[tenants[lane], key] = (id, key_until_ms)
            id += 1
        if rows:
            assert {row[0] for row in rows} <= tenants.keys(), "a job stands in a lane that no entry brought"
            sequence_first = sequence_of(first_id)
            assert sequence_first >= self.next_sequence, f"id {first_id} is given twice; {self.next_sequence} is next"
            self.next_sequence = sequence_first + len(rows)
        if session == 0:
            return  # the shard's own jobs: nobody waits for an answer
        if acked_below > self.acked.get(session, 0):
            self.acked[session] = acked_below
            for known in [known for known in self.answers if known[0] == session and known[1] < acked_below]:
                del self.answers[known]
        text = pack(existing) if existing else None
        self.answers[session, sequence] = (
            session,
            sequence,
            first_id,
            len(rows),
            text,
            acked_below,
            stamp_ms,
        )

    def _finish(self, op: Op, stamp_ms: int) -> None:
        executor, rows = op[1], op[2]
        live = self.live
        execute, finish = self.executions.append, self.finished.append
        for (
            id,
            attempt,
            outcome,
            state,
            due,
            started_ms,
            ended_ms,
            result,
            error,
            kind,
            due_ms,
            failures,
            crashes,
            output,
        ) in rows:
            job = live.get(id)
            assert job is not None, f"job {id} ends and is not live"
            execute((id, attempt, job[1], outcome, executor, due, started_ms, ended_ms, kind, error, output))
            if state in TERMINAL:
                del live[id]
                finish((
                    id, job[1], state, attempt, job[9], job[4], stamp_ms,
                    job[10], job[11], job[12], job[13], job[14], job[15], kind, error, job[16], result,
                ))  # fmt: skip
            else:
                assert state in LIVE, f"job {id} goes to an unknown state {state}"
                live[id] = (*job[:2], state, due_ms, job[4], attempt, failures, crashes, 0, *job[9:])
        self._end_leases([row[0] for row in rows])

    def _cancel(self, op: Op, stamp_ms: int) -> None:
        self._end(op[1], op[2], stamp_ms)

    def _expire(self, op: Op, stamp_ms: int) -> None:
        self._end(op[1], EXPIRED, stamp_ms)

    def _end(self, ids: list[int], state: int, stamp_ms: int) -> None:
        for id in ids:
            job = self.live.pop(id, None)
            assert job is not None, f"job {id} ends and is not live"
            self.finished.append(
                (id, job[1], state, job[5], job[9], job[4], stamp_ms, *job[10:16], None, None, job[16], None)
            )
        self._end_leases(ids)

    def _end_leases(self, ids: list[int]) -> None:
        self.ended += ids
        if self.leases:
            for id in ids:
                self.leases.pop(id, None)

    def _ask(self, op: Op, _: int) -> None:
        for id in op[1]:
            job = self.live.get(id)
            assert job is not None, f"job {id} is asked to stop and is not live"
            self.live[id] = (*job[:8], op[2], *job[9:])

    def _ready(self, op: Op, _: int) -> None:
        for id in op[1]:
            job = self.live.get(id)
            assert job is not None, f"job {id} becomes ready and is not live"
            self.live[id] = (*job[:2], READY, None, *job[4:])

    def _hold(self, op: Op, _: int) -> None:
        self.floor = op[1]
        self.leases.update({row[0]: row for row in op[2]})

    def _lanes(self, op: Op, _: int) -> None:
        self.lanes += op[1]
        self.tenants.update({row[0]: row[1] for row in op[1]})

    def _executors(self, op: Op, _: int) -> None:
        self.executors += op[1]

    def _tasks(self, op: Op, _: int) -> None:
        self.tasks.update({row[0]: row for row in op[1]})

    # SESSIONS_END, PRUNE, KEYS_END, REVIVE and SETTLE look at what is in the file, so they are no business of a batch:
    # it is written before they run.
    _HANDLERS: ClassVar[dict[int, Callable[["Batch", Op, int], None] | None]] = {
        entries.NOOP: None,
        entries.LANES: _lanes,
        entries.EXECUTORS: _executors,
        entries.TASKS: _tasks,
        entries.SUBMIT: _submit,
        entries.LEASE: None,
        entries.FINISH: _finish,
        entries.CANCEL: _cancel,
        entries.ASK: _ask,
        entries.EXPIRE: _expire,
        entries.READY: _ready,
        entries.HOLD: _hold,
    }


def pack(value: list[Any]) -> str:
    """Returns a small list as JSON text, for a column that people can read."""
    return json.dumps(value, separators=(",", ":"))


def unpack(text: str | None) -> Any:
    """Reads what `pack` wrote."""
    return None if text is None else json.loads(text)
