"""The client: callers' requests in, messages to the shards' leaders out, one answer to each request.

Decides the order of a turn: all that came in, then deadlines, then whatever is to be sent; and whose answers count: an
answer that something was done is true whoever gives it, a refusal only from the shard's present leader. Must not know
of sockets, threads or the types of arguments. Rules: docs/design.md, "Submitting twice"; docs/promises.md, P1.
"""

from collections.abc import Mapping
from typing import assert_never

from ...broker.wire.messages import (
    Cancelled,
    ClientWelcome,
    ClusterMap,
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
from ..effects import Effects, Peer, Send
from ..events import PeerGone, Received, Wake
from ..machine import Now
from ..reach import map_fault
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
    Connect,
    Connected,
    Disconnect,
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
    """One client's conversation with a cluster, as a machine. Its acts: Completed, Partial, Connect, Disconnect."""

    def __init__(self, session: int, draws: Draws, settings: ClientSettings) -> None:
        """Starts a session.

        Args:
            session: the first session number, 1 to 2**63 - 1, drawn so that no two clients share one.
            draws: the stream of chance, for later sessions and to spread resends.
            settings: what the shell tuned.
        """
        self.state = ClientState(session, draws, settings)

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
            case PeerGone(peer):
                state.cluster.gone(peer, now.elapsed_ns)  # its transport connects again by itself, and then says so
            case Wake():
                pass
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
                self._refused(peer, message, now)
            case ClientWelcome():
                self._welcomed(peer, message, now)
            case HelloNeeded():
                self._hello_needed(peer, message, now)
            case ClusterMap():
                self._mapped(peer, message, now)
                return
            case _:
                return  # not for a client
        awaits = state.awaits.get(message.shard)
        if awaits is not None:
            awaits.heard()

    def _welcomed(self, peer: Peer, message: ClientWelcome, now: Now) -> None:
        is_new = self.state.cluster.welcome(peer, message)
        if is_new and message.shard in self.state.submits:
            self._again(message.shard, now)
        self._know()

    def _mapped(self, peer: Peer, message: ClusterMap, now: Now) -> None:
        """Takes a node's map of the cluster, which is also its answer to a hello."""
        state, cluster = self.state, self.state.cluster
        if peer not in cluster.nodes:
            return  # let go of in the meantime
        fault = map_fault(message, cluster.name, cluster.shards) if message.cluster else None
        if fault is not None:
            state.refused_hello = refusal("wrong_cluster", fault)
            return
        moves = cluster.draw(peer, message, now.elapsed_ns)
        state.out.acts.extend([Disconnect(closed) for closed in moves.closed])
        for opened in moves.opened:
            state.out.acts.append(Connect(opened))
            state.out.sends.append(Send(opened, cluster.hello))
        self._know()

    def _know(self) -> None:
        """Goes on with what more is known of the cluster now."""
        state, cluster = self.state, self.state.cluster
        if cluster.shards and not state.submits:
            state.open_shards()
        if not cluster.complete:
            return
        everything = cluster.answered
        for caller in [caller for caller in state.callers.values() if type(caller) is Waiting]:
            if everything or not admitting.has_unknown_task(state, caller.command):
                del state.callers[caller.request]
                admitting.admit(state, caller.command)

    def _hello_needed(self, peer: Peer, message: HelloNeeded, now: Now) -> None:
        """A node knows us no more, or has come to lead the shard: it gets at once what nobody has answered."""
        state, cluster = self.state, self.state.cluster
        if peer not in cluster.nodes:
            return  # let go of in the meantime
        if cluster.called(peer, message.shard, message.epoch):
            state.out.sends.append(Send(peer, cluster.hello))
        elif cluster.peers.get(message.shard) == peer:
            cluster.want()
        else:
            return  # it leads no more
        self._again(message.shard, now)

    def _connected(self, peer: Peer, now: Now) -> None:
        """Makes good what a broken connection may have lost: both what was sent and what was answered."""
        for shard in self.state.cluster.connected(peer, self.state.out):
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

    def _refused(self, peer: Peer, message: Refused, now: Now) -> None:
        """Takes a refusal; what a node refuses that does not lead, or no more, may have been taken by who does."""
        state, number = self.state, message.request
        failure = refusal(message.code, message.text)
        if message.code == "not_here":
            state.cluster.not_here(peer, message.shard, now.elapsed_ns)
            return  # what was asked is sent again when there is a new leader, or in time
        if number == 0:
            self._hello_refused(message)
        elif message.shard in state.submits and state.cluster.peers.get(message.shard) != peer:
            return
        elif number < NUMBERS_FROM:
            submits = state.submits.get(message.shard)
            # A refusal may outlive its session, and the next session counts from 1 again.
            if submits is not None and message.session == submits.session:
                submits.refused(number, message.code, message.text)
        else:
            caller = state.asks.refused(number, failure)
            if caller is not None:
                state.complete(caller.completed())
            awaits = state.awaits.get(message.shard)
            for waiter in awaits.refused(number) if awaits is not None else ():
                ending.let_go(state, waiter)
                ending.end(state, waiter, failure)

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
        if cluster.has_map and not cluster.wanted and self._is_ignored():
            cluster.doubt(now_ns)
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

    def _is_ignored(self) -> bool:
        """Says whether a leader does not answer what it was asked again and again."""
        state = self.state
        for shard, submits in state.submits.items():
            if submits.is_ignored or state.awaits[shard].is_ignored:
                return True
        return state.asks.is_ignored

    def wake_at(self) -> int | None:
        """Returns when it wants a turn, in elapsed ns; see actors.machine.Machine."""
        state = self.state
        wakes = [state.next_deadline_ns(), state.cluster.wake_ns(), state.asks.wake_ns()]
        for shard in state.cluster.peers:  # what is for the others waits for a leader
            wakes.append(state.submits[shard].due_ns)
            wakes.append(state.awaits[shard].wake_ns())
        return min([wake for wake in wakes if wake is not None], default=None)

    def snapshot(self) -> Mapping[str, object]:
        """Returns a small picture; see actors.machine.Machine."""
        state = self.state
        return {
            "shards": state.cluster.shards,
            "welcomed": sorted(state.cluster.peers),
            "nodes": len(state.cluster.nodes),
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
