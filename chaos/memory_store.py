"""A shard store in memory: the simulator's, and the model that the shard file is compared with.

Decides the answers to every question once more, and what a crash leaves. Must not know SQL; it shares only the rules of
the listings with the shard file. Rule: actors/store.py.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from ..actors.entries import Entry
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
from .memory_listings import listing
from .memory_rows import Job, MemoryRows


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
    def floor(self) -> int:
        """The floor that the rows carry, as of `applied`."""
        return self._rows.floor

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
            schedules=rows.schedules.states(),
            next_schedule=rows.schedules.next_number,
            tick_jobs=[list(pair) for pair in sorted(rows.schedules.tick_jobs.items())],
            boots=[list(pair) for pair in sorted(rows.schedules.boots.items())],
            ticks=len(rows.schedules.ticks),
            next_audit=rows.schedules.next_audit,
            lease_ttl_ms=rows.lease_ttl_ms,
        )

    def durable_applied(self) -> int:
        """The index up to which entries survive any crash."""
        return self._durable.applied

    def durable_leases(self) -> dict[int, list[Any]]:
        """The rows of leases that survive any crash, by job."""
        return self._durable.leases

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

    def replace(self, rows: MemoryRows) -> None:
        """Puts other rows in the place of these, durably."""
        self._rows, self._durable = rows.clone(), rows.clone()
        self._since.clear()

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
    return None if done is None else [id, done.state, done.result, done.error, done.attempts, done.job.lane]


def _name(key: Sequence[str]) -> tuple[str, str]:
    return key[0], key[1]
