"""How a request ends without its answer: its deadline, a caller that goes away, the client's close.

Decides what may be claimed then. A submit that was never sent did not happen; one that was sent may have happened,
whatever the clock says: a timeout means unknown. Rule: docs/promises.md, P1.
"""

from typing import assert_never

from ...broker.wire.messages import Goodbye
from ..effects import Send
from .asks import CallerAsk
from .awaits import CallerAwait
from .events import CLOSED, TIMEOUT, UNREACHABLE, UNSENT, Completed, Failure
from .flights import CallerSubmit
from .state import Caller, ClientState, Waiting


def expire(state: ClientState, now_ns: int) -> None:
    """Ends the requests whose deadline has come."""
    while (deadline_ns := state.next_deadline_ns()) is not None and deadline_ns <= now_ns:
        caller = state.callers[state.deadlines[0][1]]
        end(state, caller, _overdue(state, caller, was_sent=let_go(state, caller)))


def _overdue(state: ClientState, caller: Caller, *, was_sent: bool) -> Failure:
    match caller:
        case Waiting():
            refused = state.refused_hello
            code = "overloaded" if refused is not None and refused.code == "overloaded" else UNREACHABLE
            return Failure(code, _unreachable(state), True)
        case CallerSubmit() if was_sent:
            return Failure(
                TIMEOUT,
                "the node has not confirmed the jobs in time; they may have been taken: look them up by key or list",
                False,
            )
        case CallerSubmit():
            return Failure(
                UNSENT,
                "the jobs were not sent in time: the node has not confirmed earlier ones, or nobody leads their shard; "
                "try again after a pause",
                True,
            )
        case CallerAwait():
            text = (
                f"{caller.missing} of {len(caller.ids)} awaited jobs have not ended in time; they go on, so ask again"
            )
            return Failure(TIMEOUT, text, False)
        case CallerAsk() if caller.put_off is not None:
            return caller.put_off
        case CallerAsk():
            return Failure(TIMEOUT, "the node has not answered in time; ask again", False)
        case _:
            assert_never(caller)


def _unreachable(state: ClientState) -> str:
    where = ", ".join(peer.decode("utf-8", "replace") for peer in state.settings.peers)
    if state.refused_hello is not None:
        return f"the node at {where} does not serve this client: {state.refused_hello.text}"
    cluster = state.cluster
    if cluster.shards and not cluster.is_led:
        leaderless = ", ".join(str(shard) for shard in range(cluster.shards) if shard not in cluster.peers)
        return (
            f"no node leads shard {leaderless}, and nothing was sent; a majority of the members must run: "
            f"look at `mainspring cluster status` ({where})"
        )
    return f"no node answers at {where}, and nothing was sent; is it running? start one with `mainspring up`"


def end(state: ClientState, caller: Caller, failure: Failure) -> None:
    """Completes a request that was let go of; a submit keeps the ids that are known."""
    if type(caller) is CallerSubmit:
        known = caller.failure
        state.complete(Completed(caller.request, caller.ids, failure if known is None or known.definite else known))
    else:
        state.fail(caller.request, failure)


def let_go(state: ClientState, caller: Caller) -> bool:
    """Takes a request out of every conversation; returns whether anything of it was on its way."""
    if type(caller) is CallerSubmit:
        state.jobs_open -= len(caller.ids)
        in_flight = 0
        for submits in state.submits.values():
            submits.drop_queued(caller)
            in_flight += submits.abandon(caller)
        return in_flight > 0
    if type(caller) is CallerAwait:
        state.ids_awaited -= len(caller.ids)
        for awaits in state.awaits.values():
            awaits.remove(caller, caller.ids)
    elif type(caller) is CallerAsk:
        state.asks.drop(caller)
    return type(caller) is not Waiting


def forget(state: ClientState, request: int) -> None:
    """Ends a request whose caller has gone away, without a word."""
    caller = state.callers.pop(request, None)
    if caller is not None:
        let_go(state, caller)


def close(state: ClientState) -> None:
    """Ends all requests, and tells whoever was asked for an end of a job that nobody listens any more.

    A wait that timed out left a waiter behind as well: only this frees it before its job ends.
    """
    asked = dict.fromkeys(peer for awaits in state.awaits.values() for peer in awaits.peers)
    state.out.sends.extend([Send(peer, Goodbye(0)) for peer in asked])
    for caller in list(state.callers.values()):
        was_sent = let_go(state, caller)
        changes = type(caller) is CallerSubmit or (type(caller) is CallerAsk and caller.changes)
        text = "the client was closed before the answer came; make a new one"
        end(state, caller, Failure(CLOSED, text, not (was_sent and changes)))
    state.closed = True
    assert not state.callers, "a request is open after the close"
