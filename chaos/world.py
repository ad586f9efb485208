"""The simulated world: true time, one heap of what is to happen, and the nodes to whom it happens.

Decides the order of all things: (time, sequence). No threads, no asyncio, no chance but the seed's. Must not know
what nodes do with what they get. Rule: same seed, same trace, on every machine and under every hash seed.
"""

import zlib
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from ..actors.draws import WORD, Draws
from .clock import NodeClock
from .history import History
from .invariants import Invariants
from .ledger import Ledger
from .memory_snapshots import CopiedRows
from .network import Network
from .node import FRAME, Item, Node
from .options import Options
from .seat import Seat

if TYPE_CHECKING:
    from .faults import Faults
    from .member_node import MemberNode

SECOND = 1_000_000_000
_MULTIPLIER = 0x9E37_79B9_7F4A_7C15


class World:
    """Everything that one seed makes happen."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.draws = Draws(options.seed)
        self.now_ns = 0
        self.events = 0
        self.digest = options.seed
        self.healed = False
        self.counts: dict[str, int] = {}
        self._heap: list[tuple[int, int, Node, int, Item]] = []
        self._sequence = 0
        self.transports = self.draws.child("transports")
        self.network = Network(self, self.draws.child("network"), options.weather)
        self.history = History(self)
        self.ledger = Ledger(self)
        self.copied = CopiedRows()
        self.invariants = Invariants(self)
        self.faults: Faults

    def count(self, name: str, by: int = 1) -> None:
        """Counts an occurrence, for coverage."""
        self.counts[name] = self.counts.get(name, 0) + by

    def push(self, at_ns: int, node: Node, item: Item) -> None:
        """Lets something happen to this life of a node."""
        self._sequence += 1
        heappush(self._heap, (at_ns, self._sequence, node, node.life, item))

    def run(self, until_ns: int) -> None:
        """Lets happen what is to happen up to a true time."""
        heap = self._heap
        while heap and heap[0][0] <= until_ns:
            at_ns, _, node, life, item = heappop(heap)
            if node.life != life:
                continue
            self.now_ns = at_ns
            if node.paused_until_ns > at_ns:
                self.push(node.paused_until_ns, node, item)
                if item[0] == 2 and node.armed_ns == at_ns:
                    node.armed_ns = node.paused_until_ns
                continue
            self.events += 1
            mark = zlib.crc32(item[2], item[0]) if item[0] == FRAME else item[0]
            self.digest = (self.digest * _MULTIPLIER + at_ns + mark) & WORD
            node.take(item)
        self.now_ns = max(self.now_ns, until_ns)

    def clock(self, name: str) -> NodeClock:
        """Makes the clocks of a host."""
        draws, options = self.draws.child("clock").child(name), self.options
        drift_ppm = draws.below(2 * options.drift_ppm + 1) - options.drift_ppm
        off_ms = draws.below(2 * options.wall_off_ms + 1) - options.wall_off_ms
        return NodeClock((1 + draws.below(1000)) * SECOND + draws.below(SECOND), options.starts_ms + off_ms, drift_ppm)

    def all_nodes(self) -> list[Node]:
        """Returns every node but the outside."""
        return [*self.coordinators, *self.faults.executors, *self.faults.clients]

    @property
    def coordinators(self) -> Sequence[Node]:
        """The processes that have shards."""
        return self.faults.coordinators

    @property
    def members(self) -> "Sequence[MemberNode]":
        """The members of a cluster, and its spare machines; none where there is one coordinator."""
        return self.faults.members

    def leader(self, shard: int) -> Seat | None:
        """Returns where a shard is led; of several that believe so, the one of the greatest epoch."""
        seats = [node.seats[shard] for node in self.coordinators if node.up and node.seats[shard].leads]
        return max(seats, key=lambda seat: seat.machine.state.epoch, default=None)

    def nodes(self, *names: str) -> list[Node]:
        """Returns the nodes of these names."""
        return [node for node in self.all_nodes() if node.name in names]

    def fail(self, invariant: str, text: str, *nodes: Any) -> None:
        """Ends the run: something happened that must not.

        Raises:
            Violation: always.
        """
        raise Violation(invariant, text, [node for node in nodes if isinstance(node, Node)])


class Violation(AssertionError):
    """What must hold did not; `nodes` were involved."""

    def __init__(self, invariant: str, text: str, nodes: list[Node]) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
        self.nodes = nodes
