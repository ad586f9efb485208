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
        waited_for = _waited_for(state, caller)
        end(state, caller, _overdue(state, caller, waited_for, was_sent=let_go(state, caller)))


def _overdue(state: ClientState, caller: Caller, waited_for: list[int], *, was_sent: bool) -> Failure:
    match caller:
        case Waiting():
            refused = state.refused_hello
            code = "overloaded" if refused is not None and refused.code == "overloaded" else UNREACHABLE
            return Failure(code, _unreachable(state), True)
        case CallerSubmit() if was_sent:
            why, do = _nobody(state, waited_for) if waited_for else ("", "")
            text = "the node has not confirmed the jobs in time; they may have been taken: look them up by key or list"
            return Failure(TIMEOUT, f"{text}; {why}: {do}" if waited_for else text, False)
        case CallerSubmit() if waited_for:
            why, do = _nobody(state, waited_for)
            return Failure(UNREACHABLE, f"{why}, and the jobs for it were not sent; {do}", True)
        case CallerSubmit():
            text = "the jobs were not sent in time: the node has not confirmed earlier ones; try again after a pause"
            return Failure(UNSENT, text, True)
        case CallerAwait():
            why, do = _nobody(state, waited_for) if waited_for else ("they go on", "ask again")
            text = f"{caller.missing} of {len(caller.ids)} awaited jobs have not ended in time; {why}: {do}"
            return Failure(TIMEOUT, text, False)
        case CallerAsk() if caller.put_off is not None:
            return caller.put_off
        case CallerAsk() if waited_for and not caller.is_sent:
            why, do = _nobody(state, waited_for)
            return Failure(UNREACHABLE, f"{why}, and nothing was sent; {do}", True)
        case CallerAsk() if waited_for:
            why, do = _nobody(state, waited_for)
            return Failure(TIMEOUT, f"{why}, so not all has been answered; {do}, and ask again", False)
        case CallerAsk():
            return Failure(TIMEOUT, "the node has not answered in time; ask again", False)
        case _:
            assert_never(caller)


def _waited_for(state: ClientState, caller: Caller) -> list[int]:
    """Returns the shards without a leader that a request waits for."""
    cluster = state.cluster
    unled = [shard for shard in state.submits if shard not in cluster.peers]
    if not unled:
        return []
    match caller:
        case CallerSubmit():
            return [shard for shard in unled if state.submits[shard].holds(caller)]
        case CallerAwait():
            return [shard for shard in unled if state.awaits[shard].holds(caller)]
        case CallerAsk():
            asked = state.asks.shards(caller)
            return [shard for shard in unled if shard in asked]
        case _:
            return unled


def _nobody(state: ClientState, shards: list[int]) -> tuple[str, str]:
    """Returns that nobody leads these shards, and what to do."""
    where = ", ".join(peer.decode("utf-8", "replace") for peer in state.settings.peers)
    if not (state.cluster.has_map and shards):
        return f"no node answers at {where}", "is it running? start one with `mainspring up`"
    told = f"{'shard' if len(shards) == 1 else 'shards'} {', '.join(map(str, shards))}"
    do = f"a majority of the members must run: look at `mainspring cluster status` ({where})"
    return f"no node leads {told}", do


def _unreachable(state: ClientState) -> str:
    if state.refused_hello is not None:
        where = ", ".join(peer.decode("utf-8", "replace") for peer in state.settings.peers)
        return f"the node at {where} does not serve this client: {state.refused_hello.text}"
    why, do = _nobody(state, [shard for shard in range(state.cluster.shards) if shard not in state.cluster.peers])
    return f"{why}, and nothing was sent; {do}"


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
