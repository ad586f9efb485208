"""What every simulated process is: a name, clocks, an inbox, and turns at the times it asked for.

Decides when a turn runs: soon after something came, and when the machine wants to be woken; a wake that was overtaken
is stale and dropped. Must not know what a machine does. A crash ends a life; what was on its way to that life is
lost.
"""

from collections import deque
from typing import TYPE_CHECKING, Any

from ..actors.effects import Send
from ..actors.events import PeerGone, Received
from ..actors.machine import Now
from ..broker.wire.codec import decode
from .clock import NodeClock
from .seat import Seat

if TYPE_CHECKING:
    from .world import World

FRAME, TURN, EVENT, LOCAL = 1, 2, 3, 4
Item = tuple[Any, ...]
"""(kind, ...): (FRAME, source, bytes) · (TURN,) · (EVENT, event) · (LOCAL, ...), the node's own."""

_TURN: Item = (TURN,)
WAKE_GAP_NS = 50_000
"""Two wakes without news in between are at least this far apart: the loop itself takes time."""
RECENT_ITEMS = 60
IDLE_TURNS_MAX = 400
"""More turns than that, with no frame and no entry between them, are a loop that spins."""


class Node:
    """One process of the simulated world."""

    idle_turns_max = IDLE_TURNS_MAX

    def __init__(self, world: "World", name: str, clock: NodeClock, think_ns: int) -> None:
        self.world = world
        self.name = name
        self.clock = clock
        self.think_ns = think_ns
        self.life = 0
        self.up = False
        self.paused_until_ns = 0
        self.armed_ns: int | None = None
        self.inbox: list[Any] = []
        self.idle_turns = 0
        self.recent: deque[tuple[int, Any]] = deque(maxlen=RECENT_ITEMS)
        self.noticed_ns: dict[bytes, int] = {}
        """Peer -> when the transport notices what has happened last to the connection."""
        self.old_counts: dict[str, int] = {}
        """What the machines of past lives have counted."""
        self.seats: dict[int, Seat] = {}
        """The shards of a coordinator's process."""

    @property
    def peer(self) -> bytes:
        """The name under which frames reach this life of the node."""
        return f"{self.name}/{self.life}".encode()

    @property
    def now(self) -> Now:
        """Both clocks of the node."""
        return self.clock.now(self.world.now_ns)

    def take(self, item: Item) -> None:
        """Takes what has arrived."""
        kind = item[0]
        if kind == FRAME:
            message = decode(item[2])
            self.recent.append((self.world.now_ns, message))
            self.inbox.append(Received(item[1], message))
            self.idle_turns = 0
            self.arm(self.world.now_ns + self.think_ns)
        elif kind == TURN:
            if self.armed_ns == self.world.now_ns:
                self.armed_ns = None
                self.idle_turns += 1
                if self.idle_turns > self.idle_turns_max:
                    self.world.fail(
                        "loops_do_not_spin", f"{self.name} has turned {self.idle_turns} times for nothing", self
                    )
                self.turn()
        elif kind == EVENT:
            self.recent.append((self.world.now_ns, item[1]))
            self.inbox.append(item[1])
            self.arm(self.world.now_ns + self.think_ns)
        else:
            self.local(item)

    def turn(self) -> None:
        """Runs one turn of the machine."""
        raise NotImplementedError

    def local(self, item: Item) -> None:
        """Takes an item of the node's own kind."""
        raise NotImplementedError

    def arm(self, at_ns: int) -> None:
        """Asks for a turn at a true time, if none is due sooner."""
        if at_ns < self.world.now_ns:
            at_ns = self.world.now_ns
        if self.armed_ns is None or at_ns < self.armed_ns:
            self.armed_ns = at_ns
            self.world.push(at_ns, self, _TURN)

    def arm_wake(self, wake_ns: int | None) -> None:
        """Asks for a turn when the machine wants one, in its elapsed ns."""
        if wake_ns is not None:
            self.arm(max(self.clock.true_ns(wake_ns), self.world.now_ns + WAKE_GAP_NS))

    def post(self, event: Any, after_ns: int = 0) -> None:
        """Gives the machine an event of this host's own making, later."""
        self.world.push(self.world.now_ns + after_ns, self, (EVENT, event))

    def reached(self) -> None:
        """A coordinator's process has begun: the transports of all others connect to it by themselves."""
        for node in list(self.world.network.nodes.values()):
            if node.up:
                node.connected(self.peer, self.world.transports.below(100_000_000))

    def transmit(self, sends: list[Send]) -> None:
        """Hands sends to the network."""
        network = self.world.network
        for send in sends:
            self.recent.append((self.world.now_ns, send))
            network.send(self, send.peer, send.message)

    def machine_counts(self) -> dict[str, int]:
        """Returns what the machine of this life has counted."""
        return {}

    def check(self) -> None:
        """Asserts every relation inside the machines of this life."""

    def loses(self, peer: bytes, after_ns: int) -> None:
        """The transport notices that a connection is gone."""
        self.post(PeerGone(peer), self.notice_ns(peer, after_ns))

    def connected(self, peer: bytes, after_ns: int) -> None:
        """The transport has connected to a coordinator; who has such connections hears of it."""

    def notice_ns(self, peer: bytes, after_ns: int) -> int:
        """Returns how long from now the transport notices something of a peer: in the order in which it happens."""
        at_ns = max(self.world.now_ns + after_ns, self.noticed_ns.get(peer, 0) + 1)
        self.noticed_ns[peer] = at_ns
        return at_ns - self.world.now_ns

    def unsettled(self) -> str:
        """Says what a coordinator's process has still to do for what is decided already; nothing if it has nothing."""
        return ""

    def end_life(self) -> None:
        """The process is gone, with all that was on its way to it."""
        assert self.up, f"{self.name} is down already"
        for name, count in self.machine_counts().items():
            self.old_counts[name] = self.old_counts.get(name, 0) + count
        self.up = False
        self.life += 1
        self.armed_ns = None
        self.paused_until_ns = 0
        self.inbox = []
        self.recent.append((self.world.now_ns, "--- gone ---"))
