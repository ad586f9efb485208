"""Which waiting job runs next, and where.

Decides leases: highest priority first, within a priority the oldest id, spread over the executors with free slots. A
lease is a decision in the log; the Run that carries its fence leaves when the entry is committed. A job due within
moments is leased ahead and its Run leaves at the instant. Rules: docs/design.md, "Time" and "Execution".
"""

import heapq

from ...broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX
from ...broker.wire.messages import Run
from ..effects import Send
from ..entries import EXPIRE, LEASE
from ..jobs.job import Job
from ..jobs.lanes import Lane
from ..jobs.lifecycle import EXPIRED, OUTCOME_RETURNED, READY, RETRYING, SCHEDULED
from . import finishing, waiting
from .link import Link
from .state import ShardState
from .timers import CLOCKS, Timers


def dispatch(state: ShardState) -> None:
    """Leases as many waiting jobs as there are free slots for."""
    release_ahead(state)
    if state.draining or state.disk_full or not state.links.by_peer:
        return
    chosen: dict[Link, list[Job]] = {}
    expired: list[int] = []
    if state.ready_lanes:
        _choose(state, chosen, expired)
    if expired:
        expire(state, expired)
    for link, jobs in chosen.items():
        lease(state, link, jobs)
        _send_runs(state, link, jobs)
    if state.timers.soon[0] or state.timers.soon[1]:
        _lease_ahead(state)


def _choose(state: ShardState, chosen: dict[Link, list[Job]], expired: list[int]) -> None:
    """Pops jobs from lanes while executors have room; a heap of lanes keeps the order (priority, id) across them."""
    heap: list[tuple[int, int, int]] = []
    lanes, links, free_kinds = state.image.lanes, state.links, state.links.free_kinds()
    for lane_id in list(state.ready_lanes) if free_kinds else ():
        lane = lanes[lane_id]
        if not lane.heads:
            state.ready_lanes.discard(lane_id)
        # Thousands of lanes may wait for a kind that is full everywhere: those are passed at once.
        elif not free_kinds.isdisjoint(links.kinds(lane.queue, lane.task)) and _room(state, lane):
            heap.append((-lane.priority, lane.heads[0], lane_id))
    heapq.heapify(heap)
    while heap:
        priority, _, lane_id = heapq.heappop(heap)
        lane = state.image.lanes[lane_id]
        until = heap[0][1] if heap and heap[0][0] == priority else 1 << 62
        _take(state, lane, until, chosen, expired)
        if not lane.heads:
            state.ready_lanes.discard(lane_id)
        elif _room(state, lane):
            heapq.heappush(heap, (priority, lane.heads[0], lane_id))


def _room(state: ShardState, lane: Lane) -> bool:
    return any(link.free(kind) > 0 for link, kind in state.links.eligible(lane.queue, lane.task))


def _take(state: ShardState, lane: Lane, until: int, chosen: dict[Link, list[Job]], expired: list[int]) -> None:
    """Takes this lane's jobs with ids up to `until`, while there is room.

    Each goes to the executor with the most room.
    """
    jobs, wall_ms = state.image.jobs, state.now.wall_ms
    places = [place for place in state.links.eligible(lane.queue, lane.task) if place[0].free(place[1]) > 0]
    room = [link.free(kind) for link, kind in places]
    heads = lane.heads
    while heads and room and heads[0] <= until:
        job = jobs.get(lane.pop())
        if job is None or not job.queued or job.state != READY:
            continue  # it was cancelled or has ended
        job.queued = False
        if job.expires_ms is not None and job.expires_ms <= wall_ms:
            expired.append(job.id)
            continue
        at = 0 if len(room) == 1 else room.index(max(room))
        link, kind = places[at]
        job.kind = kind
        link.used[kind] = link.used.get(kind, 0) + 1
        chosen.setdefault(link, []).append(job)
        room[at] -= 1
        if not room[at]:
            del room[at], places[at]


def lease(state: ShardState, link: Link, jobs: list[Job]) -> None:
    """Writes leases down; their slots are taken already."""
    op = [LEASE, link.executor, link.incarnation, [job.id for job in jobs], [job.attempts + 1 for job in jobs]]
    state.log(op)
    state.image.apply_lease(op, state.index, state.epoch)
    for job in jobs:
        job.leased_ns = state.now.elapsed_ns


def _send_runs(state: ShardState, link: Link, jobs: list[Job], index: int | None = None) -> None:
    """Sends Runs of one fence, in batches that fit a frame."""
    lanes, wall_ms = state.image.lanes, state.now.wall_ms
    rows: list[list[object]] = []
    size = 0
    fence = jobs[0].index
    for job in jobs:
        lane = lanes[job.lane]
        rows.append(
            [
                job.id,
                job.attempts,
                lane.task,
                job.payload,
                job.timeout_ms,
                job.scheduled_ms,
                lane.queue,
                lane.tenant,
                job.trace,
                None if job.deadline_ms is None else max(1, job.deadline_ms - wall_ms),
            ]
        )
        size += len(job.payload)
        if len(rows) == BATCH_JOBS_MAX or size * 4 > BATCH_BYTES_MAX:
            _send_run(state, link, fence, rows, index)
            rows, size = [], 0
    if rows:
        _send_run(state, link, fence, rows, index)


def _send_run(state: ShardState, link: Link, fence: int, rows: list[list[object]], index: int | None) -> None:
    link.run_sequence += 1
    run = Run(state.shard, link.number, link.run_sequence, state.epoch, fence, rows)
    state.out.sends.append(Send(link.peer, run, index))


def _lease_ahead(state: ShardState) -> None:
    """Leases jobs due within the lead for which there is room now and nobody waits."""
    image = state.image
    chosen: dict[Link, list[Job]] = {}
    ahead: list[tuple[int, Job]] = []
    for clock in CLOCKS:
        for key, id in sorted(state.timers.soon[clock]):
            job = image.jobs.get(id)
            if job is None or not job.queued or job.fires_ms != key or job.state not in (SCHEDULED, RETRYING):
                continue
            lane = image.lanes[job.lane]
            if lane.heads:
                continue
            if job.expires_ms is not None and job.expires_ms <= max(state.now.wall_ms, job.due_ms or 0):
                continue
            for link, kind in state.links.eligible(lane.queue, lane.task):
                if link.free(kind) > 0:
                    job.kind = kind
                    link.used[kind] = link.used.get(kind, 0) + 1
                    chosen.setdefault(link, []).append(job)
                    ahead.append((clock, job))
                    job.queued = False  # a job that came back stands in `soon` twice
                    break
    for link, jobs in chosen.items():
        lease(state, link, jobs)
    if ahead:
        state.count("leased_ahead", len(ahead))
    for clock, job in ahead:
        job.ahead = True
        state.timers.lease_ahead(clock, job)


def release_ahead(state: ShardState) -> None:
    """Sends the Runs of jobs that were leased ahead and whose instant has come."""
    back = [
        job
        for key, id in state.timers.set_back(state.now)
        if (job := state.image.leases.get(id)) is not None and job.ahead and job.fires_ms == key
    ]
    if back:  # their slots are not kept until the clock comes to that instant again
        finishing.lose(state, back, OUTCOME_RETURNED, "the clock was set back before the job was due")
    released: dict[tuple[int, int], list[Job]] = {}
    for key, id in Timers.due(state.timers.ahead, state.now):
        job = state.image.leases.get(id)
        if job is not None and job.ahead and job.fires_ms == key:
            job.ahead = False  # one that came back and was leased anew stands in `ahead` twice
            released.setdefault((job.incarnation, job.index), []).append(job)
    for (incarnation, index), jobs in released.items():
        link = state.links.by_incarnation.get(incarnation)
        if link is None or link.silent:
            finishing.lose(state, jobs, OUTCOME_RETURNED, "the executor went before the job was due")
            continue
        _send_runs(state, link, jobs, index)


def expire(state: ShardState, ids: list[int]) -> None:
    """Ends jobs that did not start in time."""
    op = [EXPIRE, ids]
    state.log(op)
    state.image.apply_expire(op, state.index)
    state.count("jobs_expired", len(ids))
    for id in ids:
        job = state.image.jobs[id]
        state.tallies.of(state.image.lanes[job.lane].task).job(EXPIRED)
        if id in state.waiters.by_job:
            waiting.tell(state, job)
