"""A shard store in plain dictionaries: the simulator's, and the model that the shard file is compared with.

Decides the meaning of every op once more, as plainly as can be. Must not know SQL, nor how the shard file does it: the
two share only the rules of the listings. Rules: actors/entries.py and actors/store.py.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, ClassVar, NamedTuple

from ..actors import entries
from ..actors.entries import Entry
from ..actors.jobs.lifecycle import CANCELLED, EXPIRED, LIVE, READY, SCHEDULED, TERMINAL
from ..actors.store import (
    Read,
    ReadDue,
    ReadExpired,
    ReadJobs,
    ReadKeys,
    ReadListing,
    ReadReady,
    Restored,
)
from ..broker.wire.ids import sequence_of
from .memory_listings import listing


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


class MemoryRows:
    """The rows of one shard. Every row is a tuple or is never changed, so a copy of the containers is a copy of all."""

    def __init__(self) -> None:
        self.applied = self.epoch = self.stamp_ms = self.floor = 0
        self.next_sequence = 1
        self.lanes: dict[int, list[Any]] = {}
        self.executors: dict[int, list[Any]] = {}
        self.tasks: dict[str, list[Any]] = {}
        self.jobs: dict[int, Job] = {}
        self.finished: dict[int, Done] = {}
        self.executions: dict[int, tuple[dict[str, Any], ...]] = {}
        self.leases: dict[int, list[Any]] = {}
        self.answers: dict[tuple[int, int], list[Any]] = {}
        self.keys: dict[tuple[str, str], tuple[int, int | None]] = {}
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
        assert entry.stamp_ms >= self.stamp_ms, f"the stamp of entry {index} goes back"
        self.applied, self.epoch, self.stamp_ms = index, entry.epoch, entry.stamp_ms
        for op in entry.ops:
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
            lane, payload, scheduled_ms, due_ms, key, retry, timeout_ms, expires_ms, trace, key_until_ms = row
            assert lane in self.lanes, f"job {id} stands in an unknown lane {lane}"
            state = READY if due_ms is None else SCHEDULED
            self._put(
                Job(id, lane, payload, scheduled_ms, due_ms, key, retry, timeout_ms, expires_ms, trace, state,
                    0, 0, 0, 0, self.stamp_ms)
            )  # fmt: skip
            if key is not None:
                self.keys[self.lanes[lane][1], key] = (id, key_until_ms)
        if rows:
            assert sequence_of(first_id) >= self.next_sequence, f"id {first_id} is given twice"
            self.next_sequence = sequence_of(first_id) + len(rows)
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
                self._done(job, ended["state"], ended["attempt"], ended["result"], ended["error"])
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

    def _done(self, job: Job, state: int, attempts: int, result: str | None, error: str | None) -> None:
        assert job.id not in self.finished, f"job {job.id} ends twice"
        self.finished[job.id] = Done(job, state, attempts, self.stamp_ms, result, error)

    def _end(self, ids: list[int], state: int) -> None:
        for id in ids:
            job = self._take(id)
            self.leases.pop(id, None)
            self._done(job, state, job.attempts, None, None)

    def _cancel(self, ids: list[int]) -> None:
        self._end(ids, CANCELLED)

    def _expire(self, ids: list[int]) -> None:
        self._end(ids, EXPIRED)

    def _ask(self, ids: list[int]) -> None:
        for id in ids:
            self._put(self.jobs[id]._replace(asked=1))

    def _make_ready(self, ids: list[int]) -> None:
        for id in ids:
            self._put(self.jobs[id]._replace(state=READY, due_ms=None))

    def _hold(self, floor: int, rows: list[list[Any]]) -> None:
        self.floor = floor
        self.leases.update((row[0], row) for row in rows)

    def _end_sessions(self, sessions: list[int]) -> None:
        for known in [known for known in self.answers if known[0] in set(sessions)]:
            del self.answers[known]

    def _prune(self, queue: str | None, finished_before_ms: int | None, keep: int | None, limit: int) -> None:
        kept = [
            (done.finished_ms, id)
            for id, done in self.finished.items()
            if queue is None or self.lanes[done.job.lane][2] == queue
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
    }


def _remove(ordered: list[tuple[int, int]], item: tuple[int, int]) -> None:
    at = bisect_left(ordered, item)
    assert ordered[at] == item, f"{item} is not where it should be"
    del ordered[at]


class MemoryStore:
    """A `ShardStore` in memory, that can crash.

    Attributes:
        locked: While it is set, `apply` finds the rows locked by somebody else.
    """

    def __init__(self) -> None:
        self.locked = False
        self._rows = MemoryRows()
        self._durable = self._rows.clone()
        self._since: list[tuple[int, Entry]] = []

    @property
    def rows(self) -> MemoryRows:
        """The rows, to look at."""
        return self._rows

    @property
    def finished_count(self) -> int:
        """How many finished jobs are kept, as of `applied`."""
        return len(self._rows.finished)

    @property
    def applied(self) -> int:
        """The index of the last applied entry."""
        return self._rows.applied

    @property
    def epoch(self) -> int:
        """The epoch of the last applied entry."""
        return self._rows.epoch

    def apply(self, entries: Sequence[tuple[int, Entry]]) -> bool:
        """Applies entries, as `ShardStore.apply` says."""
        if self.locked:
            return False
        for index, entry in entries:
            if index > self._rows.applied:
                self._rows.apply(index, entry)
                self._since.append((index, entry))
        return True

    def read(self, read: Read) -> list[Any]:
        """Answers one question, as `ShardStore.read` says."""
        return answer(self._rows, read)

    def restore(self) -> Restored:
        """Returns what a new machine starts from."""
        rows = self._rows
        live = dict.fromkeys(rows.lanes, 0)
        for job in rows.jobs.values():
            live[job.lane] += 1
        return Restored(
            applied=rows.applied,
            stamp_ms=rows.stamp_ms,
            next_sequence=rows.next_sequence,
            floor=rows.floor,
            lanes=[[*rows.lanes[lane], live[lane]] for lane in sorted(rows.lanes)],
            executors=[list(rows.executors[executor]) for executor in sorted(rows.executors)],
            tasks=[list(rows.tasks[name]) for name in sorted(rows.tasks)],
            sessions=[list(rows.answers[known]) for known in sorted(rows.answers)],
            leases=[list(rows.leases[id]) for id in sorted(rows.leases)],
            finished=len(rows.finished),
        )

    def durable_applied(self) -> int:
        """The index up to which entries survive any crash."""
        return self._durable.applied

    def make_durable(self) -> int:
        """Makes everything applied survive any crash, and returns `durable_applied`."""
        if self._since:
            self._durable = self._rows.clone()
            self._since.clear()
        return self._durable.applied

    def revert(self, to_applied: int | None = None) -> None:
        """Crashes: the rows are again as of `to_applied`, from what was durable (None) to what was applied."""
        to_applied = self._durable.applied if to_applied is None else to_applied
        assert self._durable.applied <= to_applied <= self._rows.applied
        if to_applied < self._rows.applied:
            self._since = self._since[: to_applied - self._durable.applied]
            self._rows = self._durable.clone()
            for index, entry in self._since:
                self._rows.apply(index, entry)

    def clone(self) -> "MemoryStore":
        """Returns a store with the same rows that goes its own way."""
        other = MemoryStore()
        other.locked = self.locked
        other._rows, other._durable, other._since = self._rows.clone(), self._durable, list(self._since)
        return other

    def close(self) -> None:
        """Ends the use of the store; what it holds stays, for the next one who opens it."""


def answer(rows: MemoryRows, read: Read) -> list[Any]:
    """Answers one question from the rows."""
    match read:
        case ReadReady(lane, after, limit):
            first = bisect_right(rows.ready, (lane, after))
            return [_live(rows.jobs[id]) for at, id in rows.ready[first : first + limit] if at == lane]
        case ReadDue(after_ms, after_id, before_ms, limit):
            first = bisect_right(rows.due, (after_ms, after_id))
            last = bisect_left(rows.due, (before_ms, 0))
            return [list(item) for item in rows.due[first : min(last, first + limit)]]
        case ReadJobs(ids):
            return [found for id in dict.fromkeys(ids) if (found := _known(rows, id)) is not None]
        case ReadKeys(keys):
            return [[*name, *rows.keys[name]] for name in map(_name, keys) if name in rows.keys]
        case ReadExpired(before_ms, limit):
            last = bisect_left(rows.expires, (before_ms + 1, 0))
            return [[id] for _, id in rows.expires[: min(last, limit)]]
        case ReadListing(name, chosen):
            return listing(rows, name, chosen)


def _live(job: Job) -> list[Any]:
    return list(job[:-1])


def _known(rows: MemoryRows, id: int) -> list[Any] | None:
    if id in rows.jobs:
        return _live(rows.jobs[id])
    done = rows.finished.get(id)
    return None if done is None else [id, done.state, done.result, done.error, done.attempts]


def _name(key: Sequence[str]) -> tuple[str, str]:
    return key[0], key[1]
