"""How attempts end: accepted by fence, once, and what follows for the job.

Decides the next state of a job whose attempt ended. Rules: docs/lifecycle.md; one accepted finish a fence
(docs/promises.md, P2 and P5): a finish whose (epoch, index) is not that of the job's current lease is void, and its
sender is told to forget it.
"""

from typing import Any

from ...broker.wire.limits import ERROR_BYTES_MAX, NAME_CHARS_MAX, OUTPUT_BYTES_MAX
from ...broker.wire.messages import Finished, FinishedAck
from ...broker.wire.rows import result_fault
from ..effects import Peer
from ..entries import FINISH
from ..jobs import lifecycle as life
from ..jobs.job import Job
from ..jobs.retry import RetryPolicy, delay_ms
from ..limits import CRASHES_MAX
from . import placing, waiting
from .link import Link
from .state import ShardState

Row = list[Any]


def take(state: ShardState, peer: Peer, message: Finished) -> None:
    """Takes a batch of results from an executor."""
    link = state.links.by_peer.get(peer)
    if link is None:
        return  # it will say hello; the results come again after that
    leases = state.image.leases
    rows: list[Row] = []
    ended: dict[int, Job] = {}
    for result in message.results:
        fault = result_fault(result)
        if fault is not None:
            state.count("results_malformed")
            continue
        id, attempt, epoch, index, outcome, started_ms, finished_ms, value, error, kind, output, verdict, after_ms = (
            result
        )
        job = leases.get(id)
        if job is None or job.attempts != attempt or job.index != index or job.epoch != epoch or id in ended:
            state.count("finishes_stale")
            continue
        number = life.OUTCOME_NUMBERS.get(outcome)
        if number is None:
            state.count("results_malformed")
            continue
        error, kind = _cut(error, ERROR_BYTES_MAX), _cut(kind, NAME_CHARS_MAX)
        output = _cut(output, OUTPUT_BYTES_MAX)
        rows.append(row_for(state, job, number, started_ms, finished_ms, value, error, kind, output, verdict, after_ms))
        ended[id] = job
    if rows:
        finish(state, link.executor, rows, list(ended.values()))
    state.send(peer, FinishedAck(state.shard, message.batch))


def _cut(text: str | None, bytes_max: int) -> str | None:
    """Returns a text that takes at most so many bytes."""
    if text is None or len(text) * 4 <= bytes_max:
        return text
    return text.encode()[:bytes_max].decode(errors="ignore")


def row_for(
    state: ShardState,
    job: Job,
    outcome: int,
    started_ms: int | None,
    finished_ms: int | None,
    result: str | None,
    error: str | None,
    kind: str | None,
    output: str | None = None,
    verdict: str | None = None,
    after_ms: int | None = None,
) -> Row:
    """Returns the FINISH row of one ended attempt: decides the job's next state, and when it runs again."""
    failures, crashes, due_ms = job.failures, job.crashes, None
    if outcome == life.OUTCOME_SUCCEEDED:
        event = "succeed"
    elif job.asked or outcome == life.OUTCOME_CANCELLED:
        event = "stop"
    elif outcome in (life.OUTCOME_FAILED, life.OUTCOME_TIMED_OUT):
        failures += 1
        policy = policy_of(state, job)
        event = "give_up" if failures > policy.retries or verdict == "no_retry" else "retry"
        if event == "retry":
            due_ms = state.now.wall_ms + delay_ms(policy, failures, state.draws.fraction())
    elif outcome in (life.OUTCOME_CRASHED, life.OUTCOME_LOST):
        crashes += 1
        event = "give_up" if crashes >= CRASHES_MAX else "return"
        if event == "return" and outcome == life.OUTCOME_CRASHED:
            event, due_ms = (
                "retry",
                state.now.wall_ms + delay_ms(policy_of(state, job), crashes, state.draws.fraction()),
            )
        if event == "give_up":
            kind = "crash_budget"
            error = f"{error or 'the executor died'}; its runner or executor has died {crashes} times, its crash budget"
    else:
        event = "return"
    if event == "return" and job.due_ms is not None and _left_early(state, job):
        event, due_ms = "retry", job.due_ms  # it was leased ahead of its time: back to its timer
    if finished_ms is None:
        finished_ms = state.now.wall_ms
    next_state = life.next_state(life.RUNNING, event)
    if next_state == life.DEAD:
        state.count("jobs_dead")
    state.count(_ATTEMPTS[outcome])
    return [
        job.id,
        job.attempts,
        outcome,
        next_state,
        # When this attempt was due: a retry is as late as it is behind its own time.
        job.scheduled_ms if job.due_ms is None else job.due_ms,
        started_ms,
        finished_ms,
        result,
        error,
        kind,
        due_ms,
        failures,
        crashes,
        output,
    ]


def _left_early(state: ShardState, job: Job) -> bool:
    """Says whether a lease that is given back was taken ahead and its time has not come.

    Of a lease found at the start nobody knows on which clock it ran; then, as for everything found there, the wall
    decides. The stamp will not do: it stays where the wall was before a step back.
    """
    return job.ahead or (job.epoch != state.epoch and job.due_ms is not None and job.due_ms > state.now.wall_ms)


_ATTEMPTS = {number: f"attempts_{name}" for number, name in life.OUTCOMES.items()}


def policy_of(state: ShardState, job: Job) -> RetryPolicy:
    """Returns the retry policy of a job: its own, its task's, or the default."""
    row = job.retry
    if row is None:
        task = state.image.tasks.get(state.image.lanes[job.lane].task)
        if task is None:
            return state.settings.retry
        row = task[3]
    return RetryPolicy.from_row(row)


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
        if row[2] in (life.OUTCOME_RETURNED, life.OUTCOME_LOST) and row[3] == life.RETRYING
    }
    op = [FINISH, executor, rows]
    state.log(op)
    state.image.apply_finish(op, state.index)
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
                life.OUTCOME_RETURNED if job.ahead and outcome == life.OUTCOME_LOST else outcome,
                None,
                None,
                None,
                error,
                None,
            )
            for job in group
        ]
        finish(state, executor, rows, group)
