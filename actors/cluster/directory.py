"""What a member tells of the cluster: who belongs to it, who leads which shard, and where to go instead.

Decides the words. Who leads, the engine knows; whom it is told, the process decides. Rule: docs/protocol.md, Clusters.
"""

from collections.abc import Callable, Iterable
from typing import Any

from ...broker.wire.cluster_messages import CLUSTER_MEMBER_COLUMNS
from ...broker.wire.errors import ERRORS
from ...broker.wire.fields import Row
from ...broker.wire.messages import ClusterMap, Message, Refused
from .engine import Engine

_NAME = CLUSTER_MEMBER_COLUMNS.index("name")
_CLIENT_ENDPOINT = CLUSTER_MEMBER_COLUMNS.index("client_endpoint")


class Directory:
    """Who is who, as far as this member knows.

    Args:
        node: its name.
        cluster: returns the cluster's id; empty until this node has been taken into one.
        shards: their numbers.
        engine: elects.
    """

    def __init__(self, node: str, cluster: Callable[[], str], shards: Iterable[int], engine: Engine) -> None:
        assert node, "a member has a name"
        self.node = node
        self._cluster = cluster
        self._shards = tuple(shards)
        self._engine = engine

    def rows(self) -> dict[str, Row]:
        """Returns whoever is a member of any shard's group: name -> row of CLUSTER_MEMBER_COLUMNS."""
        return {row[_NAME]: row for shard in self._shards for row in self._engine.members(shard + 1)}

    def map(self) -> ClusterMap:
        """Returns who is a member and who leads."""
        members: list[Row] = [[name, row[_CLIENT_ENDPOINT]] for name, row in self.rows().items()]
        leaders: list[Row] = [[shard, *self._engine.leader(shard + 1)] for shard in self._shards]
        return ClusterMap(self.node, self._cluster(), len(self._shards), members, leaders)

    def where(self, shard: int) -> str:
        """Says in words where a shard is led that is not served here."""
        _, name = self._engine.leader(shard + 1)
        if name == self.node:
            return f"shard {shard} is being taken over here"
        return f"shard {shard} is led by {name}" if name else f"shard {shard} has no leader at the moment"


def not_here(message: Message, shard: int, where: str) -> Refused:
    """Returns the answer to what is meant for a shard that is not served here.

    Args:
        message: what has come.
        shard: the number in it, whatever that is.
        where: to go instead, in words.
    """
    said: Any = message
    request = getattr(said, "request", getattr(said, "sequence", 0))
    text = f"{where}; {ERRORS['not_here'].mend}"
    return Refused(shard & 0xFFF, getattr(said, "session", 0), request, "not_here", text)
