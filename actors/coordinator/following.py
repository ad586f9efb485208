"""What follows an attempt: how the job goes on, or ends, and when it runs again.

Decides the event of lifecycle.TRANSITIONS and what is counted, from the outcome, the handler's own verdict, the retry
policy, the crash budget and the deadline. It writes nothing down. Rule: docs/lifecycle.md.
"""

from typing import NamedTuple

from ..jobs import lifecycle as life
from ..jobs.job import Job
from ..jobs.retry import DELAY_MIN_MS, RetryPolicy, delay_ms
from ..limits import CRASHES_MAX
from .state import ShardState

_FAST_MS = 1_000
"""How far ahead of the coordinator's clock an executor's may be where it says that a deadline has passed."""


class Ending(NamedTuple):
    """What an executor says, or the coordinator knows, of the end of an attempt."""

    outcome: int
    started_ms: int | None = None
    finished_ms: int | None = None
    result: str | None = None
    error: str | None = None
    error_kind: str | None = None
    output: str | None = None
    verdict: str | None = None
    after_ms: int | None = None


class Follow(NamedTuple):
    """How a job goes on. `due_ms`: when it runs again, None if at once or never."""

    event: str
    failures: int
    crashes: int
    due_ms: int | None
    error: str | None
    error_kind: str | None


def follow(state: ShardState, job: Job, ending: Ending) -> Follow:
    """Returns what follows an attempt of a running job."""
    outcome, error, kind = ending.outcome, ending.error, ending.error_kind
    if outcome == life.OUTCOME_SUCCEEDED:
        return Follow("succeed", job.failures, job.crashes, None, error, kind)
    if job.asked or outcome == life.OUTCOME_CANCELLED:
        event = "skip" if job.asked == life.SKIPPED else "stop"
        return Follow(event, job.failures, job.crashes, None, error, kind)
    if outcome in (life.OUTCOME_FAILED, life.OUTCOME_TIMED_OUT):
        return _within_deadline(state, job, ending, _failed(state, job, ending))
    if outcome in (life.OUTCOME_CRASHED, life.OUTCOME_LOST):
        return _within_deadline(state, job, ending, _crashed(state, job, ending))
    if ending.verdict == "snooze":
        state.count("verdicts_snooze")
        due_ms = state.now.wall_ms + _wait_ms(state, policy_of(state, job), job.attempts, ending.after_ms)
        follow = Follow("retry", job.failures, job.crashes, due_ms, error, "snooze")
        return _within_deadline(state, job, ending, follow)
    return _returned(state, job, Follow("return", job.failures, job.crashes, None, error, kind))


def _failed(state: ShardState, job: Job, ending: Ending) -> Follow:
    """It failed, or ran out of time: the handler's verdict, if it has given one, else the policy."""
    verdict = ending.verdict if ending.outcome == life.OUTCOME_FAILED else None
    after_ms = ending.after_ms if verdict in ("retry", "no_count") else None
    policy = policy_of(state, job)
    counted, attempt = job.failures + 1, job.failures + 1
    give_up = counted > policy.retries
    if verdict is not None:
        state.count(f"verdicts_{verdict}")
    if verdict == "no_retry":
        give_up = True
    elif verdict == "no_count":
        # Nothing counts, so the wait grows with the attempts themselves.
        counted, attempt, give_up = job.failures, job.attempts, False
    due_ms = None if give_up else state.now.wall_ms + _wait_ms(state, policy, attempt, after_ms)
    event = "give_up" if give_up else "retry"
    return Follow(event, counted, job.crashes, due_ms, ending.error, ending.error_kind)


def _crashed(state: ShardState, job: Job, ending: Ending) -> Follow:
    """Its runner or its executor died: a budget of its own, whatever the policy says."""
    crashes, error = job.crashes + 1, ending.error
    if crashes >= CRASHES_MAX:
        error = f"{error or 'the executor died'}; its runner or executor has died {crashes} times, its crash budget"
        return Follow("give_up", job.failures, crashes, None, error, "crash_budget")
    if ending.outcome == life.OUTCOME_CRASHED:
        due_ms = state.now.wall_ms + _wait_ms(state, policy_of(state, job), crashes, None)
        return Follow("retry", job.failures, crashes, due_ms, error, ending.error_kind)
    return _returned(state, job, Follow("return", job.failures, crashes, None, error, ending.error_kind))


def _returned(state: ShardState, job: Job, follow: Follow) -> Follow:
    """A job that comes back before its time, as it was leased ahead, waits for its time again."""
    if job.due_ms is not None and _left_early(state, job):
        return follow._replace(event="retry", due_ms=job.due_ms)
    return follow


def _wait_ms(state: ShardState, policy: RetryPolicy, attempt: int, after_ms: int | None) -> int:
    if after_ms is None:
        return delay_ms(policy, attempt, state.draws.fraction())
    return max(after_ms, DELAY_MIN_MS)


def _within_deadline(state: ShardState, job: Job, ending: Ending, follow: Follow) -> Follow:
    """A job of which no attempt could begin before its deadline is dead at once."""
    if job.deadline_ms is None or follow.event == "give_up":
        return follow
    wall_ms = state.now.wall_ms
    if ending.outcome == life.OUTCOME_TIMED_OUT and ending.finished_ms is not None:
        # Its executor has ended it at the deadline, by its own clock; one that is far ahead is not believed.
        wall_ms = max(wall_ms, min(ending.finished_ms, wall_ms + _FAST_MS))
    if max(wall_ms, follow.due_ms or 0) < job.deadline_ms:
        return follow
    state.count("deadlines_over")
    what = (
        "its deadline has passed" if wall_ms >= job.deadline_ms else "its next attempt would begin after its deadline"
    )
    error = what if follow.error is None else f"{follow.error.rstrip()}\n{what}"
    kind = "deadline" if follow.error_kind in (None, "snooze") else follow.error_kind
    return follow._replace(event="give_up", due_ms=None, error=error, error_kind=kind)


def _left_early(state: ShardState, job: Job) -> bool:
    """Says whether a lease that is given back was taken ahead and its time has not come.

    Of a lease found at the start nobody knows on which clock it ran; then, as for everything found there, the wall
    decides. The stamp will not do: it stays where the wall was before a step back.
    """
    return job.ahead or (job.epoch != state.epoch and job.due_ms is not None and job.due_ms > state.now.wall_ms)


def policy_of(state: ShardState, job: Job) -> RetryPolicy:
    """Returns the retry policy of a job: its own, its task's, or the default."""
    row = job.retry
    if row is None:
        task = state.image.tasks.get(state.image.lanes[job.lane].task)
        if task is None:
            return state.settings.retry
        row = task[3]
    return RetryPolicy.from_row(row)
