"""Every job that waits is where somebody will find it: in its lane, at a timer, or on disk with a reader.

Why: memory holds only what is near, so a job that falls between memory and disk is never lost and never run; nothing
else would notice. And what memory believes of a job must be what its rows and the entries not applied yet make of it.
"""

from collections.abc import Sequence
from copy import deepcopy

from ...actors.coordinator.shard import ShardMachine
from ...actors.jobs.lanes import ALL
from ...actors.jobs.lifecycle import READY, RETRYING, RUNNING, SCHEDULED
from ...actors.store import ReadDue, ReadExpired, ReadJobs
from ...broker.wire.ids import SEQUENCE_MAX
from ..memory_store import Job, MemoryRows
from ..node import Node
from ..seat import Seat
from .base import Invariant

_FOR_EVER = 1 << 62


class NothingWaitsUnseen(Invariant):
    """Rows, with what is not applied laid over them, against lanes, wheels and leases."""

    EACH_SHARD = True

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.next_event = 0

    def turned(self, node: Node) -> None:
        """Compares after a turn of the coordinator, every so often."""
        seat = node.seats.get(self.shard)
        if seat is not None and seat.leads and self.world.events >= self.next_event:
            self.next_event = self.world.events + 8 * self.world.options.check_every
            self._compare(seat)

    def at_end(self) -> None:
        """Compares at rest."""
        self._compare(self.leader())

    def _compare(self, seat: Seat) -> None:
        member, node, machine = seat.member, seat.node, seat.machine
        assert member is not None
        state = machine.state
        rows = seat.store.rows.clone()
        for index, entry in member.unapplied:
            rows.apply(index, entry)
        timed = _timed(machine)
        asked = [
            read
            for read in (*member.reads, *(getattr(event, "read", None) for event in member.inbox))
            if read is not None
        ]
        for job in rows.jobs.values():
            text = self._why_unseen(machine, job, timed, asked)
            if text is not None:
                self.fail(f"job {job.id} (attempts={job.attempts}, due_ms={job.due_ms}) {text}", node)
        for id, known in state.image.jobs.items():
            if not known.terminal and id not in rows.jobs:
                self.fail(f"memory holds job {id} as {known}, and there is no row of it", node)
        self._counts(seat, rows)

    def _why_unseen(self, machine: ShardMachine, job: Job, timed: set[int], asked: Sequence[object]) -> str | None:
        state = machine.state
        known = state.image.jobs.get(job.id)
        lane = state.image.lanes[job.lane]
        if known is not None and known.state == RUNNING:
            return None if state.image.leases.get(job.id) is known else "runs without a lease"
        if known is not None and known.terminal:
            return "has ended in memory, and its row is live"
        if known is not None and known.queued:
            if known.state == READY:
                return None if job.id in lane.heads and lane.id in state.ready_lanes else "is queued in no lane"
            return (
                None
                if known.state in (SCHEDULED, RETRYING) and _soon(machine, known.fires_ms, job.id)
                else "is near and nobody waits"
            )
        if job.due_ms is None:
            if job.id > lane.cursor and lane.cursor != ALL and lane.id in state.refill:
                return None
            return f"stands in lane {lane.id} on disk, whose reader has passed it (cursor {lane.cursor})"
        if job.id in timed or job.due_ms >= state.horizon_ms:
            return None
        if any(_asks_for(read, job) for read in asked):
            return None
        return f"is due before the horizon {state.horizon_ms} and at no timer"

    def _counts(self, seat: Seat, rows: MemoryRows) -> None:
        live: dict[int, int] = {}
        for job in rows.jobs.values():
            live[job.lane] = live.get(job.lane, 0) + 1
        for lane in seat.machine.state.image.lanes.values():
            if lane.live != live.get(lane.id, 0):
                self.fail(f"lane {lane.id} counts {lane.live} live jobs, there are {live.get(lane.id, 0)}", seat.node)


def _timed(machine: ShardMachine) -> set[int]:
    """Returns the ids at any timer of the wheels."""
    found: set[int] = set()
    for wheel in machine.state.timers.wheels:
        twin = deepcopy(wheel)
        found.update(machine.state.shard_base | item for _, item in twin.advance(_FOR_EVER >> 20, len(wheel) + 1))
    return found


def _soon(machine: ShardMachine, key: int | None, id: int) -> bool:
    return any((key, id) in heap for heap in machine.state.timers.soon)


def _asks_for(read: object, job: Job) -> bool:
    """Says whether a read that is under way will bring this job."""
    if isinstance(read, ReadJobs):
        return read.purpose == "due" and job.id in read.ids
    if isinstance(read, ReadDue):
        assert job.due_ms is not None
        return (job.due_ms, job.id) > (read.after_ms, read.after_id) and job.due_ms < read.before_ms
    return isinstance(read, ReadExpired) and job.id > SEQUENCE_MAX << 1
