"""The shape of an invariant: what it may watch, and how it says that something is wrong.

Decides the hooks. Must not know any invariant.
"""

from typing import TYPE_CHECKING, Any

from ...actors.effects import Send
from ..history import Asked, Attempt, Decided
from ..node import Node

if TYPE_CHECKING:
    from ..client_node import ClientNode
    from ..coordinator_node import CoordinatorNode
    from ..world import World


class Invariant:
    """Something that must hold; hooks that a class leaves alone cost nothing."""

    def __init__(self, world: "World") -> None:
        self.world = world

    def fail(self, text: str, *nodes: Any) -> None:
        """Ends the run."""
        self.world.fail(type(self).__module__.rpartition(".")[2], text, *nodes)

    def committed(self, decided: Decided) -> None:
        """An entry has become durable."""

    def released(self, send: Send, node: "CoordinatorNode") -> None:
        """The coordinator lets a message leave."""

    def started(self, attempt: Attempt) -> None:
        """A handler is called; others of the same job that run now are in `history.running`."""

    def answered(self, jobs: list[Asked]) -> None:
        """A client's submit has its answer."""

    def told(self, client: "ClientNode", rows: list[list[Any]]) -> None:
        """A client has heard of jobs' states: rows of ENDED_COLUMNS."""

    def turned(self, node: Node) -> None:
        """A node has ended a turn."""

    def restarted(self, node: "CoordinatorNode") -> None:
        """The coordinator has taken over its shard again."""

    def truncated(self, node: "CoordinatorNode", below: int) -> None:
        """The log was allowed to drop entries before `below`."""

    def at_end(self) -> None:
        """Everything was mended and has come to rest."""


HOOKS = (
    "committed", "released", "started", "answered", "told", "turned", "restarted", "truncated", "at_end",
)  # fmt: skip
