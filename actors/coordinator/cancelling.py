"""Cancelling: one winner in each race, by the order of the log.

Decides what a Cancel means in each state: a job that does not run ends at once; a running one is asked to stop, and
its executor's Finished says how it ended. Rule: docs/lifecycle.md.
"""

from typing import Any

from ...broker.wire.messages import Cancel, Cancelled, CancelRun
from ...broker.wire.rows import ids_fault
from ..effects import Peer
from ..entries import ASK, CANCEL
from ..jobs.job import Job
from ..jobs.lifecycle import CANCELLED, OUTCOME_CANCELLED, RUNNING
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
        state.out.reads.append(ReadJobs(message.ids, "cancel", (peer, message)))
    else:
        _cancel(state, peer, message)


def read(state: ShardState, read: ReadJobs, rows: list[list[Any]]) -> None:
    """Goes on when the store has answered.

    Live jobs are taken into memory, so that the decision is made on one record.
    """
    peer, message = read.context
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
    asked: list[int] = []
    unsent: list[Job] = []
    runs: dict[Peer, list[list[int]]] = {}
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
            codes.append([id, "asked"])
            if not job.asked:
                asked.append(id)
            link = state.links.by_incarnation.get(job.incarnation)
            if link is not None:
                runs.setdefault(link.peer, []).append([id, job.attempts])
    if ended:
        cancel(state, ended)
    if unsent:
        state.count("cancelled_ahead", len(unsent))
        finishing.lose(state, unsent, OUTCOME_CANCELLED, "cancelled before it was due")
    if asked:
        op = [ASK, asked, CANCELLED]
        state.log(op)
        state.image.apply_ask(op)
        state.asked.update((id, state.image.leases[id]) for id in asked)
    for executor, rows in runs.items():
        state.send(executor, CancelRun(state.shard, state.epoch, rows))
    state.send(peer, Cancelled(state.shard, message.request, codes))


def cancel(state: ShardState, ids: list[int]) -> None:
    """Ends jobs that do not run."""
    op = [CANCEL, ids, CANCELLED]
    state.log(op)
    state.image.apply_cancel(op, state.index)
    state.count("jobs_cancelled", len(ids))
    for id in ids:
        if id in state.waiters.by_job:
            waiting.tell(state, state.image.jobs[id])
