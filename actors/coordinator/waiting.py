"""Who hears how a job ended, and what anybody hears who asks.

Decides the answers to Await. An id that nobody knows is not_found, never "pending". Rule: docs/promises.md, P6.
"""

from typing import Any

from ...broker.wire.messages import Await, Ended
from ...broker.wire.rows import ids_fault
from ..effects import Peer, Send
from ..jobs.job import Job
from ..jobs.lifecycle import READY, RETRYING, SCHEDULED, STATES
from ..limits import AWAITED_MAX
from ..store import LIVE_COLUMNS, ReadJobs, is_done
from .state import ShardState

Row = list[Any]

_STATE, _DUE_MS, _ATTEMPTS = (LIVE_COLUMNS.index(name) for name in ("state", "due_ms", "attempts"))


def take(state: ShardState, peer: Peer, message: Await) -> None:
    """Answers for the jobs that memory knows, and asks the store for the others."""
    fault = ids_fault(message.ids)
    if fault is not None:
        state.refuse(peer, message.request, *fault)
        return
    if len(state.waiters) + len(message.ids) > AWAITED_MAX:
        state.refuse(peer, message.request, "overloaded", f"the shard's clients wait for {AWAITED_MAX} jobs already")
        return
    jobs = state.image.jobs
    if any(id not in jobs for id in message.ids):
        # All of them are read: one that memory knows now may have left it when the answer comes.
        state.ask(peer, message.request, ReadJobs(message.ids, "await", (peer, message)), len(message.ids))
    else:
        _answer(state, peer, message, {})


def read(state: ShardState, read: ReadJobs, rows: list[Row]) -> None:
    """Goes on when the store has answered."""
    peer, message = read.context
    if state.answered(peer):
        _answer(state, peer, message, {row[0]: row for row in rows})


def _answer(state: ShardState, peer: Peer, message: Await, stored: dict[int, Row]) -> None:
    told: list[Row] = []
    for id in message.ids:
        job = state.image.jobs.get(id)
        if job is not None:
            row, live = row_of(job), not job.terminal
        elif id in stored:
            row, live = _stored_row(state, stored[id])
        else:
            row, live = [id, "not_found", None, None, 0, None], False
        if live and not message.now:
            state.waiters.add(id, peer)
        if message.now or not live:
            told.append(row)
    if told:
        state.send(peer, Ended(state.shard, message.request if message.now else 0, told))


def row_of(job: Job) -> Row:
    """Returns the Ended row of a job in memory."""
    return [job.id, STATES[job.state], job.result, job.error, job.attempts, job.due_ms]


def _stored_row(state: ShardState, row: Row) -> tuple[Row, bool]:
    """Returns the Ended row of a job that only the store knows, and whether it is live."""
    if is_done(row):
        id, number, result, error, attempts, _ = row
        return [id, STATES[number], result, error, attempts, None], False
    number, due_ms = row[_STATE], row[_DUE_MS]
    if number in (SCHEDULED, RETRYING) and due_ms is not None and due_ms <= state.now.wall_ms:
        number = READY
    return [row[0], STATES[number], None, None, row[_ATTEMPTS], due_ms], True


def tell(state: ShardState, job: Job) -> None:
    """Tells everybody who waits for a job that it has ended; all that one peer hears in an event is one message."""
    row = row_of(job)
    for peer in state.waiters.pop(job.id):
        for send in reversed(state.out.sends):
            if (
                send.peer == peer
                and isinstance(send.message, Ended)
                and send.message.request == 0
                and len(send.message.jobs) < 256
            ):
                send.message.jobs.append(row)
                break
        else:
            state.out.sends.append(Send(peer, Ended(state.shard, 0, [row])))
