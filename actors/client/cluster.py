"""What a client knows of the cluster: shards, who serves them, which tasks exist.

Decides whom to say hello to and when, and which welcome counts: one of a lower epoch than seen is old news. Must not
know what is asked of the shards. Rule: docs/protocol.md, ClientWelcome.
"""

from typing import Any

from ...broker.wire.ids import SHARD_MAX
from ...broker.wire.limits import NAME_CHARS_MAX, PAYLOAD_BYTES_MAX, PRIORITY_MAX
from ...broker.wire.messages import ClientHello, ClientWelcome
from ..effects import Effects, Peer, Send
from ..limits import TASKS_MAX
from .settings import ClientSettings


class Cluster:
    """The map, as the welcomes drew it."""

    def __init__(self, client: str, settings: ClientSettings) -> None:
        self.settings = settings
        self.hello = ClientHello(client, settings.cluster)
        self.name: str | None = settings.cluster
        self.shards = 0  # unknown
        self.peers: dict[int, Peer] = {}
        self.epochs: dict[int, int] = {}
        self.payload_bytes_max = PAYLOAD_BYTES_MAX
        self.tasks: dict[str, tuple[str, int]] = {}
        self.fresh: set[int] = set()  # shards that have answered since the last hello
        self.wanted = False
        self.hello_ns: int | None = None
        self.wait_ns = settings.hello_ns

    @property
    def complete(self) -> bool:
        """Whether every shard has a peer."""
        return 0 < self.shards == len(self.peers)

    @property
    def answered(self) -> bool:
        """Whether every shard has answered the last hello."""
        return 0 < self.shards == len(self.fresh)

    def want(self) -> None:
        """Asks for a hello; one that is under way serves."""
        if not self.wanted or self.answered:
            self.wanted, self.hello_ns, self.wait_ns = True, None, self.settings.hello_ns
            self.fresh.clear()

    def settle(self, now_ns: int, out: Effects) -> None:
        """Says hello if it is wanted and its time has come."""
        if not self.wanted:
            return
        if self.answered:
            self.wanted, self.hello_ns = False, None
        elif self.hello_ns is None or self.hello_ns <= now_ns:
            out.sends.extend([Send(peer, self.hello) for peer in self.settings.peers])
            self.hello_ns = now_ns + self.wait_ns
            self.wait_ns = min(2 * self.wait_ns, self.settings.resend_max_ns)

    def welcome(self, peer: Peer, message: ClientWelcome) -> bool:
        """Takes a welcome; returns whether the shard has a new leader, or the first."""
        shard = message.shard
        if not (1 <= message.shards <= SHARD_MAX + 1 and 0 <= shard < message.shards):
            return False
        if message.epoch < self.epochs.get(shard, 0) or self.name not in (None, message.cluster):
            return False
        if self.shards and message.shards != self.shards:
            return False  # the number of shards of a cluster never changes: this is another cluster
        is_new = message.epoch > self.epochs.get(shard, -1) or self.peers.get(shard) != peer
        self.shards, self.name = message.shards, message.cluster
        self.epochs[shard], self.peers[shard] = message.epoch, peer
        self.payload_bytes_max = max(1, min(message.payload_bytes_max, PAYLOAD_BYTES_MAX))
        self.fresh.add(shard)
        for row in message.tasks[:TASKS_MAX]:
            if _is_task(row):
                self.tasks[row[0]] = (row[1], row[2])
        assert len(self.peers) <= self.shards, "more shards have peers than there are"
        return is_new

    def wake_ns(self) -> int | None:
        """Returns when the next hello is due."""
        return self.hello_ns if self.wanted else None

    def check(self) -> None:
        """Asserts that the map is one."""
        assert self.peers.keys() == self.epochs.keys()
        assert self.fresh <= self.peers.keys()
        assert all(0 <= shard < self.shards for shard in self.peers)


def _is_task(row: list[Any]) -> bool:
    """Says whether a row is [name, queue, priority] within its bounds."""
    if len(row) != 3:
        return False
    name, queue, priority = row
    texts = type(name) is str and type(queue) is str and len(name) <= NAME_CHARS_MAX >= len(queue)
    return texts and type(priority) is int and -PRIORITY_MAX <= priority <= PRIORITY_MAX
