"""The rows of a shard in plain dictionaries.

Decides the meaning of every op once more, as plainly as can be. Must not know SQL, nor how the shard file does it.
Rule: actors/entries.py.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from copy import copy
from typing import Any, ClassVar, NamedTuple

from ..actors import entries
from ..actors.entries import Entry
from ..actors.jobs.lifecycle import EXPIRED, LIVE, READY, SCHEDULED, TERMINAL
from ..broker.wire.ids import sequence_of
from .memory_schedules import MemorySchedules


class Job(NamedTuple):
    """A live job: LIVE_COLUMNS in order, and when it was taken."""

    id: int
    lane: int
    payload: str
    scheduled_ms: int
    due_ms: int | None
    key: str | None
    retry: list[Any] | None
    timeout_ms: int | None
    expires_ms: int | None
    trace: str | None
    deadline_ms: int | None
    state: int
    attempts: int
    failures: int
    crashes: int
    asked: int
    created_ms: int


class Done(NamedTuple):
    """A finished job: the live row that it was, and how it ended."""

    job: Job
    state: int
    attempts: int
    finished_ms: int
    result: str | None
    error: str | None
    error_kind: str | None


class MemoryRows:
    """The rows of one shard. Every row is a tuple or is never changed, so a copy of the containers is a copy of all."""

    def __init__(self) -> None:
        self.applied = self.epoch = self.stamp_ms = self.floor = 0
        self.next_sequence = 1
        self.lease_ttl_ms = 0
        self.lanes: dict[int, list[Any]] = {}
        self.executors: dict[int, list[Any]] = {}
        self.tasks: dict[str, list[Any]] = {}
        self.jobs: dict[int, Job] = {}
        self.finished: dict[int, Done] = {}
        self.executions: dict[int, tuple[dict[str, Any], ...]] = {}
        self.leases: dict[int, list[Any]] = {}
        self.answers: dict[tuple[int, int], list[Any]] = {}
        self.keys: dict[tuple[str, str], tuple[int, int | None]] = {}
        self.schedules = MemorySchedules()
        # Sorted, for the reads: (lane, id) of jobs that stand in a lane, (due_ms, id) of the others, (expires_ms, id).
        self.ready: list[tuple[int, int]] = []
        self.due: list[tuple[int, int]] = []
        self.expires: list[tuple[int, int]] = []

    def clone(self) -> "MemoryRows":
        """Returns rows that change apart from these."""
        other = MemoryRows.__new__(MemoryRows)
        other.__dict__ = {name: value if isinstance(value, int) else copy(value) for name, value in vars(self).items()}
        return other

    def apply(self, index: int, entry: Entry) -> None:
        """Applies the entry that follows."""
        assert index == self.applied + 1, f"entry {index} does not follow entry {self.applied}"
        self.applied, self.epoch = index, entry.epoch
        if not entry.ops:
            return  # the engine's own: it has no time
        assert entry.stamp_ms >= self.stamp_ms, f"the stamp of entry {index} goes back"
        self.stamp_ms = entry.stamp_ms
        for op in entry.ops:
            if op[0] in MemorySchedules.KINDS:
                self.schedules.apply(op, entry.stamp_ms)
            else:
                self._HANDLERS[op[0]](self, *op[1:])

    def _put(self, job: Job) -> None:
        old = self.jobs.get(job.id)
        if old is not None:
            self._take(old.id)
        self.jobs[job.id] = job
        if job.due_ms is None:
            insort(self.ready, (job.lane, job.id))
        else:
            insort(self.due, (job.due_ms, job.id))
        if job.expires_ms is not None:
            insort(self.expires, (job.expires_ms, job.id))

    def _take(self, id: int) -> Job:
        job = self.jobs.pop(id, None)
        assert job is not None, f"job {id} is not live"
        if job.due_ms is None:
            _remove(self.ready, (job.lane, id))
        else:
            _remove(self.due, (job.due_ms, id))
        if job.expires_ms is not None:
            _remove(self.expires, (job.expires_ms, id))
        return job

    def _noop(self) -> None: ...

    def _add_lanes(self, rows: list[list[Any]]) -> None:
        for row in rows:
            assert row[0] not in self.lanes, f"lane {row[0]} comes twice"
            self.lanes[row[0]] = row

    def _add_executors(self, rows: list[list[Any]]) -> None:
        self.executors.update((row[0], row) for row in rows)

    def _add_tasks(self, rows: list[list[Any]]) -> None:
        self.tasks.update((row[0], row) for row in rows)

    def _submit(
        self,
        session: int,
        sequence: int,
        acked_below: int,
        first_id: int,
        rows: list[list[Any]],
        existing: list[Any],
    ) -> None:
        for id, row in enumerate(rows, first_id):
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
            assert lane in self.lanes, f"job {id} stands in an unknown lane {lane}"
            state = READY if due_ms is None else SCHEDULED
            self._put(
                Job(id, lane, payload, scheduled_ms, due_ms, key, retry, timeout_ms, expires_ms, trace,
                    deadline_ms, state,
                    0, 0, 0, 0, self.stamp_ms)
            )  # fmt: skip
            if key is not None:
                self.keys[self.lanes[lane][1], key] = (id, key_until_ms)
        if rows:
            assert sequence_of(first_id) >= self.next_sequence, f"id {first_id} is given twice"
            self.next_sequence = sequence_of(first_id) + len(rows)
        if session == 0:
            return  # the shard's own jobs: nobody waits for an answer
        for known in [known for known in self.answers if known[0] == session and known[1] < acked_below]:
            del self.answers[known]
        assert (session, sequence) not in self.answers, f"submit {sequence} of session {session} comes twice"
        self.answers[session, sequence] = [
            session,
            sequence,
            first_id,
            len(rows),
            existing,
            acked_below,
            self.stamp_ms,
        ]

    def _lease(self, executor: int, incarnation: int, ids: list[int], attempts: list[int]) -> None: ...

    def _finish(self, executor: int, rows: list[list[Any]]) -> None:
        for row in rows:
            ended = dict(zip(entries.FINISH_COLUMNS, row, strict=True))
            job = self._take(ended["id"])
            known = self.executions.get(job.id, ())
            assert all(one["attempt"] != ended["attempt"] for one in known), f"job {job.id}: an attempt ends twice"
            self.executions[job.id] = (*known, ended | {"executor": executor, "lane": job.lane})
            self.leases.pop(job.id, None)
            if ended["state"] in TERMINAL:
                self._done(Done(job, ended["state"], ended["attempt"], self.stamp_ms,
                                     ended["result"], ended["error"], ended["error_kind"]))  # fmt: skip
            else:
                assert ended["state"] in LIVE, f"job {job.id} goes to an unknown state {ended['state']}"
                self._put(
                    job._replace(
                        state=ended["state"],
                        due_ms=ended["due_ms"],
                        attempts=ended["attempt"],
                        failures=ended["failures"],
                        crashes=ended["crashes"],
                        asked=0,
                    )
                )

    def _done(self, done: Done) -> None:
        id = done.job.id
        assert id not in self.finished, f"job {id} ends twice"
        self.schedules.job_ended(id)
        self.finished[id] = done

    def _end(self, ids: list[int], state: int) -> None:
        for id in ids:
            job = self._take(id)
            self.leases.pop(id, None)
            self._done(Done(job, state, job.attempts, self.stamp_ms, None, None, None))

    def _cancel(self, ids: list[int], state: int) -> None:
        self._end(ids, state)

    def _expire(self, ids: list[int]) -> None:
        self._end(ids, EXPIRED)

    def _ask(self, ids: list[int], state: int) -> None:
        for id in ids:
            self._put(self.jobs[id]._replace(asked=state))

    def _make_ready(self, ids: list[int]) -> None:
        for id in ids:
            self._put(self.jobs[id]._replace(state=READY, due_ms=None))

    def _revive(self, rows: list[list[int]]) -> None:
        for id, lane in rows:
            done = self.finished.pop(id, None)
            assert done is not None, f"job {id} is not finished"
            assert done.job.lane == lane, f"job {id} stands in lane {done.job.lane}, not in {lane}"
            self._put(
                done.job._replace(
                    state=READY, due_ms=None, attempts=done.attempts, failures=0, crashes=0, asked=0,
                    expires_ms=None, deadline_ms=None,
                )
            )  # fmt: skip

    def _settle(self, rows: list[list[int]], state: int) -> None:
        for id, lane in rows:
            done = self.finished.get(id)
            assert done is not None, f"job {id} is not finished"
            assert done.job.lane == lane, f"job {id} stands in lane {done.job.lane}, not in {lane}"
            self.finished[id] = done._replace(state=state)

    def _hold(self, floor: int, rows: list[list[Any]]) -> None:
        self.floor = floor
        self.leases.update((row[0], row) for row in rows)

    def _set_lease_ttl(self, lease_ttl_ms: int) -> None:
        self.lease_ttl_ms = lease_ttl_ms

    def _end_sessions(self, sessions: list[int]) -> None:
        for known in [known for known in self.answers if known[0] in set(sessions)]:
            del self.answers[known]

    def _prune(
        self, queue: str | None, others: list[str], finished_before_ms: int | None, keep: int | None, limit: int
    ) -> None:
        kept = [
            (done.finished_ms, id)
            for id, done in self.finished.items()
            if (self.lanes[done.job.lane][2] not in others if queue is None else self.lanes[done.job.lane][2] == queue)
        ]
        kept.sort()
        surplus = 0 if keep is None else len(kept) - keep
        for number, (finished_ms, id) in enumerate(kept[:limit]):
            if number < surplus or (finished_before_ms is not None and finished_ms < finished_before_ms):
                del self.finished[id]
                self.executions.pop(id, None)

    def _end_keys(self, before_ms: int) -> None:
        for name, (_, until_ms) in list(self.keys.items()):
            if until_ms is not None and until_ms < before_ms:
                del self.keys[name]

    _HANDLERS: ClassVar[dict[int, Callable[..., None]]] = {
        entries.NOOP: _noop,
        entries.LANES: _add_lanes,
        entries.EXECUTORS: _add_executors,
        entries.TASKS: _add_tasks,
        entries.SUBMIT: _submit,
        entries.LEASE: _lease,
        entries.FINISH: _finish,
        entries.CANCEL: _cancel,
        entries.ASK: _ask,
        entries.EXPIRE: _expire,
        entries.READY: _make_ready,
        entries.HOLD: _hold,
        entries.SESSIONS_END: _end_sessions,
        entries.PRUNE: _prune,
        entries.KEYS_END: _end_keys,
        entries.REVIVE: _revive,
        entries.SETTLE: _settle,
        entries.LEASE_TTL: _set_lease_ttl,
    }


def _remove(ordered: list[tuple[int, int]], item: tuple[int, int]) -> None:
    at = bisect_left(ordered, item)
    assert ordered[at] == item, f"{item} is not where it should be"
    del ordered[at]
