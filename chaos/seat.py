"""One shard at one coordinator process: its rows, and its machine while this process leads the shard.

Decides nothing; it is what invariants look at, whether one process has the shard or several share it. Must not know
which engine lies under it.
"""

from typing import TYPE_CHECKING

from ..actors.coordinator.shard import ShardMachine
from ..actors.machine import Now
from ..actors.turn import Member, Waiting
from .memory_store import MemoryStore

if TYPE_CHECKING:
    from .node import Node


class Seat:
    """A shard's place at a node. `member` is None while the process is down."""

    __slots__ = ("decided_epoch", "decided_ns", "last_waiting", "member", "node", "seen", "shard", "store")

    def __init__(self, node: "Node", shard: int) -> None:
        self.node = node
        self.shard = shard
        self.store = MemoryStore()
        self.member: Member[ShardMachine] | None = None
        self.seen = 0
        """The last entry that the world has been shown."""
        self.decided_epoch = 0
        """The epoch in which it led last."""
        self.decided_ns: dict[int, int] = {}
        """Of sends that wait, by their id: when they were decided."""
        self.last_waiting: Waiting | None = None

    @property
    def leads(self) -> bool:
        """Whether a machine decides here."""
        return self.member is not None and self.member.machine is not None

    @property
    def machine(self) -> ShardMachine:
        """The machine."""
        assert self.member is not None, f"{self.node.name} is down"
        assert self.member.machine is not None, f"{self.node.name} does not lead shard {self.shard}"
        return self.member.machine

    @property
    def group(self) -> int:
        """The shard's group in the log."""
        return self.shard + 1

    @property
    def now(self) -> Now:
        """Both clocks of the node."""
        return self.node.now
