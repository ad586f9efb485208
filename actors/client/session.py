"""The client: callers' requests in, messages to the shards' leaders out, one answer to each request.

Decides the order of a turn: all that came in, then deadlines, then whatever is to be sent. Must not know of sockets,
threads or the types of arguments. Rules: docs/design.md, "Submitting twice"; docs/promises.md, P1.
"""

from collections.abc import Mapping
from typing import assert_never

from ...broker.wire.messages import (
    Cancelled,
    ClientWelcome,
    Ended,
    HelloNeeded,
    JobActed,
    Listing,
    Message,
    Refused,
    ScheduleChanged,
    Submitted,
)
from ..draws import Draws
from ..effects import Effects, Peer
from ..events import PeerGone, Received, Wake
from ..machine import Now
from . import admitting, ending
from .asks import Answer, CallerAsk
from .awaits import CallerAwait
from .events import (
    ActOnJobs,
    ActOnSchedules,
    AwaitJobs,
    CancelJobs,
    Close,
    Command,
    Completed,
    Connected,
    Forget,
    Partial,
    RunQuery,
    SetSchedules,
    StatusJobs,
    SubmitJobs,
    refusal,
)
from .flights import CallerSubmit
from .settings import ClientSettings
from .state import NUMBERS_FROM, ClientState, Waiting

Event = Received | PeerGone | Wake | Connected | Command | Forget | Close


class ClientMachine:
    """One client's conversation with a cluster, as a machine. Its acts are Completed and Partial."""

    def __init__(self, client_id: str, session: int, draws: Draws, settings: ClientSettings) -> None:
        """Starts a session.

        Args:
            client_id: the client's name, for people.
            session: the first session number, 1 to 2**63 - 1, drawn so that no two clients share one.
            draws: the stream of chance, for later sessions and to spread resends.
            settings: what the shell tuned.
        """
        self.state = ClientState(client_id, session, draws, settings)

    def handle(self, event: Event, now: Now) -> Effects:
        """Takes one event; see actors.machine.Machine."""
        state = self.state
        out = state.out = Effects()
        if type(event) is Wake:  # each turn has one, so it comes before the matching
            self._settle(now.elapsed_ns)
            return out
        match event:
            case Received():
                self._received(event.peer, event.message, now)
            case (
                SubmitJobs()
                | AwaitJobs()
                | CancelJobs()
                | StatusJobs()
                | ActOnJobs()
                | RunQuery()
                | SetSchedules()
                | ActOnSchedules()
            ):
                admitting.accept(state, event, now.elapsed_ns)
            case Connected(peer):
                self._connected(peer, now)
            case Forget(request):
                ending.forget(state, request)
            case Close():
                ending.close(state)
            case PeerGone() | Wake():
                pass  # its transport connects again by itself, and then says so
            case _:
                assert_never(event)
        return out

    def _received(self, peer: Peer, message: Message, now: Now) -> None:
        state = self.state
        match message:
            case Submitted():
                submits = state.submits.get(message.shard)
                if submits is not None:
                    submits.submitted(message, now.elapsed_ns)
            case Ended():
                self._ended(message)
            case Cancelled() | JobActed() | Listing() | ScheduleChanged():
                self._answered(message)
            case Refused():
                self._refused(message)
            case ClientWelcome():
                self._welcomed(peer, message, now)
            case HelloNeeded():
                state.cluster.want()
                self._again(message.shard, now)
            case _:
                return  # not for a client
        awaits = state.awaits.get(message.shard)
        if awaits is not None:
            awaits.heard()

    def _welcomed(self, peer: Peer, message: ClientWelcome, now: Now) -> None:
        state, cluster = self.state, self.state.cluster
        is_new = cluster.welcome(peer, message)
        if cluster.shards and not state.submits:
            state.open_shards()
        if is_new:
            self._again(message.shard, now)
        if cluster.answered:
            for caller in [caller for caller in state.callers.values() if type(caller) is Waiting]:
                del state.callers[caller.request]
                admitting.admit(state, caller.command)

    def _connected(self, peer: Peer, now: Now) -> None:
        """Makes good what a broken connection may have lost: both what was sent and what was answered."""
        for shard, leader in self.state.cluster.peers.items():
            if leader == peer:
                self.state.cluster.want()
                self._again(shard, now)

    def _again(self, shard: int, now: Now) -> None:
        state = self.state
        peer = state.cluster.peers.get(shard)
        if peer is not None:
            state.submits[shard].resend(peer, now.elapsed_ns, state.out)
            state.awaits[shard].again()
            state.asks.again(shard)

    def _ended(self, message: Ended) -> None:
        state = self.state
        if message.request:
            self._answered(message)
        awaits = state.awaits.get(message.shard)
        if awaits is None:
            return
        for caller, rows in awaits.ended(message.jobs).items():
            if caller.missing:
                state.out.acts.append(Partial(caller.request, rows))
            else:
                state.ids_awaited -= len(caller.ids)
                state.complete(Completed(caller.request, rows, None))

    def _answered(self, message: Answer) -> None:
        caller = self.state.asks.answered(message)
        if caller is not None:
            self.state.complete(caller.completed())

    def _refused(self, message: Refused) -> None:
        state, number = self.state, message.request
        failure = refusal(message.code, message.text)
        if number == 0:
            self._hello_refused(message)
        elif number < NUMBERS_FROM:
            submits = state.submits.get(message.shard)
            # A refusal may outlive its session, and the next session counts from 1 again.
            if submits is not None and message.session == submits.session:
                submits.refused(number, message.code, message.text)
        elif message.code != "not_here":
            caller = state.asks.refused(number, failure)
            if caller is not None:
                state.complete(caller.completed())
            awaits = state.awaits.get(message.shard)
            for waiter in awaits.refused(number) if awaits is not None else ():
                ending.let_go(state, waiter)
                ending.end(state, waiter, failure)
        if message.code == "not_here":
            state.cluster.want()  # what was asked is sent again when the map has changed, or in time

    def _hello_refused(self, message: Refused) -> None:
        """A refusal that names no request is one of the hello."""
        state = self.state
        state.refused_hello = refusal(message.code, message.text)
        if message.code in ("wrong_cluster", "version"):
            for caller in [caller for caller in state.callers.values() if type(caller) is Waiting]:
                state.fail(caller.request, state.refused_hello)

    def _settle(self, now_ns: int) -> None:
        """Ends a turn."""
        state, cluster = self.state, self.state.cluster
        if state.deadlines:
            ending.expire(state, now_ns)
        if cluster.wanted:
            cluster.settle(now_ns, state.out)
        for shard, submits in state.submits.items():
            peer = cluster.peers.get(shard)
            if peer is None:
                continue
            submits.settle(peer, now_ns, state.out)
            awaits = state.awaits[shard]
            if awaits.callers or awaits.fresh:
                state.number = awaits.settle(peer, now_ns, state.number + 1, state.out) - 1
        state.asks.settle(cluster.peers, now_ns, state.out)

    def wake_at(self) -> int | None:
        """Returns when it wants a turn, in elapsed ns; see actors.machine.Machine."""
        state = self.state
        wakes = [state.next_deadline_ns(), state.cluster.wake_ns(), state.asks.wake_ns()]
        for shard, submits in state.submits.items():
            wakes.append(submits.due_ns)
            wakes.append(state.awaits[shard].wake_ns())
        return min([wake for wake in wakes if wake is not None], default=None)

    def snapshot(self) -> Mapping[str, object]:
        """Returns a small picture; see actors.machine.Machine."""
        state = self.state
        return {
            "shards": state.cluster.shards,
            "welcomed": sorted(state.cluster.peers),
            "requests": len(state.callers),
            "jobs_open": state.jobs_open,
            "ids_awaited": state.ids_awaited,
            "asks": len(state.asks.open),
            "in_flight": {shard: len(submits.flights) for shard, submits in state.submits.items()},
            "sessions": {shard: (submits.session, submits.next_sequence) for shard, submits in state.submits.items()},
        }

    def check(self) -> None:
        """Asserts every internal relation; see actors.machine.Machine."""
        state, callers = self.state, self.state.callers
        state.cluster.check()
        state.asks.check()
        missing: dict[int, int] = {}
        for shard, submits in state.submits.items():
            submits.check()
            state.awaits[shard].check()
            for flight in submits.flights.values():
                for part in flight.parts:
                    missing[part.caller.request] = missing.get(part.caller.request, 0) + part.count
            for queued in submits.queue:
                missing[queued.caller.request] = missing.get(queued.caller.request, 0) + queued.left
        open_submits = [caller for caller in callers.values() if type(caller) is CallerSubmit]
        for caller in open_submits:
            assert caller.missing == missing.get(caller.request), (
                f"request {caller.request} misses jobs that are nowhere"
            )
            assert caller.missing > 0, f"request {caller.request} is over and open"
        assert missing.keys() <= callers.keys() | {0}, "jobs of a request that is over are still under way"
        assert state.jobs_open == sum(len(caller.ids) for caller in open_submits)
        awaiting = [caller for caller in callers.values() if type(caller) is CallerAwait]
        assert state.ids_awaited == sum(len(caller.ids) for caller in awaiting)
        asking = {caller for caller in callers.values() if type(caller) is CallerAsk}
        assert {ask.caller for ask in state.asks.open.values()} == asking, "a question has no message, or no caller"
