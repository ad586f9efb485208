"""What somebody does with jobs by hand: retry, skip, discard.

Decides what each means in each state. A decision rests on what memory knows, else on the rows; a PRUNE that is not
applied yet may have taken any finished row, so an act on one waits for it. Rules: docs/lifecycle.md, "By hand".
"""

from typing import Any, NamedTuple

from ...broker.wire.limits import NAME_CHARS_MAX, REASON_CHARS_MAX
from ...broker.wire.messages import JobAct, JobActed
from ...broker.wire.rows import JOB_ACTIONS, ids_fault
from ..effects import Peer
from ..entries import REVIVE, SETTLE
from ..jobs import lifecycle as life
from ..jobs.job import Job
from ..limits import ACTS_BACK_MAX
from ..store import ReadJobs, is_done
from . import audit, cancelling, placing
from .state import ShardState

_ANSWERS_MAX = 256
_ANSWERS_ROWS_MAX = 100_000


class Step(NamedTuple):
    """What is done with one job, and the code that says so. No `todo`: nothing is done."""

    code: str
    todo: str | None = None


def take(state: ShardState, peer: Peer, message: JobAct) -> None:
    """Does what is asked, says again that it was done, or refuses it."""
    if _is_done(state, peer, message):
        return
    fault = ids_fault(message.ids) or _fault(message) or _refusal(state, message)
    if fault is not None:
        state.refuse(peer, message.request, *fault)
    elif any(id not in state.image.jobs for id in message.ids):
        # All of them are read: one that memory knows now may have left it when the answer comes.
        state.ask(peer, message.request, ReadJobs(message.ids, "act", (peer, message)), len(message.ids))
    else:
        _act(state, peer, message, {}, state.applied)


def read(state: ShardState, read: ReadJobs, rows: list[list[Any]], applied: int) -> None:
    """Goes on when the store has answered."""
    peer, message = read.context
    state.answered(peer)  # the act holds even if nobody hears of it
    _act(state, peer, message, {row[0]: row for row in rows}, applied)


def read_again(state: ShardState, read: ReadJobs, rows: list[list[Any]], applied: int) -> None:
    """Goes on with an act that has waited, and with the next one."""
    state.acts_read = False
    peer, message = read.context
    _act(state, peer, message, {row[0]: row for row in rows}, applied)
    go_on(state)


def go_on(state: ShardState) -> None:
    """Looks an act that waits up again, once the store has caught up: one after the other, each may be long."""
    if state.acts_back and not state.acts_read and state.applied >= state.pruned_index:
        peer, message = state.acts_back.popleft()
        state.out.reads.append(ReadJobs(message.ids, "act again", (peer, message)))
        state.acts_read = True


def _is_done(state: ShardState, peer: Peer, message: JobAct) -> bool:
    """Says again what was done, if this request was."""
    known = state.act_answers.get((peer, message.request))
    if known is not None:
        state.send(peer, known)
    return known is not None


def _fault(message: JobAct) -> tuple[str, str] | None:
    if message.action not in JOB_ACTIONS:
        return "invalid_query", f"action={message.action!r:.40} is unknown; give one of {', '.join(JOB_ACTIONS)}"
    if not 0 < len(message.by) <= NAME_CHARS_MAX:
        return "invalid_query", f"by has {len(message.by)} characters; it takes 1 to {NAME_CHARS_MAX}"
    if len(message.reason or "") > REASON_CHARS_MAX:
        given = len(message.reason or "")
        return "invalid_query", f"the reason has {given} characters; it takes at most {REASON_CHARS_MAX}"
    return None


def _refusal(state: ShardState, message: JobAct) -> tuple[str, str] | None:
    """Returns why no job can run again now; to skip and to discard makes no work."""
    if message.action == "retry" and (code := state.standstill) is not None:
        return code, ""
    return None


def _act(state: ShardState, peer: Peer, message: JobAct, rows: dict[int, list[Any]], applied: int) -> None:
    if _is_done(state, peer, message):
        return  # a copy of it that came while this one waited
    found: dict[int, Job] = {}
    for id in dict.fromkeys(message.ids):
        job = state.image.jobs.get(id)
        if job is None and id in rows:
            job = Job.from_done(rows[id]) if is_done(rows[id]) else Job.from_live(rows[id])
        if job is not None:
            found[id] = job
    if state.pruned_index > applied and any(job.terminal for job in found.values()):
        _set_back(state, peer, message)
        return
    steps = {id: _STEPS[message.action](job, message.force) for id, job in found.items()}
    fault = _refusal(state, message) or _full_queue(
        state, [found[id] for id, step in steps.items() if step.todo == "revive"]
    )
    if fault is not None:
        state.refuse(peer, message.request, *fault)
        return
    _do(state, message, found, steps)
    codes = [[id, steps[id].code if id in steps else "not_found"] for id in dict.fromkeys(message.ids)]
    _answer(state, peer, JobActed(state.shard, message.request, codes))


def _set_back(state: ShardState, peer: Peer, message: JobAct) -> None:
    """Lets an act wait until the last PRUNE is applied; no other follows meanwhile."""
    if len(state.acts_back) + state.acts_read >= ACTS_BACK_MAX:
        state.refuse(peer, message.request, "overloaded", f"{ACTS_BACK_MAX} acts on jobs wait for the shard file")
        return
    state.count("acts_set_back")
    state.acts_back.append((peer, message))


def _full_queue(state: ShardState, revived: list[Job]) -> tuple[str, str] | None:
    more: dict[str, int] = {}
    for job in revived:
        queue = state.image.lanes[job.lane].queue
        more[queue] = more.get(queue, 0) + 1
    limit = state.settings.backlog_jobs_max
    for queue, count in more.items():
        live = state.image.queue_live[queue]
        if live + count > limit:
            return "queue_full", f"queue {queue!r} has {live} jobs of at most {limit}, and {count} would live again"
    return None


# What is done in which state.


def _retry(job: Job, force: bool) -> Step:
    if job.state == life.SUCCEEDED:
        return Step("retried", "revive") if force else Step("succeeded")
    if job.terminal:
        return Step("retried", "revive")
    if job.state == life.RUNNING:
        return Step("running")
    return Step("waiting") if job.state == life.READY else Step("retried", "ready")


def _skip(job: Job, force: bool) -> Step:
    if job.terminal:
        return _settle(job, "skip", "skipped")
    if job.state != life.RUNNING:
        return Step("skipped", "end")
    if job.ahead:
        return Step("skipped", "withdraw")
    return Step("asked", "ask") if force else Step("running")


def _discard(job: Job, _force: bool) -> Step:
    if job.terminal:
        return _settle(job, "discard", "discarded")
    return Step("running" if job.state == life.RUNNING else "waiting")


def _settle(job: Job, event: str, code: str) -> Step:
    if (job.state, event) in life.TRANSITIONS:
        return Step(code, event)
    return Step("succeeded" if job.state == life.SUCCEEDED else "ended")


_DONE = {"retry": "job retried", "skip": "job skipped", "discard": "job discarded"}
_STEPS = {"retry": _retry, "skip": _skip, "discard": _discard}


def _do(state: ShardState, message: JobAct, found: dict[int, Job], steps: dict[int, Step]) -> None:
    """Writes down what is to be done, and who did it."""
    todo: dict[str, list[Job]] = {}
    changes: list[audit.JobChange] = []
    for id, step in steps.items():
        job = found[id]
        if step.todo is None or (step.todo == "ask" and job.asked):
            if step.todo == "ask":
                todo.setdefault("ask", []).append(job)  # its executor hears it again
            continue
        state.image.jobs[id] = job
        todo.setdefault(step.todo, []).append(job)
        changes.append(audit.JobChange(id, life.STATES[job.state], _AFTER[step.todo]))
        state.count(f"acts_{step.todo}")
    for what, jobs in todo.items():
        _apply(state, what, jobs)
    audit.jobs_changed(state, message.by, _DONE[message.action], changes, message.reason)


def _apply(state: ShardState, todo: str, jobs: list[Job]) -> None:
    rows = [[job.id, job.lane] for job in jobs]
    match todo:
        case "revive":
            op = [REVIVE, rows]
            state.log(op)
            state.image.apply_revive(op, state.index)
            placing.on_disk(state, jobs)
        case "ready":
            placing.make_ready(state, jobs)
        case "end":
            cancelling.end(state, [job.id for job in jobs], life.SKIPPED)
        case "withdraw":
            cancelling.withdraw(state, jobs, life.SKIPPED)
        case "ask":
            cancelling.ask(state, jobs, life.SKIPPED)
        case _:
            op = [SETTLE, rows, life.SKIPPED if todo == "skip" else life.DISCARDED]
            state.log(op)
            state.image.apply_settle(op, state.index)


_AFTER = {
    "revive": "ready",
    "ready": "ready",
    "end": "skipped",
    "withdraw": "skipped",
    "ask": "running, asked to stop",
    "skip": "skipped",
    "discard": "discarded",
}


def _answer(state: ShardState, peer: Peer, message: JobActed) -> None:
    """Answers, once all that was decided is durable; the last answers are kept, for a request may come again."""
    answers = state.act_answers
    kept = sum(len(known.codes) for known in answers.values())
    while answers and (len(answers) >= _ANSWERS_MAX or kept + len(message.codes) > _ANSWERS_ROWS_MAX):
        kept -= len(answers.pop(next(iter(answers))).codes)
    answers[peer, message.request] = message
    state.send(peer, message)
