"""A client's process: the real session, driven by a workload.

Decides nothing about the conversation. What the machine tells its caller goes to the workload, which notes what a
client may conclude.
"""

from typing import TYPE_CHECKING

from ..actors.client.events import Command, Completed, Connected
from ..actors.client.session import ClientMachine
from ..actors.client.settings import ClientSettings
from ..actors.draws import Draws
from ..actors.step import step
from .clock import NodeClock
from .node import Item, Node
from .workload import Workload

if TYPE_CHECKING:
    from .world import World

MS = 1_000_000


class ClientNode(Node):
    """One client; each life has a session of its own."""

    def __init__(self, world: "World", name: str, clock: NodeClock, draws: Draws) -> None:
        super().__init__(world, name, clock, think_ns=10_000 + draws.below(100_000))
        self.draws = draws
        self.machine: ClientMachine | None = None
        self.workload = Workload(self, draws.child("workload"))

    def start(self) -> None:
        """Starts the process."""
        draws = self.draws.child(self.life)
        session = draws.below((1 << 63) - 1) + 1
        idle_ns = min(600_000, self.world.options.session_ttl_ms // 2) * MS
        settings = ClientSettings(peers=self.coordinators(), session_idle_ns=idle_ns)
        self.machine = ClientMachine(session, draws, settings)
        self.world.network.join(self)
        for node in self.world.coordinators:
            if node.up:
                self.connected(node.peer, 0)
        self.workload.begin()

    def coordinators(self) -> tuple[bytes, ...]:
        """Returns the connections that this client has."""
        return tuple(node.peer for node in self.world.coordinators)

    def connected(self, peer: bytes, after_ns: int) -> None:
        """The transport has connected to a coordinator."""
        self.post(Connected(peer), self.notice_ns(peer, after_ns))

    def ask(self, command: Command) -> None:
        """Makes a request."""
        self.post(command)

    def turn(self) -> None:
        """Runs one turn and tells the workload what came of it."""
        machine = self.machine
        assert machine is not None, "a process that is down takes no turn"
        inbox, self.inbox = self.inbox, []
        sends, told = step(machine, inbox, self.now)
        self.transmit(sends)
        for act in told:
            self.recent.append((self.world.now_ns, act))
            if isinstance(act, Completed):
                self.workload.completed(act)
            else:
                self.workload.partial(act)
        self.arm_wake(machine.wake_at())
        self.world.invariants.turned(self)

    def local(self, item: Item) -> None:
        """The workload's own time has come."""
        self.workload.act(item)

    def check(self) -> None:
        """Asserts every relation inside the machine."""
        if self.machine is not None:
            self.machine.check()

    def crash(self) -> None:
        """Kills the process; nobody will hear the answers to its requests."""
        self.world.count("client_crashes")
        self.end_life()
        self.machine = None
        self.workload.abandon()
