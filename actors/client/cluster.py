"""What a client knows of the cluster: its nodes, its shards, who leads each of them, which tasks exist.

Decides whom to say hello to and when, and whose word counts: who welcomes leads, and so does who asks for a hello; what
is of a lower epoch than seen is old news. A map ends a reign and begins none, for who was elected may not serve yet.
Must not know what is asked of the shards. Rules: docs/protocol.md, ClientWelcome and ClusterMap.
"""

from typing import Any

from ...broker.wire.ids import SHARD_MAX
from ...broker.wire.limits import NAME_CHARS_MAX, PAYLOAD_BYTES_MAX, PRIORITY_MAX
from ...broker.wire.messages import ClientHello, ClientWelcome, ClusterMap
from ..effects import Effects, Peer, Send
from ..limits import TASKS_MAX
from ..reach import Moves, Reach
from .settings import ClientSettings


class Node:
    """One coordinator, at the end of a connection."""

    __slots__ = ("answered", "is_gone", "since_ns")

    def __init__(self) -> None:
        self.answered = False  # the last hello
        self.is_gone = False  # the transport has lost it
        self.since_ns: int | None = None  # when it was first said hello to

    def is_settled(self, late_ns: int) -> bool:
        """Says whether it has answered, or will not soon: it was first asked before `late_ns`."""
        return self.answered or self.is_gone or (self.since_ns is not None and self.since_ns <= late_ns)


class Cluster:
    """The map, as the answers drew it."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.hello = ClientHello(settings.cluster)
        self.name: str | None = settings.cluster
        self.shards = 0  # unknown
        self.reach = Reach(settings.peers)
        self.nodes: dict[Peer, Node] = {peer: Node() for peer in settings.peers}
        self.has_map = False  # there is more than one node
        self.peers: dict[int, Peer] = {}  # the leaders
        self.former: dict[int, Peer] = {}  # who led last, where nobody is known to lead
        self.epochs: dict[int, int] = {}
        self.payload_bytes_max = PAYLOAD_BYTES_MAX
        self.tasks: dict[str, tuple[str, int]] = {}
        self.fresh: set[int] = set()  # shards that have answered since the last hello
        self.named: set[int] = set()  # shards for which a map has named a leader since then
        self.wanted = False
        self.hello_ns: int | None = None
        self.said_ns = 0
        self.wait_ns = settings.hello_ns

    @property
    def complete(self) -> bool:
        """Whether it is known where everything belongs; a shard may lack a leader."""
        return self.shards > 0 and (self.has_map or self.shards == len(self.epochs))

    @property
    def answered(self) -> bool:
        """Whether every shard has answered the last hello, or is known to have nobody who could."""
        if not self.shards:
            return False
        if len(self.fresh) == self.shards:
            return True
        return self.has_map and self._all_said and not (self.named - self.fresh)

    @property
    def _all_said(self) -> bool:
        """Whether every node that can be reached has answered the last hello."""
        return all(node.answered or node.is_gone for node in self.nodes.values())

    @property
    def is_led(self) -> bool:
        """Whether every shard has a leader."""
        return 0 < self.shards == len(self.peers)

    def want(self) -> None:
        """Asks for a hello; one that is under way serves."""
        if not self.wanted or self.answered or self._all_said:
            self.ask()

    def ask(self) -> None:
        """Asks for a hello at once, whatever is under way."""
        self.wanted, self.hello_ns, self.wait_ns = True, None, self.settings.hello_ns
        self.fresh.clear()
        self.named.clear()
        for node in self.nodes.values():
            node.answered = False

    def doubt(self, now_ns: int) -> None:
        """A leader is silent: another one may lead by now, and its call may have been lost."""
        if self.has_map and not self.wanted and now_ns >= self.said_ns + self.settings.hello_again_ns:
            self.ask()

    def settle(self, now_ns: int, out: Effects) -> None:
        """Says hello if it is wanted and its time has come, or if one that nobody wanted has found too few leaders."""
        if not self.wanted:
            if self.is_led or not self.epochs:
                return
            self.ask()
        if self.answered and self.is_led:
            self.wanted, self.hello_ns = False, None
        elif self.hello_ns is None or self.hello_ns <= now_ns:
            again_ns = self.said_ns + self.settings.hello_again_ns
            late_ns = now_ns - self.settings.hello_again_ns
            is_settled = self.has_map and all(node.is_settled(late_ns) for node in self.nodes.values())
            if self.hello_ns is not None and (is_settled or self._all_said):
                # All have answered, or will not soon, and some shard has no leader yet. Who comes to lead says so; this
                # is in case that was lost, and for maps of which nothing could be learnt before.
                if now_ns < again_ns:
                    self.hello_ns = again_ns
                    return
                self.ask()
            to = [peer for peer, node in self.nodes.items() if not (node.answered or node.is_gone)]
            out.sends.extend([Send(peer, self.hello) for peer in to])
            for node in self.nodes.values():
                node.since_ns = now_ns if node.since_ns is None else node.since_ns
            self.said_ns = now_ns
            self.hello_ns = now_ns + (self.wait_ns if to else self.settings.hello_again_ns)
            self.wait_ns = min(2 * self.wait_ns, self.settings.resend_max_ns)

    def lose(self, shard: int, now_ns: int) -> None:
        """Nobody is known to lead a shard: what is for it waits, and hellos ask for the next leader."""
        self.former[shard] = self.peers.pop(shard)
        self.fresh.discard(shard)
        if not self.wanted:
            self.ask()
            self.said_ns, self.hello_ns = now_ns, now_ns + self.wait_ns

    def welcome(self, peer: Peer, message: ClientWelcome) -> bool:
        """Takes a welcome; returns whether the shard has a new leader, or the first."""
        shard, epoch = message.shard, message.epoch
        if peer not in self.nodes:
            return False  # let go of in the meantime
        if not (1 <= message.shards <= SHARD_MAX + 1 and 0 <= shard < message.shards):
            return False
        if epoch < self.epochs.get(shard, 0) or self.name not in (None, message.cluster):
            return False
        if self.shards and message.shards != self.shards:
            return False  # the number of shards of a cluster never changes: this is another cluster
        leader = self.peers.get(shard)
        if epoch == self.epochs.get(shard) and leader not in (None, peer) and shard in self.fresh:
            return False  # the same node by another way: one will do
        self.shards, self.name = message.shards, message.cluster
        self.nodes[peer].is_gone = False  # it speaks
        is_new = self._follow(shard, epoch, peer)
        self.payload_bytes_max = max(1, min(message.payload_bytes_max, PAYLOAD_BYTES_MAX))
        self.fresh.add(shard)
        for row in message.tasks[:TASKS_MAX]:
            if _is_task(row):
                self.tasks[row[0]] = (row[1], row[2])
        assert len(self.peers) <= self.shards, "more shards have peers than there are"
        return is_new

    def _follow(self, shard: int, epoch: int, peer: Peer) -> bool:
        """Takes a leader; returns whether it is a new one."""
        assert epoch >= self.epochs.get(shard, 0), "a leader was followed by one of an earlier epoch"
        is_new = epoch > self.epochs.get(shard, -1) or self.peers.get(shard) != peer
        self.epochs[shard], self.peers[shard] = epoch, peer
        self.former.pop(shard, None)
        return is_new

    def draw(self, peer: Peer, message: ClusterMap, now_ns: int) -> Moves:
        """Takes a map that was found good; returns the connections to make and to end."""
        node = self.nodes[peer]
        node.answered, node.is_gone = True, False
        if not message.cluster:
            return Moves([], [])  # it has not been taken in yet, and knows nothing
        self.name, self.shards, self.has_map = message.cluster, message.shards, True
        moves = self._learn(peer, message, now_ns)
        for shard, epoch, name in message.leaders:
            if name is not None:
                self.named.add(shard)
            if shard in self.peers and self._is_deposed(shard, epoch, peer, name, is_own=name == message.node):
                self.lose(shard, now_ns)
        return moves

    def _is_deposed(self, shard: int, epoch: int, peer: Peer, name: str | None, *, is_own: bool) -> bool:
        """Says whether a map's row ends the reign of the shard's leader: it names a later one, or is that one's own."""
        if self.peers[shard] == peer:
            return epoch >= self.epochs[shard] and not is_own
        return name is not None and epoch > self.epochs[shard]

    def _learn(self, peer: Peer, message: ClusterMap, now_ns: int) -> Moves:
        late_ns = now_ns - self.settings.hello_again_ns
        unnamed = [self.nodes[given] for given in self.reach.unnamed(message) if given != peer]
        is_settled = all(node.answered or (node.since_ns or now_ns) <= late_ns for node in unnamed)
        moves = self.reach.learn(peer, message, is_settled=is_settled)
        for opened in moves.opened:
            self.nodes[opened] = Node()
        for closed in moves.closed:
            for shard in [shard for shard, leader in self.peers.items() if leader == closed]:
                self.lose(shard, now_ns)
            self.former = {shard: former for shard, former in self.former.items() if former != closed}
            del self.nodes[closed]
        return moves

    def called(self, peer: Peer, shard: int, epoch: int) -> bool:
        """A node that asks for a hello leads the shard under this epoch; returns whether that is news.

        Its welcome will say the same, a round trip later.
        """
        known = self.epochs.get(shard, 0)
        if not 0 <= shard < self.shards or epoch < known or (epoch == known and shard in self.peers):
            return False
        self.nodes[peer].is_gone = False
        return self._follow(shard, epoch, peer)

    def not_here(self, peer: Peer, shard: int, now_ns: int) -> None:
        """A node does not lead a shard, or not any more, or not yet."""
        if self.peers.get(shard) == peer:
            self.lose(shard, now_ns)
            self.ask()

    def gone(self, peer: Peer, now_ns: int) -> None:
        """The transport has lost a node: nobody leads what it has led, as far as is known."""
        node = self.nodes.get(peer)
        if node is not None:
            node.answered, node.is_gone = False, True
            for shard in [shard for shard, leader in self.peers.items() if leader == peer]:
                self.lose(shard, now_ns)

    def connected(self, peer: Peer, out: Effects) -> list[int]:
        """The transport has reached a node, perhaps again; returns the shards of which something may have been lost."""
        node = self.nodes.get(peer)
        if node is None:
            return []
        was_here = node.is_gone or node.answered
        node.is_gone = False
        if not self.has_map:  # it is the only one there is: whatever has become of it, it leads
            for shard in [shard for shard, former in self.former.items() if former == peer]:
                self.peers[shard] = self.former.pop(shard)
        led = [shard for shard, leader in self.peers.items() if leader == peer]
        if led:
            self.ask()
        elif was_here:
            node.answered = False
            out.sends.append(Send(peer, self.hello))  # it may have started anew, and know nobody
        return led

    def wake_ns(self) -> int | None:
        """Returns when the next hello is due."""
        return self.hello_ns if self.wanted else None

    def check(self) -> None:
        """Asserts that the map is one."""
        self.reach.check()
        assert self.nodes.keys() == self.reach.taught.keys() | set(self.settings.peers), "a node is not connected to"
        assert self.peers.keys() <= self.epochs.keys()
        assert not self.peers.keys() & self.former.keys(), "a shard has a leader, and had one last"
        assert self.peers.keys() | self.former.keys() <= self.epochs.keys(), "somebody leads without an epoch"
        assert set(self.peers.values()) | set(self.former.values()) <= self.nodes.keys(), "a leader is nobody"
        assert not any(self.nodes[peer].is_gone for peer in self.peers.values()), "a leader is gone"
        assert self.fresh <= self.peers.keys()
        assert self.is_led or self.wanted or not self.epochs, "a shard has no leader, and nobody is asked"
        assert all(0 <= shard < self.shards for shard in (*self.epochs, *self.named))


def _is_task(row: list[Any]) -> bool:
    """Says whether a row is [name, queue, priority] within its bounds."""
    if len(row) != 3:
        return False
    name, queue, priority = row
    texts = type(name) is str and type(queue) is str and len(name) <= NAME_CHARS_MAX >= len(queue)
    return texts and type(priority) is int and -PRIORITY_MAX <= priority <= PRIORITY_MAX
