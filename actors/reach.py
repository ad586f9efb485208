"""Which coordinators a client or an executor keeps a connection to: those it was given, and those that maps name.

Decides what is connected to and what is let go. A member is taken on the word of whoever was given, or of a member that
those vouch for, so that two that were removed do not keep each other; what was given is never let go. A node that was
reached under one endpoint is not connected to under another. Must not know who leads. Rule: docs/protocol.md,
ClusterMap.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ..broker.wire.cluster_messages import ClusterMap
from ..broker.wire.ids import SHARD_MAX
from ..broker.wire.limits import NAME_CHARS_MAX
from .effects import Peer

MEMBERS_MAX = 32
"""Members of a cluster that a peer connects to at the most; more than any cluster has."""


class Moves(NamedTuple):
    """What is to be connected to from now on, and what no more."""

    opened: list[Peer]
    closed: list[Peer]


class Reach:
    """The peers, by endpoint: what was given, and what maps have taught."""

    def __init__(self, given: Iterable[Peer]) -> None:
        self.given = tuple(given)
        self.taught: dict[Peer, str] = {}
        self.names: dict[Peer, str] = {}  # of the nodes behind the endpoints, as they call themselves
        self._told: dict[Peer, dict[Peer, str]] = {}  # the members that each has named last

    def learn(self, peer: Peer, message: ClusterMap, *, is_settled: bool) -> Moves:
        """Takes the word of one node on who is a member.

        Args:
            peer: who speaks.
            message: its map.
            is_settled: whether everybody who was given has answered, or will not soon. Before that nobody else is
                connected to, for it may be the same node by another way.
        """
        self.names[peer] = message.node
        self._told[peer] = {row[1].encode(): row[0] for row in message.members[:MEMBERS_MAX] if row[1]}
        wanted = self._vouched_for()
        if not is_settled:
            wanted = {endpoint: name for endpoint, name in wanted.items() if endpoint in self.taught}
        opened = [endpoint for endpoint in wanted if endpoint not in self.taught]
        closed = [endpoint for endpoint in self.taught if endpoint not in wanted]
        for endpoint in closed:
            self._told.pop(endpoint, None)
            self.names.pop(endpoint, None)
        self.taught = wanted
        assert not wanted.keys() & set(self.given), "what was given is not taught"
        return Moves(opened, closed)

    def unnamed(self, message: ClusterMap) -> list[Peer]:
        """Returns those who were given and may be anybody: none has said a name, and this map does not list them."""
        listed = {row[1].encode() for row in message.members}
        return [peer for peer in self.given if peer not in self.names and peer not in listed]

    def _vouched_for(self) -> dict[Peer, str]:
        known = {self.names[peer] for peer in self.given if peer in self.names}
        wanted: dict[Peer, str] = {}
        sources = list(self.given)
        for source in sources:  # it grows on the way
            for endpoint, name in self._told.get(source, {}).items():
                if endpoint in self.given or endpoint in wanted or name in known or len(wanted) >= MEMBERS_MAX:
                    continue
                wanted[endpoint] = name
                sources.append(endpoint)
        return wanted

    def check(self) -> None:
        """Asserts that nothing is remembered of whom nobody is connected to."""
        assert self._told.keys() == self.names.keys(), "a node has a name and has named nobody"
        assert self.names.keys() <= self.taught.keys() | set(self.given)
        assert len(self.taught) <= MEMBERS_MAX


def map_fault(message: ClusterMap, cluster: str | None, shards: int) -> str | None:
    """Returns why a map is not to be used, or None.

    Args:
        message: the map; one without a cluster is of a node that has not been taken in yet.
        cluster: the cluster that it must be of, None for any.
        shards: how many shards that one has, 0 for any number; the number never changes.
    """
    if cluster is not None and message.cluster != cluster:
        return f"the node {message.node[:NAME_CHARS_MAX]!r} is of cluster {message.cluster!r}, not of {cluster!r}"
    if not 1 <= message.shards <= SHARD_MAX + 1 or shards not in (0, message.shards):
        return f"the node {message.node[:NAME_CHARS_MAX]!r} knows {message.shards} shards, the cluster has {shards}"
    if not (0 < len(message.node) <= NAME_CHARS_MAX):
        return f"a node's name has {len(message.node)} characters; it takes 1 to {NAME_CHARS_MAX}"
    if not all(list(map(type, row)) == [str, str] for row in message.members):
        return "a row of members is not [name, endpoint]"
    for row in message.leaders:
        if list(map(type, row)) not in ([int, int, str], [int, int, type(None)]) or not 0 <= row[0] < message.shards:
            return "a row of leaders is not [shard, epoch, name]"
    return None
