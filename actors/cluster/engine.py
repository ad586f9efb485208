"""What a process needs of a log with other members, besides the log itself.

Decides the seam alone; actors/raft/engine.py stands behind it.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from ...broker.wire.messages import Message
from ..log import ReplicatedLog
from ..machine import Now
from ..raft.news import News


class Engine(ReplicatedLog, Protocol):
    """A log that elects who leads each of its groups."""

    def received(self, sender: str, message: Message, now: Now) -> str | None:
        """Hears what a member has said; returns what is wrong with it if no sound member would say it."""
        ...

    def disconnected(self, name: str, now: Now) -> None:
        """Hears that the connection to a member has broken."""
        ...

    def wake(self, now: Now) -> None:
        """Does what time brings."""
        ...

    def wake_at(self) -> int | None:
        """Returns when it wants `wake`."""
        ...

    def news(self) -> Sequence[News]:
        """Returns, once, what has changed."""
        ...

    def leader(self, group: int) -> tuple[int, str | None]:
        """Returns the epoch, and who leads in it as far as this node knows."""
        ...

    def leads(self, group: int) -> bool:
        """Says whether this node leads."""
        ...

    def members(self, group: int) -> list[list[Any]]:
        """Returns rows of CLUSTER_MEMBER_COLUMNS."""
        ...

    def change_members(self, group: int, rows: list[list[Any]]) -> int:
        """Changes them."""
        ...

    def transfer(self, group: int, to: str | None) -> bool:
        """Begins to hand a group over."""
        ...

    def view(self, group: int, now: Now) -> dict[str, Any]:
        """Returns what is told of a group."""
        ...
