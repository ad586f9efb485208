"""Cancelling: one winner in each race, by the order of the log.

Decides what a Cancel means in each state: a job that does not run ends at once; a running one is asked to stop, and
its executor's Finished says how it ended. To skip a job by hand goes the same ways (job_acts.py). Rule:
docs/lifecycle.md.
"""

from typing import Any

from ...broker.wire.messages import Cancel, Cancelled, CancelRun
from ...broker.wire.rows import ids_fault
from ..effects import Peer
from ..entries import ASK, CANCEL
from ..jobs.job import Job
from ..jobs.lifecycle import CANCELLED, OUTCOME_CANCELLED, RUNNING, STATES
from ..store import ReadJobs, is_done
from . import finishing, waiting
from .state import ShardState


def take(state: ShardState, peer: Peer, message: Cancel) -> None:
    """Cancels the jobs that memory knows; asks the store for the others first."""
    fault = ids_fault(message.ids)
    if fault is not None:
        state.refuse(peer, message.request, *fault)
        return
    if any(id not in state.image.jobs for id in message.ids):
        # All of them are read: one that memory knows now may have left it when the answer comes.
        state.ask(peer, message.request, ReadJobs(message.ids, "cancel", (peer, message)), len(message.ids))
    else:
        _cancel(state, peer, message)


def read(state: ShardState, read: ReadJobs, rows: list[list[Any]]) -> None:
    """Goes on when the store has answered.

    Live jobs are taken into memory, so that the decision is made on one record.
    """
    peer, message = read.context
    state.answered(peer)  # the cancel holds even if nobody hears of it
    finished: set[int] = set()
    for row in rows:
        if row[0] in state.image.jobs:
            continue
        if is_done(row):
            finished.add(row[0])
        else:
            state.image.jobs[row[0]] = Job.from_live(row)
    _cancel(state, peer, message, finished)


def _cancel(state: ShardState, peer: Peer, message: Cancel, finished: set[int] = frozenset()) -> None:  # type: ignore[assignment]  # never changed
    codes: list[list[Any]] = []
    ended: list[int] = []
    unsent: list[Job] = []
    running: list[Job] = []
    for id in dict.fromkeys(message.ids):
        job = state.image.jobs.get(id)
        if job is None:
            codes.append([id, "finished" if id in finished else "not_found"])
        elif job.terminal:
            codes.append([id, "finished"])
        elif job.state != RUNNING:
            ended.append(id)
            codes.append([id, "cancelled"])
        elif job.ahead:
            unsent.append(job)
            codes.append([id, "cancelled"])
        else:
            running.append(job)
            codes.append([id, "asked"])
    end(state, ended, CANCELLED)
    withdraw(state, unsent, CANCELLED)
    ask(state, running, CANCELLED)
    state.send(peer, Cancelled(state.shard, message.request, codes))


def end(state: ShardState, ids: list[int], final: int) -> None:
    """Ends jobs that do not run: in the state `final`, cancelled or skipped."""
    if not ids:
        return
    op = [CANCEL, ids, final]
    state.log(op)
    state.image.apply_cancel(op, state.index)
    state.count(f"jobs_{STATES[final]}", len(ids))
    for id in ids:
        job = state.image.jobs[id]
        state.tallies.of(state.image.lanes[job.lane].task).job(final)
        if id in state.waiters.by_job:
            waiting.tell(state, job)


def withdraw(state: ShardState, jobs: list[Job], final: int) -> None:
    """Ends jobs that were leased ahead of their time and are not sent yet."""
    if not jobs:
        return
    _note(state, jobs, final)
    state.count("cancelled_ahead", len(jobs))
    finishing.lose(state, jobs, OUTCOME_CANCELLED, f"{STATES[final]} before it was due")


def ask(state: ShardState, jobs: list[Job], final: int) -> None:
    """Asks running jobs to stop; who was asked first has said how they end, and the executors hear it again."""
    new = [job for job in jobs if not job.asked]
    if new:
        _note(state, new, final)
    runs: dict[Peer, list[list[int]]] = {}
    for job in jobs:
        link = state.links.by_incarnation.get(job.incarnation)
        if link is not None:
            runs.setdefault(link.peer, []).append([job.id, job.attempts])
    for executor, rows in runs.items():
        state.send(executor, CancelRun(state.shard, state.epoch, rows))


def _note(state: ShardState, jobs: list[Job], final: int) -> None:
    op = [ASK, [job.id for job in jobs], final]
    state.log(op)
    state.image.apply_ask(op)
    state.asked.update((job.id, job) for job in jobs)
