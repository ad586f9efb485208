"""What an executor hears from coordinators: welcomes, runs, answers, and who leads which shard.

Decides whose word counts. A shard is led by whoever welcomed this executor under its highest epoch: only that one gives
it runs and renews its leases. An acknowledgement is true whoever gives it, for it rests on what is committed. A map is
a node's answer to a hello. Must not know when anything is said (conversation.py). Rules: docs/protocol.md, "Executors:
legal sequences"; docs/promises.md, P5.
"""

from typing import Any

from ...broker.wire.ids import SHARD_MAX
from ...broker.wire.messages import (
    CancelRun,
    ClusterMap,
    ExecutorWelcome,
    FinishedAck,
    HelloNeeded,
    Message,
    Refused,
    Renewed,
    Run,
)  # fmt: skip
from ...broker.wire.rows import run_fault
from ..effects import Peer
from ..reach import map_fault
from . import acts, conversation, runs
from .held import Held
from .link import Link
from .settings import HELLO_AGAIN_MS
from .shard import Shard
from .state import ExecutorState


def received(state: ExecutorState, peer: Peer, message: Message) -> None:
    """Takes one message from a coordinator."""
    link = state.links.get(peer)
    if link is None:
        return
    match message:
        case Run():
            _run(state, link, message)
        case FinishedAck(number, batch):
            if number in state.shards:
                state.shards[number].unacked.pop(batch, None)
        case Renewed():
            _renewed(state, link, message)
        case ExecutorWelcome():
            _welcome(state, link, message)
        case HelloNeeded(number, epoch):
            _know(state, number, epoch)
            if link.hello_ns is None or epoch > link.told.get(number, 0):  # the one under way says too little
                link.hello_ns = state.now.elapsed_ns
        case ClusterMap():
            _map(state, link, message)
        case CancelRun(number, epoch, wanted):
            if number in state.shards and epoch >= state.shards[number].epoch:
                _end(state, wanted, "cancelled")
        case Refused():
            _refused(state, link, message)
        case _:
            state.count("messages_unexpected")


def _run(state: ExecutorState, link: Link, message: Run) -> None:
    shard = state.shards.get(message.shard)
    if shard is None or not shard.is_open(link) or message.link != link.number or message.epoch < shard.epoch:
        state.count("runs_void")
        return
    if not shard.came(message.sequence):
        state.count("runs_repeated")
        return
    if any(run_fault(row) is not None for row in message.jobs):
        state.count("runs_malformed")
        return
    runs.take(state, message)


def _renewed(state: ExecutorState, link: Link, message: Renewed) -> None:
    """Takes the answer to a heartbeat; whoever does not lead the shard any more renews nothing."""
    shard = state.shards.get(message.shard)
    if shard is not None and shard.is_open(link) and message.link == link.number and message.epoch == shard.epoch:
        shard.renewed(message.sent_ms * 1_000_000)
        shard.heard_ns = state.now.elapsed_ns


def _welcome(state: ExecutorState, link: Link, message: ExecutorWelcome) -> None:
    """The leader of a shard has answered the link's last hello; what is of a lower epoch than seen is old news."""
    if not 0 < message.link == link.number or not 0 <= message.shard < message.shards:
        return
    if state.cluster not in (None, message.cluster) or state.shards_known not in (0, message.shards):
        why = f"its welcome is passed over: it is of cluster {message.cluster!r}, not of {state.cluster!r}"
        _note(state, link, why)
        return
    shard = state.shards.get(message.shard)
    if shard is not None and not _leads(shard, link, message.epoch):
        state.count("welcomes_void")
        if message.epoch == shard.epoch:
            link.answered()  # the same node by another way: one will do
        return
    if shard is None:
        shard = state.shards[message.shard] = Shard(message.shard)
    link.is_gone = False
    if not shard.is_open(link):
        shard.opened(link, message.epoch, message.lease_ttl_ms, state.now.elapsed_ns)
    state.cluster, state.shards_known = message.cluster, message.shards
    if state.open_shards(link) >= message.shards:
        link.answered()
        link.refused = ""
    _end(state, message.lost, "void")
    conversation.report_again(state, link, shard)


def _leads(shard: Shard, link: Link, epoch: int) -> bool:
    """Says whether a welcome of this epoch on this link is the leader's, as far as is known."""
    if epoch != shard.epoch:
        return epoch > shard.epoch
    return shard.link is None or shard.link is link or not shard.is_open(shard.link)


def _map(state: ExecutorState, link: Link, message: ClusterMap) -> None:
    """Takes a node's map: it has heard the hello, and tells who leads and who else is a member."""
    fault = map_fault(message, state.cluster, state.shards_known) if message.cluster else None
    if fault is not None:
        _note(state, link, f"its map is passed over: {fault}")
        return
    link.answered()
    link.is_gone = False
    if not message.cluster:
        return  # it has not been taken in yet, and knows nothing
    link.refused = ""
    state.cluster, state.shards_known = message.cluster, message.shards
    now_ns = state.now.elapsed_ns
    unnamed = [state.links[peer] for peer in state.reach.unnamed(message)]
    is_settled = all(other is link or other.is_settled(now_ns) for other in unnamed)
    moves = state.reach.learn(link.peer, message, is_settled=is_settled)
    for peer in moves.opened:
        state.links[peer] = Link(peer)
        state.act(acts.Connect(peer))
    for peer in moves.closed:
        _leave(state, state.links.pop(peer))
        state.act(acts.Disconnect(peer))
    for number, epoch, name in message.leaders:
        state.leaders.heard(number, epoch, name, message.node)
        if name is not None:
            _know(state, number, epoch)
        shard = state.shards.get(number)
        if shard is not None and _is_deposed(shard, link, epoch, name, is_own=name == message.node):
            shard.link = None
    if state.mapped_ns is None:
        state.mapped_ns = now_ns


def _know(state: ExecutorState, number: int, epoch: int) -> None:
    """Learns that a shard has a leader of this epoch; Runs of an older one are void from now on.

    The next hello says so, and the new leader may conclude from it that what is not held does not run.
    """
    if epoch <= 0 or not 0 <= number <= SHARD_MAX:
        return
    shard = state.shards.get(number)
    if shard is None and state.shards_known and number < state.shards_known:
        shard = state.shards[number] = Shard(number)
    if shard is not None and epoch > shard.epoch:
        shard.epoch, shard.link = epoch, None


def _is_deposed(shard: Shard, link: Link, epoch: int, name: str | None, *, is_own: bool) -> bool:
    """Says whether a map's row ends the reign of the shard's leader: it names a later one, or is that leader's own."""
    if shard.link is link:
        return epoch >= shard.epoch and not is_own
    return name is not None and epoch > shard.epoch


def _leave(state: ExecutorState, link: Link) -> None:
    for shard in state.shards.values():
        if shard.link is link:
            shard.link = None


def _refused(state: ExecutorState, link: Link, message: Refused) -> None:
    """Takes a refusal; one of a shard that its leader leads no more is no fault of anybody's."""
    if message.code == "not_here":
        shard = state.shards.get(message.shard)
        if shard is not None and shard.link is link:
            shard.link = None
        return
    state.count("refused")
    _note(state, link, f"the coordinator refuses this executor: {message.code}: {message.text}", "error")


def _note(state: ExecutorState, link: Link, why: str, level: str = "warning") -> None:
    """Tells the log what is wrong with a coordinator; not each time, for a hello is said again every second."""
    if why != link.refused:
        link.refused = why
        state.act(acts.Note(level, why if level == "error" else f"coordinator {link.peer.decode()}: {why}"))


def _end(state: ExecutorState, wanted: list[list[Any]], outcome: str) -> None:
    """Ends the named [id, attempt] runs, if they are held and were not told before."""
    helds: list[Held] = []
    for row in wanted:
        held = state.held.get((row[0], row[1])) if list(map(type, row)) == [int, int] else None
        if held is not None and (held.ending is None or (outcome == "void" and held.ending != "void")):
            if held.ending is not None:
                held.ending = outcome  # it is ending already; only nobody wants to hear of it any more
            else:
                helds.append(held)
    if helds:
        runs.end(state, helds, outcome)


def gone(state: ExecutorState, peer: Peer) -> None:
    """The transport lost a coordinator: nobody hears what is said; the leases decide about the runs."""
    link = state.links.get(peer)
    if link is not None:
        link.is_gone, link.number = True, 0
        # Now and then all the same, for nothing else would tell if it was there.
        link.hello_ns = state.now.elapsed_ns + HELLO_AGAIN_MS * 1_000_000
        link.since_ns = state.now.elapsed_ns if link.since_ns is None else link.since_ns


def connected(state: ExecutorState, peer: Peer) -> None:
    """The transport has reached a coordinator, perhaps again: it may have started anew, and know nobody."""
    link = state.links.get(peer)
    if link is not None:
        link.is_gone, link.hello_ns, link.tries = False, state.now.elapsed_ns, 0
