"""What a shard does by the second and by the minute.

Old leases get rows, late jobs expire, idle sessions, old keys and old history go.

Decides these as logged ops, so that every copy of the shard forgets the same things. Age is counted on the wall, not
on the stamp, which may stand still for long; a session's on elapsed time. An idle shard writes one small entry a
minute at the most. Rules: docs/design.md, "Storage" (leases, retention); docs/clocks.md.
"""

from collections import deque
from typing import Any

from ..entries import HOLD, KEYS_END, PRUNE, SESSIONS_END, TICKS_END
from ..jobs.job import Job
from ..jobs.lifecycle import RUNNING
from ..limits import EXPIRE_JOBS, HOLD_AFTER_MS, PRUNE_JOBS, PRUNE_TICKS
from ..machine import Now
from ..store import ReadExpired, ReadJobs, is_done
from . import dispatching
from .ageing import Ageing
from .settings import Retention
from .state import ShardState

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
_FLOORS_MAX = 1_000


class Housekeeping:
    """When each duty is next due; soft state."""

    __slots__ = ("_ageing", "_floors", "_ticks_pruned", "floor", "index_at_second", "minute_ns", "second_ns")

    def __init__(self, now: Now, floor: int, index: int) -> None:
        self.second_ns = now.elapsed_ns + SECOND_NS
        self.minute_ns = now.elapsed_ns + MINUTE_NS
        self._ageing = Ageing(now)
        self.floor = floor
        self.index_at_second = index
        self._floors = deque([(index, floor)])
        self._ticks_pruned = 0

    def floor_as_of(self, index: int) -> int:
        """Returns the floor that the rows carry which hold every entry up to `index`; the log is needed from there.

        The newest floor will not do: rows that revert to an older state at a crash bring an older floor with them.
        """
        floors = self._floors
        while len(floors) > 1 and floors[1][0] <= index:
            floors.popleft()
        return floors[0][1] if floors[0][0] <= index else 0

    def due(self, state: ShardState) -> None:
        """Does what is due now."""
        now_ns = state.now.elapsed_ns
        self._ageing.look(state.now)
        if now_ns >= self.minute_ns:
            self.minute_ns = now_ns + MINUTE_NS
            self._minute(state)
            # A schedule's record that was removed, and audit rows, go with the ticks.
            if state.image.book.next_number > 1 or state.image.audited:
                self._prune_ticks(state)
        if now_ns >= self.second_ns:  # second: what the minute has written moves no floor by itself
            self.second_ns = now_ns + SECOND_NS
            self._second(state)
        if not state.settings.queue_retention and _surplus(state) and state.applied >= state.pruned_index:
            # The next waits until the store has applied this one.
            self._prune(state, None, state.settings.retention)
        if state.image.book.ticks - self._ticks_pruned > PRUNE_TICKS // 2:
            self._prune_ticks(state)

    def _prune_ticks(self, state: ShardState) -> None:
        """Lets old ticks go: each minute, and sooner where so many are written."""
        self._ticks_pruned = state.image.book.ticks
        retention = state.settings.tick_retention
        before_ms = self._ageing.before_ms(state.now, retention.finished_age_ms)
        state.log([TICKS_END, before_ms, retention.finished_jobs_max, PRUNE_TICKS])

    def wake_ns(self, state: ShardState) -> int:
        """Returns when it wants to be called: each second while anything happens, each minute otherwise."""
        busy = state.image.index != self.index_at_second or bool(state.image.leases) or state.expiring
        return min(self.second_ns, self.minute_ns) if busy else self.minute_ns

    def _second(self, state: ShardState) -> None:
        self._hold(state)
        if state.settings.queue_retention and _surplus(state) and state.image.index != self.index_at_second:
            # Who has how many of them only the store knows: once a second while jobs end, not as often as it may help.
            self._prune(state, None, state.settings.retention)
        if state.expiring:
            # Jobs that started in time have rows among the expired ones; they must not hide the others.
            running = sum(1 for job in state.image.leases.values() if job.expires_ms is not None)
            state.out.reads.append(ReadExpired(state.now.wall_ms, EXPIRE_JOBS + running))
        self.index_at_second = state.image.index + (1 if state.ops else 0)

    def _minute(self, state: ShardState) -> None:
        image, settings, now = state.image, state.settings, state.now
        idle_ns = settings.session_ttl_ms * 1_000_000
        idle = [session for session, kept in image.sessions.items() if now.elapsed_ns - kept.used_ns > idle_ns]
        if idle:
            op = [SESSIONS_END, idle]
            state.log(op)
            image.apply_sessions_end(op)
        if state.keys_taken and self._ageing.before_ms(now, settings.key_ttl_ms) > 0:
            state.log([KEYS_END, now.wall_ms])
            state.keys_taken = now.wall_ms <= state.keys_until_ms
        if image.finished:
            self._prune(state, None, settings.retention)
            for queue, retention in settings.queue_retention:
                self._prune(state, queue, retention)

    def _prune(self, state: ShardState, queue: str | None, retention: Retention) -> None:
        if state.acts_back or state.acts_read:
            return  # somebody waits until the last one is applied; another follows soon enough
        state.pruned_index = state.index
        others = [name for name, _ in state.settings.queue_retention] if queue is None else []
        before_ms = self._ageing.before_ms(state.now, retention.finished_age_ms)
        state.log([PRUNE, queue, others, before_ms, retention.finished_jobs_max, PRUNE_JOBS])

    def _hold(self, state: ShardState) -> None:
        """Gives old leases a row, and moves the floor below which no lease lacks one."""
        image = state.image
        # On elapsed time: the stamp may stand still for long, after the wall was set forward and back.
        before_ns = state.now.elapsed_ns - HOLD_AFTER_MS * 1_000_000
        rows: list[list[int]] = []
        floor = state.index
        for job in image.leases.values():
            if job.held:
                continue
            if job.leased_ns <= before_ns:
                rows.append([job.id, job.attempts, job.epoch, job.index, job.executor, job.incarnation, job.leased_ms])
            elif job.index < floor:
                floor = job.index
        # A lease of this very entry is older than none; the floor may stand on this entry.
        if rows or (floor > self.floor and image.index != self.index_at_second):
            op = [HOLD, floor, rows]
            state.log(op)
            image.apply_hold(op)
            assert floor >= self.floor, "the floor goes back"
            self.floor = floor
            self._floors.append((state.index, floor))
            if len(self._floors) > _FLOORS_MAX:
                del self._floors[-2]  # to know less is safe: the log keeps more


def expired_read(state: ShardState, rows: list[list[Any]]) -> None:
    """Ends jobs whose time to start has passed; records that memory does not hold are read first."""
    ids = [row[0] for row in rows]
    missing = [id for id in ids if id not in state.image.jobs]
    if missing:
        state.out.reads.append(ReadJobs(missing, "expire", ids))
    else:
        _expire(state, ids)


def expiring_read(state: ShardState, read: ReadJobs, rows: list[list[Any]]) -> None:
    """Goes on when the records are there."""
    for row in rows:
        if row[0] not in state.image.jobs and not is_done(row):
            state.image.jobs[row[0]] = Job.from_live(row)
    _expire(state, read.context)


def _expire(state: ShardState, ids: list[int]) -> None:
    jobs, wall_ms = state.image.jobs, state.now.wall_ms
    over = [
        id
        for id in ids
        if (job := jobs.get(id)) is not None
        and not job.terminal
        and job.state != RUNNING
        and job.expires_ms is not None
        and job.expires_ms <= wall_ms
    ]
    if over:
        dispatching.expire(state, over)


def _surplus(state: ShardState) -> bool:
    """Says whether more finished jobs are kept than one PRUNE's half beyond the general rule."""
    return state.image.finished - state.settings.retention.finished_jobs_max > PRUNE_JOBS // 2
