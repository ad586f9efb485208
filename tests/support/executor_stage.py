"""An executor and three nodes that say what a test tells them to."""

from typing import Any

from builders import a_run
from cluster_maps import a_map
from executor_bench import TASKS, TTL_MS, ExecutorBench, Said

from mainspring.actors.executor.acts import SpawnChild
from mainspring.actors.executor.events import ChildReady
from mainspring.broker.wire.messages import ExecutorWelcome, HelloNeeded, Message, Run

A, B, C = b"tcp://a:1", b"tcp://b:1", b"tcp://c:1"
PEERS = (A, B, C)
MEMBERS = {"a": "tcp://a:1", "b": "tcp://b:1", "c": "tcp://c:1"}
NAMES = {A: "a", B: "b", C: "c"}
GRACE_MS = 1_000


class Stage:
    """An executor and three nodes that say what the test tells them to."""

    def __init__(self, shards: int = 1, peers: tuple[bytes, ...] = PEERS, **settings: Any) -> None:
        self.bench = ExecutorBench(peers=peers, **{"process_slots": 2, "kill_grace_ms": GRACE_MS, **settings})
        self.shards = shards
        self.leaders: dict[int, tuple[int, str | None]] = dict.fromkeys(range(shards), (5, "a"))
        said = self.bench.turn()
        while spawned := said.acted(SpawnChild):
            said = self.bench.turn(*[ChildReady(act.child, TASKS, []) for act in spawned])

    def number(self, peer: bytes) -> int:
        """The number of the last hello to a node."""
        return self.bench.state.links[peer].number

    def map(self, peer: bytes) -> Message:
        """A node's map."""
        return a_map(NAMES[peer], self.leaders, MEMBERS)

    def answer(self) -> None:
        """All nodes answer with their maps."""
        for peer in PEERS:
            self.bench.hear(self.map(peer), peer=peer)

    def welcome(self, peer: bytes, shard: int = 0, epoch: int = 5, lost: list[Any] | None = None) -> Said:
        """The leader of a shard answers the last hello to it."""
        link = self.number(peer)
        message = ExecutorWelcome(shard, epoch, "test", self.shards, link, TTL_MS, lost or [])
        return self.bench.hear(message, peer=peer)

    def run(self, peer: bytes, *ids: int, shard: int = 0, epoch: int = 5, sequence: int = 1) -> Said:
        """A node has jobs run."""
        rows = [a_run(id) for id in ids]
        return self.bench.hear(Run(shard, self.number(peer), sequence, epoch, 40 + sequence, rows), peer=peer)

    def up(self) -> None:
        """All nodes answer the first hello; A leads."""
        self.answer()
        for shard in range(self.shards):
            self.welcome(A, shard)

    def elect(self, peer: bytes, epoch: int, shard: int = 0) -> Said:
        """A node comes to lead, and says so to whoever has said hello."""
        self.leaders[shard] = (epoch, NAMES[peer])
        return self.bench.hear(self.map(peer), HelloNeeded(shard, epoch), peer=peer)


def to(said: Said, kind: type[Any]) -> list[bytes]:
    """To whom messages of one kind went."""
    return [peer for _, peer, message in said.messages if isinstance(message, kind)]
