"""The shard's decided state in memory, and how each op of an entry changes it.

Decides what an op means for memory; the store (nodes/storage, chaos) decides the same for rows, and the simulator
holds the two against each other. `apply_*` are the only writers of decided state: they run when an op is appended, so
the next decision sees those that are not committed yet. They read no clock and draw no chance. Soft state (links,
waiters, timers) is not here.
"""

from collections import deque
from typing import Any

from ...broker.wire.ids import job_id
from ..entries import Op
from ..jobs.job import Job
from ..jobs.lanes import Lane
from ..jobs.lifecycle import EXPIRED, READY, RETRYING, RUNNING, SCHEDULED, SKIPPED, next_state
from ..limits import UNAPPLIED_JOB_BYTES
from ..schedules.book import Book
from ..store import Restored
from .session import Session, Taken


class Image:
    """Jobs near at hand, lanes, leases, sessions, names; see `Restored` for where it starts."""

    def __init__(self, shard: int, restored: Restored, dedup_window: int) -> None:
        self.shard = shard
        self.dedup_window = dedup_window
        self.index = restored.applied
        self.stamp_ms = restored.stamp_ms
        self.next_sequence = restored.next_sequence
        self.finished = restored.finished  # as of the last applied entry
        self.jobs: dict[int, Job] = {}
        self.leases: dict[int, Job] = {}
        self.lanes: dict[int, Lane] = {}
        self.lane_of: dict[tuple[str, str, int, str], Lane] = {}
        self.queue_live: dict[str, int] = {}
        self.executors: dict[tuple[str, str], int] = {}
        self.tasks: dict[str, list[Any]] = {row[0]: row for row in restored.tasks}
        self.sessions: dict[int, Session] = {}
        self.book = Book(restored)
        self.lease_ttl_ms = restored.lease_ttl_ms  # no executor trusts a lease for longer than this
        self.audited = restored.next_audit > 1  # somebody has changed something, so there may be audit rows
        self.fresh_keys: dict[tuple[str, str], tuple[int, int, int]] = {}
        self.unapplied: deque[tuple[int, list[int], list[tuple[str, str]], int]] = deque()
        self.unapplied_bytes = 0
        self.payload_bytes = 0  # of the jobs submitted in the entry being made
        self.touched: list[int] = []  # ids of the entry being made
        self.keyed: list[tuple[str, str]] = []  # keys of the entry being made
        for lane, tenant, queue, priority, task, live in restored.lanes:
            self._add_lane(Lane(lane, tenant, queue, priority, task, live))
        for executor, node, name in restored.executors:
            self.executors[node, name] = executor
        for session, sequence, first_id, count, existing, acked_below, stamp_ms in restored.sessions:
            kept = self.sessions.setdefault(session, Session(stamp_ms))
            # The row counts the jobs that were made; the answer counts all that were asked for.
            taken = Taken(first_id, count + len(existing), existing)
            kept.take(sequence, acked_below, taken, dedup_window, stamp_ms)

    # What the store has caught up with.

    def sealed(self, index: int) -> None:
        """The entry being made is appended at `index`: what it touched is kept until the store has it."""
        assert index == self.index + 1
        self.index = index
        size = UNAPPLIED_JOB_BYTES * len(self.touched) + self.payload_bytes
        self.unapplied.append((index, self.touched, self.keyed, size))
        self.unapplied_bytes += size
        self.touched, self.keyed, self.payload_bytes = [], [], 0

    def passed(self, index: int) -> None:
        """An entry that changes nothing here stands at `index`."""
        assert index == self.index + 1, f"entry {index} does not follow entry {self.index}"
        assert not self.touched, "between two turns nothing is half decided"
        self.index = index

    def applied(self, index: int, finished: int) -> None:
        """The store has every entry up to `index`: records that memory kept only for that reason go."""
        jobs = self.jobs
        self.finished = finished
        while self.unapplied and self.unapplied[0][0] <= index:
            at, ids, keys, size = self.unapplied.popleft()
            self.unapplied_bytes -= size
            for id in ids:
                job = jobs.get(id)
                if job is not None and not job.queued and job.state != RUNNING and job.touched_index <= at:
                    del jobs[id]
            for key in keys:
                if key in self.fresh_keys and self.fresh_keys[key][1] <= at:
                    del self.fresh_keys[key]

    # The ops.

    def apply_lanes(self, op: Op) -> None:
        """New lanes."""
        for lane, tenant, queue, priority, task in op[1]:
            self._add_lane(Lane(lane, tenant, queue, priority, task))

    def apply_executors(self, op: Op) -> None:
        """New executor names."""
        for executor, node, name in op[1]:
            self.executors[node, name] = executor

    def apply_tasks(self, op: Op) -> None:
        """The catalogue gains or changes tasks."""
        for row in op[1]:
            self.tasks[row[0]] = row

    def apply_submit(self, op: Op, index: int) -> list[Job]:
        """Jobs taken; returns their records, not placed in lanes or timers yet."""
        _, session, sequence, acked_below, first_id, rows, existing = op
        assert first_id == job_id(self.shard, self.next_sequence), "ids are given in order"
        self.next_sequence += len(rows)
        made: list[Job] = []
        jobs, lanes, queue_live = self.jobs, self.lanes, self.queue_live
        id = first_id
        for (
            lane_id,
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
        ) in rows:
            lane = lanes[lane_id]
            job = Job(id, lane_id, payload, scheduled_ms, due_ms, READY if due_ms is None else SCHEDULED)
            job.touched_index = index
            job.retry, job.timeout_ms, job.expires_ms, job.trace = retry, timeout_ms, expires_ms, trace
            job.deadline_ms = deadline_ms
            if key is not None:
                job.key = key
                self.fresh_keys[lane.tenant, key] = (id, index, key_until_ms)
                self.keyed.append((lane.tenant, key))
            lane.live += 1
            self.payload_bytes += len(payload)
            queue_live[lane.queue] = queue_live.get(lane.queue, 0) + 1
            jobs[id] = job
            made.append(job)
            self.touched.append(id)
            id += 1
        if session:
            kept = self.sessions.get(session)
            if kept is None:
                kept = self.sessions[session] = Session(self.stamp_ms)
            taken = Taken(first_id, len(rows) + len(existing), existing)
            kept.take(sequence, acked_below, taken, self.dedup_window, self.stamp_ms)
        return made

    def apply_lease(self, op: Op, index: int, epoch: int) -> None:
        """Jobs are leased; their fence is (epoch, index)."""
        _, executor, incarnation, ids, attempts = op
        stamp_ms = self.stamp_ms
        for id, attempt in zip(ids, attempts, strict=True):
            job = self.jobs[id]
            assert job.state in (READY, SCHEDULED, RETRYING), job
            assert attempt == job.attempts + 1, job
            job.state = RUNNING
            job.attempts = attempt
            job.epoch, job.index = epoch, index
            job.executor, job.incarnation = executor, incarnation
            job.leased_ms = stamp_ms
            job.held = False
            self.leases[id] = job

    def apply_finish(self, op: Op, index: int) -> None:
        """Attempts ended; jobs that live on are not placed in lanes or timers yet."""
        touched, leases = self.touched, self.leases
        for (
            id,
            attempt,
            _outcome,
            state,
            _scheduled,
            _started,
            _finished,
            result,
            error,
            _kind,
            due_ms,
            failures,
            crashes,
            _output,
        ) in op[2]:
            job = leases.pop(id)
            assert job.attempts == attempt, job
            assert job.state == RUNNING, job
            job.state = state
            job.failures, job.crashes = failures, crashes
            job.due_ms, job.fires_ms = due_ms, None
            job.asked = 0
            job.ahead = job.held = False
            job.touched_index = index
            touched.append(id)
            if state >= 10:
                job.result, job.error = result, error
                self._ended(job)

    def apply_cancel(self, op: Op, index: int) -> None:
        """Jobs that do not run end as cancelled or skipped."""
        self._end(op[1], op[2], index)

    def apply_expire(self, op: Op, index: int) -> None:
        """Jobs that did not start in time end as expired."""
        self._end(op[1], EXPIRED, index)

    def apply_ask(self, op: Op) -> None:
        """Running jobs are asked to stop."""
        for id in op[1]:
            self.leases[id].asked = op[2]

    def apply_ready(self, op: Op, index: int) -> None:
        """Jobs stand in their lane on disk from now on."""
        for id in op[1]:
            job = self.jobs[id]
            assert job.state in (READY, SCHEDULED, RETRYING), job
            job.state, job.due_ms, job.queued = READY, None, False
            job.touched_index = index
            self.touched.append(id)

    def apply_revive(self, op: Op, index: int) -> None:
        """Jobs that had ended live again, and stand in their lane on disk."""
        for id, lane_id in op[1]:
            job = self.jobs[id]
            next_state(job.state, "revive")
            assert job.lane == lane_id, job
            job.state, job.due_ms, job.queued = READY, None, False
            job.failures = job.crashes = job.asked = 0
            job.expires_ms = job.deadline_ms = job.result = job.error = None
            job.touched_index = index
            self.touched.append(id)
            lane = self.lanes[lane_id]
            lane.live += 1
            self.queue_live[lane.queue] += 1

    def apply_settle(self, op: Op, index: int) -> None:
        """Jobs that had ended get another final state."""
        _, rows, final = op
        for id, _lane in rows:
            job = self.jobs[id]
            assert next_state(job.state, "skip" if final == SKIPPED else "discard") == final
            job.state = final
            job.touched_index = index
            self.touched.append(id)

    def apply_hold(self, op: Op) -> None:
        """Old leases get a row."""
        for row in op[2]:
            self.leases[row[0]].held = True

    def apply_lease_ttl(self, op: Op) -> None:
        """Leases are trusted for another time."""
        self.lease_ttl_ms = op[1]

    def apply_sessions_end(self, op: Op) -> None:
        """Idle sessions are forgotten."""
        for session in op[1]:
            del self.sessions[session]

    def take_lease(self, job: Job) -> None:
        """Puts back a lease that stood in the store or the log at a start."""
        assert job.state == RUNNING
        self.jobs[job.id] = self.leases[job.id] = job

    # Helpers.

    def _add_lane(self, lane: Lane) -> None:
        assert lane.id not in self.lanes, f"lane {lane.id} exists"
        self.lanes[lane.id] = lane
        self.lane_of[lane.tenant, lane.queue, lane.priority, lane.task] = lane
        self.queue_live[lane.queue] = self.queue_live.get(lane.queue, 0) + lane.live

    def _end(self, ids: list[int], state: int, index: int) -> None:
        for id in ids:
            job = self.jobs[id]
            assert job.state in (READY, SCHEDULED, RETRYING), job
            job.state = state
            job.queued = False
            job.due_ms = job.fires_ms = None
            job.touched_index = index
            self.touched.append(id)
            self._ended(job)

    def _ended(self, job: Job) -> None:
        lane = self.lanes[job.lane]
        lane.live -= 1
        self.queue_live[lane.queue] -= 1
        if self.book.of_job:
            self.book.job_ended(job.id)
