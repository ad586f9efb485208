"""How attempts end: accepted by fence, once.

Decides which finishes count, and writes down what follows for the job (following.py says what). Rule: one accepted
finish a fence (docs/promises.md, P2 and P5): a finish whose (epoch, index) is not that of the job's current lease is
void, and its sender is told to forget it.
"""

from typing import Any

from ...broker.wire.limits import ERROR_BYTES_MAX, NAME_CHARS_MAX, OUTPUT_BYTES_MAX
from ...broker.wire.messages import Finished, FinishedAck
from ...broker.wire.rows import result_fault
from ..effects import Peer
from ..entries import FINISH
from ..jobs import lifecycle as life
from ..jobs.job import Job
from . import following, placing, waiting
from .following import Ending
from .link import Link
from .state import ShardState

Row = list[Any]


def take(state: ShardState, peer: Peer, message: Finished) -> None:
    """Takes a batch of results from an executor."""
    link = state.links.by_peer.get(peer)
    if link is None:
        state.count("finishes_unlinked")
        return  # it will say hello; the results come again after that
    leases = state.image.leases
    rows: list[Row] = []
    ended: dict[int, Job] = {}
    succeeded = 0
    for result in message.results:
        fault = result_fault(result)
        if fault is not None:
            state.count("results_malformed")
            continue
        id, attempt, epoch, index, outcome = result[:5]
        job = leases.get(id)
        if job is None or job.attempts != attempt or job.index != index or job.epoch != epoch or id in ended:
            state.count("finishes_stale")
            continue
        if job.incarnation != link.incarnation:
            state.count("finishes_forged")  # only its holder may say how a lease ended
            continue
        if outcome == _SUCCEEDED and result[6] is not None and result[8:] == _NOTHING:
            # Nearly every result; nothing is to be decided, so it is not looked at twice.
            rows.append(_success(job, result))
            ended[id] = job
            succeeded += 1
            continue
        number = life.OUTCOME_NUMBERS.get(outcome)
        if number is None:
            state.count("results_malformed")
            continue
        started_ms, finished_ms, value, error, kind, output, verdict, after_ms = result[5:]
        error, kind = _cut(error, ERROR_BYTES_MAX), _cut(kind, NAME_CHARS_MAX)
        if output is not None and len(output) * 4 > OUTPUT_BYTES_MAX:
            output = output.encode()[-OUTPUT_BYTES_MAX:].decode(errors="ignore")  # its last words
        ending = Ending(number, started_ms, finished_ms, value, error, kind, output, verdict, after_ms)
        rows.append(row_for(state, job, ending))
        ended[id] = job
    if succeeded:
        state.count(_ATTEMPTS[life.OUTCOME_SUCCEEDED], succeeded)
    if rows:
        finish(state, link.executor, rows, list(ended.values()))
    state.send(peer, FinishedAck(state.shard, message.batch))


def _success(job: Job, result: Row) -> Row:
    """Returns the FINISH row of a plain success, as `row_for` would."""
    due_ms = job.scheduled_ms if job.due_ms is None else job.due_ms
    started_ms, finished_ms, value = result[5:8]
    ended = (job.id, job.attempts, life.OUTCOME_SUCCEEDED, life.SUCCEEDED, due_ms, started_ms, finished_ms, value)
    return [*ended, None, None, None, job.failures, job.crashes, None]


def _cut(text: str | None, bytes_max: int) -> str | None:
    """Returns a text that takes at most so many bytes."""
    if text is None or len(text) * 4 <= bytes_max:
        return text
    return text.encode()[:bytes_max].decode(errors="ignore")


def row_for(state: ShardState, job: Job, ending: Ending) -> Row:
    """Returns the FINISH row of one ended attempt."""
    follow = following.follow(state, job, ending)
    next_state = life.next_state(life.RUNNING, follow.event)
    if next_state == life.DEAD:
        state.count("jobs_dead")
    state.count(_ATTEMPTS[ending.outcome])
    return [
        job.id,
        job.attempts,
        ending.outcome,
        next_state,
        # When this attempt was due: a retry is as late as it is behind its own time.
        job.scheduled_ms if job.due_ms is None else job.due_ms,
        ending.started_ms,
        state.now.wall_ms if ending.finished_ms is None else ending.finished_ms,
        ending.result,
        follow.error,
        follow.error_kind,
        follow.due_ms,
        follow.failures,
        follow.crashes,
        ending.output,
    ]


_SUCCEEDED = life.OUTCOMES[life.OUTCOME_SUCCEEDED]
_NOTHING = [None] * 5
"""What follows the result in a row of RESULT_COLUMNS where nothing went wrong."""

_ATTEMPTS = {number: f"attempts_{name}" for number, name in life.OUTCOMES.items()}


def finish(state: ShardState, executor: int, rows: list[Row], jobs: list[Job]) -> None:
    """Writes ended attempts down, frees their slots, places the jobs that live on, and tells those who wait."""
    by_incarnation = state.links.by_incarnation
    for job in jobs:
        link = by_incarnation.get(job.incarnation)
        if link is not None:
            _free(link, job)
    early = {
        row[0]: job.fires_ms if job.ahead else None
        for row, job in zip(rows, jobs, strict=True)
        if row[3] == life.RETRYING and row[2] in (life.OUTCOME_RETURNED, life.OUTCOME_LOST) and row[10] == job.due_ms
    }
    op = [FINISH, executor, rows]
    state.log(op)
    state.image.apply_finish(op, state.index)
    _tally(state, rows, jobs)
    wall_ms = state.now.wall_ms
    if state.asked:
        for job in jobs:
            state.asked.pop(job.id, None)
    for job in jobs:
        if job.state == life.READY:
            placing.place_ready(state, job)
        elif job.state == life.RETRYING:
            assert job.due_ms is not None
            if job.id not in early:
                placing.place_timed(state, job, max(job.due_ms - wall_ms, 0))
            elif (key := early[job.id]) is not None:
                state.timers.put_back(key, job)
            else:
                placing.place_timed(state, job, None)
        elif job.id in state.waiters.by_job:
            waiting.tell(state, job)


def _tally(state: ShardState, rows: list[Row], jobs: list[Job]) -> None:
    lanes, tallies, lane = state.image.lanes, state.tallies, 0
    tally = None
    for row, job in zip(rows, jobs, strict=True):
        if tally is None or job.lane != lane:  # neighbours are mostly of one task
            lane = job.lane
            tally = tallies.of(lanes[lane].task)
        tally.attempt(row[2], row[4], row[5], row[6])
        if row[3] >= life.SUCCEEDED:
            tally.job(row[3])


def _free(link: Link, job: Job) -> None:
    link.used[job.kind] -= 1
    assert link.used[job.kind] >= 0, f"more {job.kind} slots freed than taken at {link.name}"


def lose(state: ShardState, jobs: list[Job], outcome: int, error: str) -> None:
    """Ends attempts that no executor will finish: they were lost, or provably never ran."""
    by_executor: dict[int, list[Job]] = {}
    for job in jobs:
        by_executor.setdefault(job.executor, []).append(job)
    for executor, group in sorted(by_executor.items()):
        # A job that was leased ahead and never left has run nowhere: whoever died, it was not the job's doing.
        rows = [
            row_for(
                state,
                job,
                Ending(life.OUTCOME_RETURNED if job.ahead and outcome == life.OUTCOME_LOST else outcome, error=error),
            )
            for job in group
        ]
        finish(state, executor, rows, group)
