"""The faults: what goes wrong, when, and how it is mended in the end.

Decides each fault by the seed's own stream, from the kinds that the options allow. A fault is something that the
outside does to nodes; it must not know what machines hold. After `heal` nothing goes wrong any more.
"""

from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ..actors.draws import Draws
from ..actors.events import PeerGone
from .client_node import ClientNode
from .clock import NodeClock
from .coordinator_node import CoordinatorNode
from .executor_node import ExecutorNode
from .node import LOCAL, Item, Node
from .operator_node import OperatorNode

if TYPE_CHECKING:
    from .member_node import MemberNode
    from .world import World

    Coordinator: TypeAlias = CoordinatorNode | MemberNode

MS = 1_000_000
N = TypeVar("N")


class Faults(Node):
    """The outside: operators, supervisors, power, cables."""

    def __init__(self, world: "World", draws: Draws) -> None:
        super().__init__(world, "faults", NodeClock(0, 0, 0), 0)
        self.draws = draws
        self.healed = False
        self.coordinator: CoordinatorNode
        """The one coordinator, in a world without members."""
        self.coordinators: list[Coordinator] = []
        self.members: list[MemberNode] = []
        self.executors: list[ExecutorNode] = []
        self.clients: list[ClientNode] = []
        self.operator: OperatorNode | None = None
        """Who deals with schedules; None in a world without."""
        self.code_version = 0

    def boots_of(self, host: str) -> set[str]:
        """Returns the boot ids that a host has had."""
        return {f"boot-{number}" for number in range(1, self.coordinator.boots[int(host[-1])] + 1)}

    def begin(self) -> None:
        """Lets the first fault come."""
        if self.world.options.faults:
            self._next()

    def _next(self) -> None:
        every_ns = self.world.options.fault_every_ms * MS
        self._later(every_ns // 4 + self.draws.below(2 * every_ns), "strike")

    def _later(self, after_ns: int, what: str, *values: object) -> None:
        self.world.push(self.world.now_ns + after_ns, self, (LOCAL, what, *values))

    def turn(self) -> None:
        """Nobody asks the outside for a turn."""
        raise AssertionError("faults take no turns")

    def local(self, item: Item) -> None:
        """Does what its time has come for."""
        what, *values = item[1:]
        if what == "strike":
            if not self.healed:
                self._strike()
                self._next()
        elif what == "executor":
            self._start_executor(*values)
        elif what == "client":
            client: ClientNode = values[0]
            if not client.up:
                client.start()
        elif what == "mend":
            values[0](*values[1:])

    def _strike(self) -> None:
        options, draws = self.world.options, self.draws
        kind = options.faults[draws.below(len(options.faults))]
        if getattr(self, "_" + kind)():
            self.world.count("fault_" + kind)
            self.recent.append((self.world.now_ns, kind))

    # Faults; each returns whether it could strike.

    def _some_coordinator(self) -> "Coordinator":
        """Returns the one coordinator, or some member."""
        return self.coordinators[0] if len(self.coordinators) == 1 else self._one(self.coordinators)

    def _crash_coordinator(self) -> bool:
        node = self._some_coordinator()
        if not node.up:
            return False
        node.crash()
        node.start(20 * MS + self.draws.below(2_500 * MS))
        return True

    def _crash_executor(self) -> bool:
        executor = self._one(self.executors)
        if not executor.up:
            return False
        old = executor.incarnation
        self._tell_of_loss(executor)
        executor.crash()
        # A supervisor on the same host knows that the old one is dead; one that was replaced with its host does not.
        self.executor_later(executor, 20 * MS + self.draws.below(3_000 * MS), [old] if self.draws.below(2) else [])
        return True

    def executor_later(self, executor: ExecutorNode, after_ns: int, replaces: list[int]) -> None:
        """Has an executor started again."""
        self._later(after_ns, "executor", executor, replaces)

    def client_later(self, client: ClientNode, after_ns: int) -> None:
        """Has a client started."""
        self._later(after_ns, "client", client)

    def _start_executor(self, executor: ExecutorNode, replaces: list[int]) -> None:
        if not executor.up:
            executor.start(replaces)

    def _crash_client(self) -> bool:
        client = self._one(self.clients)
        if not client.up:
            return False
        client.crash()
        self.client_later(client, self.draws.below(2_000 * MS))
        return True

    def _drain_executor(self) -> bool:
        executor = self._one(self.executors)
        if executor.up:
            executor.drain()
        return executor.up

    def _drain_coordinator(self) -> bool:
        node = self._some_coordinator()
        if node.up:
            node.drain()
        return node.up

    def _kill_child(self) -> bool:
        executor = self._one(self.executors)
        children = list(executor.children.values())
        if not executor.up or not children:
            return False
        children[self.draws.below(len(children))].die("was killed by signal 9")
        return True

    def _pause_node(self) -> bool:
        node = self._one([*self.coordinators, *self.executors, *self.clients])
        if not node.up:
            return False
        node.paused_until_ns = self.world.now_ns + self.draws.below(2 * self.world.options.lease_ttl_ms * MS)
        if isinstance(node, ExecutorNode):
            self.world.history.paused(node.name, node.paused_until_ns)
        return True

    def _cut_link(self) -> bool:
        one, other = self._some_coordinator(), self._one([*self.executors, *self.clients])
        ways = {(one.name, other.name), (other.name, one.name)}
        if self.draws.below(2):
            ways = {sorted(ways)[self.draws.below(2)]}
        self.world.network.cut |= ways
        self._tell_of_loss(other)
        self._mend_later(self.world.options.lease_ttl_ms * 5 // 2, self.world.network.cut.difference_update, ways)
        return True

    def _tell_of_loss(self, node: Node) -> None:
        """The transport may notice that a peer cannot be reached; it need not."""
        for coordinator in self.coordinators:
            if coordinator.up and self.draws.below(2):
                coordinator.post(PeerGone(node.peer), self.draws.below(500 * MS))

    def _lock_store(self) -> bool:
        seats = self._some_coordinator().seats
        store = seats[0 if len(seats) == 1 else self.draws.below(len(seats))].store
        store.locked = True
        self._mend_later(1_500, setattr, store, "locked", False)
        return True

    def _stall_commits(self) -> bool:
        self._some_coordinator().stalled_until_ns = self.world.now_ns + self.draws.below(1_500 * MS)
        return True

    def _hold_applies(self) -> bool:
        node = self._some_coordinator()
        node.holding_applies = True
        self._mend_later(2_000, setattr, node, "holding_applies", False)
        return True

    def _hold_reads(self) -> bool:
        node = self._some_coordinator()
        node.holding_reads = True
        self._mend_later(300, setattr, node, "holding_reads", False)
        return True

    def _step_wall(self) -> bool:
        node = self._one([*self.coordinators, *self.coordinators, *self.executors, *self.clients])
        span = self.world.options.step_ms
        if node in self.coordinators:
            self.world.history.wall_peaks.append((self.world.now_ns, node.now.wall_ms))
        node.clock.step(self.draws.below(2 * span + 1) - span)
        return True

    def _jump_wall(self) -> bool:
        """Sets a coordinator's clock by up to hours, as one does who had set it wrong before."""
        node, span_ms = self._some_coordinator(), self.world.options.jump_ms
        by_ms = (self.draws.below(2 * span_ms + 1) - span_ms) >> (5 * self.draws.below(4))
        self.world.history.wall_peaks.append((self.world.now_ns, node.now.wall_ms))
        node.clock.step(by_ms)
        self.world.count("wall_set_forward" if by_ms > 0 else "wall_set_back")
        return True

    def _suspend_host(self) -> bool:
        """Lets the machine on which everything runs sleep, for up to hours."""
        for_ms = self.draws.below(self.world.options.jump_ms) >> (3 * self.draws.below(4))
        for node in self.world.all_nodes():
            node.clock.suspend(for_ms)
        return True

    def _reboot_host(self) -> bool:
        """Starts the coordinator's host anew: it has another boot id."""
        struck = self._crash_coordinator()
        self.coordinator.boots[self.coordinator.host] += struck
        return struck

    def _fail_over(self) -> bool:
        """Lets the coordinator come up on the other host, which may not have been started anew."""
        struck = self._crash_coordinator()
        self.coordinator.host ^= struck
        return struck

    def _deploy(self) -> bool:
        """Brings another version of the code to one executor; the others have it when they start again."""
        self.code_version += 1
        return self._drain_executor()

    def _mend_later(self, within_ms: int, mend: object, *values: object) -> None:
        self._later(1 + self.draws.below(within_ms * MS), "mend", mend, *values)

    def _one(self, nodes: list[N]) -> N:
        return nodes[self.draws.below(len(nodes))]

    def heal(self) -> None:
        """Mends everything; from now on nothing goes wrong."""
        self.healed = True
        self.world.network.heal()
        for coordinator in self.coordinators:
            coordinator.holding_applies = coordinator.holding_reads = False
            coordinator.stalled_until_ns = 0
            for seat in coordinator.seats.values():
                seat.store.locked = False
        for node in (*self.coordinators, *self.executors, *self.clients):
            node.paused_until_ns = 0
        if "jump_wall" in self.world.options.faults:
            # A clock that stays hours behind lets what is on the calendar wait as long; somebody puts it right.
            walls_ms = [coordinator.now.wall_ms for coordinator in self.coordinators]
            peak_ms = max(walls_ms + [wall_ms for _, wall_ms in self.world.history.wall_peaks])
            for coordinator in self.coordinators:
                coordinator.clock.step(max(peak_ms - coordinator.now.wall_ms, 0))
