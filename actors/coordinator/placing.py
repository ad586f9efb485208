"""Where a live job waits: in its lane, at a timer, or on disk alone.

Decides what memory holds of each waiting job, and turns time into readiness. That a job is ready follows from its due
time, so it needs no log entry, except when memory gives the job back to disk (READY). Rules: docs/design.md,
"Storage" and "Time".
"""

from typing import Any

from ..entries import READY as READY_OP
from ..jobs.job import Job
from ..jobs.lanes import Lane
from ..jobs.lifecycle import READY, RETRYING, SCHEDULED
from ..limits import DUE_READ_JOBS, HORIZON_MS, HORIZON_STEP_MS, REFILL_JOBS
from ..store import ReadDue, ReadJobs, ReadReady, is_done
from .state import ShardState
from .timers import WALL, Firing, Timers


def place_fresh(state: ShardState, jobs: list[Job], delays_ms: list[int | None]) -> None:
    """Places jobs that were submitted in this event."""
    lanes, index = state.image.lanes, state.index
    for job, delay_ms in zip(jobs, delays_ms, strict=True):
        if job.due_ms is not None:
            place_timed(state, job, delay_ms)
            continue
        lane = lanes[job.lane]
        if lane.takes_fresh(job.id, index):
            lane.push(job.id)
            job.queued = True
            state.ready_lanes.add(lane.id)
        else:
            state.refill.add(lane.id)


def place_timed(state: ShardState, job: Job, delay_ms: int | None) -> None:
    """Sets a job's timer: on elapsed time for a delay that is shorter than the horizon is far, else on the wall.

    What is due beyond the horizon waits in the due index.
    """
    assert job.due_ms is not None
    if delay_ms is not None and delay_ms < HORIZON_MS:
        state.timers.add_delay(job, delay_ms, state.now)  # wherever the horizon stands: the wall may have been set
    elif job.due_ms < state.horizon_ms:
        job.fires_ms = job.due_ms
        state.timers.add_calendar(job.id, job.due_ms)


def place_ready(state: ShardState, job: Job) -> None:
    """Puts a job whose time has come (or that came back) into its lane.

    A lane that is overfull gives its tail back to disk.
    """
    lane = state.image.lanes[job.lane]
    job.state = READY
    job.fires_ms = None
    job.queued = True
    lane.push(job.id)
    state.ready_lanes.add(lane.id)
    if lane.overfull():
        _give_back(state, lane)


def make_ready(state: ShardState, jobs: list[Job]) -> None:
    """Makes waiting jobs ready now, whatever their time: they stand in their lanes on disk."""
    op = [READY_OP, [job.id for job in jobs]]
    state.log(op)
    state.image.apply_ready(op, state.index)
    on_disk(state, jobs)


def on_disk(state: ShardState, jobs: list[Job]) -> None:
    """Leaves jobs that this entry makes ready to the readers of their lanes; timers that they had are void."""
    ids: dict[int, list[int]] = {}
    for job in jobs:
        job.fires_ms = None
        state.timers.forget(job.id)
        ids.setdefault(job.lane, []).append(job.id)
    for lane_id, own in ids.items():
        state.image.lanes[lane_id].stand_on_disk(own, state.index)
        state.refill.add(lane_id)


def _give_back(state: ShardState, lane: Lane) -> None:
    jobs = state.image.jobs
    tail = [
        id
        for id in lane.give_back(state.index)
        if (job := jobs.get(id)) is not None and job.queued and job.state == READY
    ]
    op = [READY_OP, tail]
    state.log(op)
    state.image.apply_ready(op, state.index)
    state.refill.add(lane.id)
    state.count("lanes_given_back")


def fire(state: ShardState) -> None:
    """Takes what is due within the lead from the wheels; records that memory does not hold are read."""
    jobs = state.image.jobs
    missing: list[Firing] = []
    for firing in state.timers.fire(state.now, state.shard_base):
        job = jobs.get(firing[2])
        if job is None:
            missing.append(firing)
        else:
            _fired(state, firing, job)
    if missing:
        state.out.reads.append(ReadJobs([id for _, _, id in missing], "due", missing))


def fired_read(state: ShardState, read: ReadJobs, rows: list[list[Any]]) -> None:
    """Goes on with fired jobs whose records have been read."""
    by_id = {row[0]: row for row in rows}
    jobs = state.image.jobs
    for firing in read.context:
        id = firing[2]
        job = jobs.get(id)
        if job is None:
            row = by_id.get(id)
            if row is None or is_done(row):
                continue  # it has ended meanwhile
            job = jobs[id] = Job.from_live(row)
            if not _fired(state, firing, job):
                del jobs[id]
        else:
            _fired(state, firing, job)


def _fired(state: ShardState, firing: Firing, job: Job) -> bool:
    """Takes one fired timer; returns False if it is stale (the job has ended, runs, or has another timer)."""
    clock, key, _ = firing
    if job.queued or job.state not in (SCHEDULED, RETRYING):
        return False
    if job.fires_ms is not None and job.fires_ms != key:
        return False
    if job.due_ms is None or (clock == WALL and job.due_ms > key):
        return False
    state.timers.near(clock, key, job)
    return True


def due_now(state: ShardState) -> None:
    """Moves near jobs whose instant has come into their lanes."""
    jobs = state.image.jobs
    for key, id in Timers.due(state.timers.soon, state.now):
        job = jobs.get(id)
        if job is not None and job.queued and job.fires_ms == key and job.state in (SCHEDULED, RETRYING):
            place_ready(state, job)


def move_horizon(state: ShardState) -> None:
    """Reads the next part of the due index when the horizon has come near."""
    wall_ms = state.now.wall_ms
    if wall_ms + HORIZON_MS - state.horizon_ms < HORIZON_STEP_MS:
        return
    before_ms = wall_ms + HORIZON_MS
    # At a start the horizon is 0: whatever is overdue comes with the first read.
    state.out.reads.append(ReadDue(state.horizon_ms - 1, (1 << 62), before_ms, DUE_READ_JOBS))
    state.horizon_ms = before_ms


def due_read(state: ShardState, read: ReadDue, rows: list[list[int]]) -> None:
    """Sets timers for a part of the due index; entries that the store has not applied yet are laid over it."""
    image = state.image
    for due_ms, id in rows:
        job = image.jobs.get(id)
        if job is None:
            state.timers.add_calendar(id, due_ms)
        elif not job.queued and job.fires_ms is None and job.state in (SCHEDULED, RETRYING) and job.due_ms is not None:
            place_timed(state, job, None)
    for _, ids, _, _ in image.unapplied:
        for id in ids:
            job = image.jobs.get(id)
            if job is None or job.queued or job.fires_ms is not None or job.due_ms is None:
                continue
            if job.state in (SCHEDULED, RETRYING) and job.due_ms < read.before_ms:
                place_timed(state, job, None)
    if len(rows) == read.limit:
        last_due_ms, last_id = rows[-1]
        state.out.reads.append(ReadDue(last_due_ms, last_id, read.before_ms, read.limit))


def refill(state: ShardState) -> None:
    """Asks for more of the lanes that run low in memory and have more on disk."""
    for id in sorted(state.refill):
        lane = state.image.lanes[id]
        if lane.wants_read(state.applied):
            lane.read_after = lane.cursor
            state.out.reads.append(ReadReady(id, lane.cursor, REFILL_JOBS))


def ready_read(state: ShardState, read: ReadReady, rows: list[list[Any]], applied: int) -> None:
    """Takes the next part of a lane into memory."""
    lane, jobs = state.image.lanes[read.lane], state.image.jobs
    full = len(rows) == read.limit
    if not lane.refilled(rows[-1][0] if rows else None, full, applied):
        return
    if lane.cursor >= 1 << 62:
        state.refill.discard(lane.id)
    for row in rows:
        job = jobs.get(row[0])
        if job is None:
            job = jobs[row[0]] = Job.from_live(row)
        elif job.queued or job.state != READY:
            continue  # memory knows better: it runs, has ended or stands in the lane already
        job.state, job.queued = READY, True
        lane.push(job.id)
    if lane.heads:
        state.ready_lanes.add(lane.id)
    if lane.overfull():  # by jobs whose time came while the read was under way
        _give_back(state, lane)
