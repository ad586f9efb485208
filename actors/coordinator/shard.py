"""The coordinator of one shard: takes every event, and settles at the end of each turn.

Decides the order of things within a turn: first all that came in, then timers, leases' ends, housekeeping, and one
round of dispatch for all of it, sealed in one entry. The rules themselves stand in the files beside it.
"""

from collections.abc import Mapping
from typing import Any, assert_never

from ...broker.wire.messages import (
    Await,
    Cancel,
    ClientHello,
    ClientWelcome,
    Credit,
    ExecutorHello,
    Finished,
    Goodbye,
    JobAct,
    Message,
    Query,
    Renew,
    ScheduleAct,
    ScheduleSet,
    Submit,
)  # fmt: skip
from ..draws import Draws
from ..effects import Effects, Peer
from ..entries import NOOP, Entry
from ..events import Answer, Applied, Drain, Passed, PeerGone, Received, Storage, Wake
from ..jobs.job import Job
from ..jobs.lanes import ALL
from ..jobs.lifecycle import CANCELLED, RUNNING, SKIPPED
from ..limits import HORIZON_MS, HORIZON_STEP_MS
from ..machine import Now
from ..store import ReadDue, ReadExpired, ReadJobs, ReadKeys, ReadListing, ReadReady, Restored
from . import (
    cancelling,
    dispatching,
    executors,
    finishing,
    job_acts,
    placing,
    querying,
    schedule_acts,
    scheduling,
    submitting,
    waiting,
)  # fmt: skip
from .housekeeping import Housekeeping, expired_read, expiring_read
from .image import Image
from .settings import ShardSettings
from .state import ShardState
from .ticking import Ticking

Event = Received | PeerGone | Wake | Applied | Passed | Answer | Storage | Drain


class ShardMachine:
    """One shard's coordinator, as a machine."""

    def __init__(
        self,
        shard: int,
        epoch: int,
        settings: ShardSettings,
        restored: Restored,
        leases: list[list[Any]],
        leased: list[list[Any]],
        draws: Draws,
        now: Now,
    ) -> None:
        """Takes over a shard.

        Args:
            shard: its number, 0 to 4095.
            epoch: this writer's epoch, greater than any before.
            settings: what the operator tuned.
            restored: what the store holds, with every entry applied.
            leases: the open leases, rows of HOLD_COLUMNS (see recovery.py).
            leased: the records of the leased jobs, rows of LIVE_COLUMNS.
            draws: the stream of chance for backoff.
            now: both clocks.
        """
        image = Image(shard, restored, settings.dedup_window)
        self.state = ShardState(shard, epoch, settings, image, draws, now)
        self.housekeeping = Housekeeping(now, restored.floor, restored.applied)
        self._restore(restored, leases, leased)
        self.ticking = Ticking(self.state)
        self.state.log([NOOP])
        executors.begin(self.state)

    def _restore(self, restored: Restored, leases: list[list[Any]], leased: list[list[Any]]) -> None:
        state, records = self.state, {row[0]: row for row in leased}
        for kept in state.image.sessions.values():
            # By stamps alone: neither the time while nobody was here nor a clock that was set makes a session older.
            kept.used_ns = state.now.elapsed_ns - (restored.stamp_ms - kept.used_ms) * 1_000_000
        held = {row[0] for row in restored.leases}
        for id, attempt, epoch, index, executor, incarnation, leased_ms in leases:
            assert id in records, f"lease of job {id} has no live row"
            job = Job.from_live(records[id])
            job.state, job.attempts = RUNNING, attempt
            job.epoch, job.index, job.executor, job.incarnation, job.leased_ms = (
                epoch,
                index,
                executor,
                incarnation,
                leased_ms,
            )
            job.held = id in held
            state.image.take_lease(job)
            if job.asked:
                state.asked[id] = job
        for lane in state.image.lanes.values():
            if lane.live:
                lane.restored(restored.next_sequence - 1 | state.shard_base)
                state.refill.add(lane.id)
        state.orphans_settled = not leases

    def handle(self, event: Event, now: Now) -> Effects:
        """Takes one event; see actors.machine.Machine."""
        state = self.state
        state.begin(now)
        match event:
            case Received(peer, message):
                self._received(peer, message)
            case Wake():
                self._settle()
            case Applied(index, finished):
                state.applied = index
                state.image.applied(index, finished)
                job_acts.go_on(state)
            case Answer():
                self._answered(event)
            case PeerGone(peer):
                executors.gone(state, peer)
            case Passed(index):
                state.image.passed(index)
            case Storage(is_full):
                state.disk_full = is_full
            case Drain():
                state.draining = True
            case _:
                assert_never(event)
        return state.out

    def _received(self, peer: Peer, message: Message) -> None:
        state = self.state
        match message:
            case Submit():
                submitting.take(state, peer, message)
            case Finished():
                finishing.take(state, peer, message)
            case Renew():
                executors.renew(state, peer, message)
            case Await():
                waiting.take(state, peer, message)
            case Cancel():
                cancelling.take(state, peer, message)
            case Query():
                querying.take(state, peer, message)
            case JobAct():
                job_acts.take(state, peer, message)
            case ScheduleSet():
                scheduling.take(state, peer, message)
            case ScheduleAct():
                schedule_acts.take(state, peer, message)
            case ClientHello():
                self._client_hello(peer, message)
            case ExecutorHello():
                executors.hello(state, peer, message)
            case Credit():
                executors.credit(state, peer, message)
            case Goodbye(incarnation):
                executors.goodbye(state, peer, incarnation)
                state.forget(peer)
            case _:
                state.refuse(peer, 0, "malformed", f"{type(message).__name__} is not for a coordinator")

    def _client_hello(self, peer: Peer, message: ClientHello) -> None:
        state, settings = self.state, self.state.settings
        if message.cluster not in (None, settings.cluster):
            state.refuse(
                peer,
                0,
                "wrong_cluster",
                f"this node belongs to cluster {settings.cluster!r}, the client asked for {message.cluster!r}",
            )
            return
        tasks = [[row[0], row[2], row[5]] for row in state.image.tasks.values()]
        state.send(
            peer,
            ClientWelcome(
                state.shard, state.epoch, settings.cluster, settings.shards, tasks, settings.payload_bytes_max
            ),
        )

    def _answered(self, answer: Answer) -> None:
        state, read, rows = self.state, answer.read, answer.rows
        match read:
            case ReadReady():
                placing.ready_read(state, read, rows, answer.applied)
            case ReadDue():
                placing.due_read(state, read, rows)
            case ReadJobs(_, purpose) if purpose in _ACTS_READ:
                _ACTS_READ[purpose](state, read, rows, answer.applied)
            case ReadJobs(_, purpose):
                _JOBS_READ[purpose](state, read, rows)
            case ReadKeys():
                _KEYS_READ[type(read.context[1])](state, read, rows)
            case ReadExpired():
                expired_read(state, rows)
            case ReadListing():
                querying.listed(state, read, rows)
            case _:
                assert_never(read)

    def _settle(self) -> None:
        """Ends a turn: what time brings, then one round of dispatch, then the entry is sealed."""
        state = self.state
        executors.lapse(state)
        self.ticking.due(state)
        placing.move_horizon(state)
        placing.fire(state)
        placing.due_now(state)
        self.housekeeping.due(state)
        dispatching.dispatch(state)
        if state.refill:
            placing.refill(state)
        if state.ops:
            ops, state.ops = state.ops, []
            state.image.sealed(state.index)
            state.out.entry = Entry(state.epoch, state.image.stamp_ms, ops)

    def wake_at(self) -> int | None:
        """Returns when it wants a turn, in elapsed ns; see actors.machine.Machine."""
        state = self.state
        state.wake_ns = self._wake_ns()
        return state.wake_ns

    def _wake_ns(self) -> int:
        state = self.state
        if state.ops:
            return state.now.elapsed_ns
        # The horizon stands on the wall: a step of the clock is noticed at the next timer or within the minute.
        horizon_in_ms = state.horizon_ms - HORIZON_MS + HORIZON_STEP_MS - state.now.wall_ms
        wakes = [
            self.housekeeping.wake_ns(state),
            state.now.elapsed_ns + min(max(horizon_in_ms, 0), HORIZON_STEP_MS) * 1_000_000,
        ]
        others = (
            state.timers.wake_ns(state.now),
            executors.next_deadline_ns(state),
            self.ticking.wake_ns(state),
        )
        wakes.extend(wake for wake in others if wake is not None)
        return min(wakes)

    def snapshot(self) -> Mapping[str, object]:
        """Returns a small picture; see actors.machine.Machine."""
        return self.state.snapshot()

    def check(self) -> None:
        """Asserts every internal relation: slots conserved, leases and jobs agree, lanes hold what is ready."""
        state, image = self.state, self.state.image
        state.links.check()
        state.waiters.check()
        state.questions.check()
        state.timers.check()
        image.book.check()
        assert image.lease_ttl_ms >= state.settings.lease_ttl_ms, "leases are granted for longer than the log says"
        used: dict[tuple[int, str], int] = {}
        for id, job in image.leases.items():
            assert image.jobs[id] is job, f"lease of job {id} is not its record"
            assert job.state == RUNNING, job
            assert not job.queued, job
            used[job.incarnation, job.kind] = used.get((job.incarnation, job.kind), 0) + 1
        for link in state.links.by_peer.values():
            for kind, count in link.used.items():
                assert count == used.get((link.incarnation, kind), 0), (
                    f"{link.name} counts {count} {kind} slots, its leases say otherwise"
                )
        for lane in image.lanes.values():
            lane.check()
            heads = set(lane.heads)
            assert not lane.heads or lane.id in state.ready_lanes, f"lane {lane.id} waits and nobody knows"
            assert lane.cursor == ALL or lane.id in state.refill, (
                f"lane {lane.id} has jobs on disk and nobody reads them"
            )
            for id in heads:
                job = image.jobs.get(id)
                assert job is None or job.terminal or job.queued or job.state == RUNNING or job.lane == lane.id, job
        for id, job in state.asked.items():
            assert image.leases.get(id) is job, job
            assert job.asked in (CANCELLED, SKIPPED), job


_JOBS_READ = {
    "due": placing.fired_read,
    "await": waiting.read,
    "cancel": cancelling.read,
    "expire": expiring_read,
}
_ACTS_READ = {"act": job_acts.read, "act again": job_acts.read_again}
_KEYS_READ = {Submit: submitting.keys_read, ScheduleAct: schedule_acts.keys_read}
