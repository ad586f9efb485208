"""The shape of an invariant: what it may watch, and how it says that something is wrong.

Decides the hooks. Must not know any invariant.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from ...actors.effects import Send
from ...broker.wire.messages import Append
from ..history import Asked, Attempt, Decided
from ..node import Node
from ..seat import Seat

if TYPE_CHECKING:
    from ..client_node import ClientNode
    from ..world import World


class Invariant:
    """Something that must hold; hooks that a class leaves alone cost nothing."""

    EACH_SHARD: ClassVar[bool] = False
    """Whether each shard has one of its own, which is told of this shard's log and coordinators alone."""

    def __init__(self, world: "World", shard: int = 0) -> None:
        self.world = world
        self.shard = shard
        self.begin()

    def begin(self) -> None:
        """Makes what the invariant remembers; called once, before any hook."""

    def leader(self) -> Seat:
        """Returns where the shard is led, when everything has come to rest."""
        seat = self.world.leader(self.shard)
        assert seat is not None, f"nobody leads shard {self.shard}"
        return seat

    def fail(self, text: str, *nodes: Any) -> None:
        """Ends the run."""
        self.world.fail(type(self).__module__.rpartition(".")[2], text, *nodes)

    def committed(self, decided: Decided) -> None:
        """An entry of a machine has been committed."""

    def released(self, send: Send, seat: Seat) -> None:
        """A coordinator lets a message of a shard leave."""

    def started(self, attempt: Attempt) -> None:
        """A handler is called; others of the same job that run now are in `history.running`."""

    def answered(self, jobs: list[Asked]) -> None:
        """A client's submit has its answer."""

    def told(self, client: "ClientNode", rows: list[list[Any]], since_ns: int) -> None:
        """A client has heard of jobs' states, which it has asked for since then: rows of ENDED_COLUMNS."""

    def turned(self, node: Node) -> None:
        """A node has ended a turn."""

    def restarted(self, seat: Seat) -> None:
        """A coordinator has taken over the shard."""

    def elected(self, seat: Seat, epoch: int) -> None:
        """A member has been elected to lead the shard."""

    def installed(self, seat: Seat) -> None:
        """A member has put a copy of the shard in place."""

    def said(self, send: Send, node: Node) -> None:
        """A member says something that is about no shard's machine."""

    def heard_append(self, node: Node, sender: str, message: Append) -> None:
        """A member hears somebody who leads."""

    def lost_peer(self, node: Node, name: str) -> None:
        """A member's transport has lost the connection to another one."""

    def truncated(self, seat: Seat, below: int) -> None:
        """The log was allowed to drop entries before `below`."""

    def at_end(self) -> None:
        """Everything was mended and has come to rest."""


HOOKS = (
    "committed", "released", "started", "answered", "told", "turned", "restarted", "truncated", "elected", "installed",
    "said", "heard_append", "lost_peer", "at_end",
)  # fmt: skip

SHARD_AT = {"committed": 0, "released": 1, "restarted": 0, "truncated": 0, "elected": 0, "installed": 0}
"""Hook -> which of its arguments has the shard that it is about."""
