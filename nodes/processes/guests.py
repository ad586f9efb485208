"""Who has said hello here: the clients and executors that want to hear where shards are led.

Decides how many are remembered, and who hears that one of them is gone. Must not know what they are told.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from ...actors.effects import Peer
from ...actors.events import PeerGone
from ...actors.turn import Member
from ...broker.wire.codec import encode
from ...broker.wire.messages import Message

GUESTS_MAX = 20_000
"""Peers that are remembered: twice as many as there may be connections, for who has left is noticed at the next news.
"""


class _Way(Protocol):
    """The way out; a Router is one."""

    def send(self, peer: bytes, frames: list[bytes]) -> bool:
        """Sends frames to a peer; False if it is gone."""
        ...


class Guests:
    """The peers that have greeted this process.

    Args:
        way: the socket that they are connected to.
        members: the shards, which hear of those that are gone.
    """

    def __init__(self, way: _Way, members: Sequence[Member[Any]]) -> None:
        self._way = way
        self.members = members
        self._peers: dict[Peer, None] = {}

    def __len__(self) -> int:
        return len(self._peers)

    def came(self, peer: Peer) -> None:
        """Remembers a peer that says hello; of too many, the one that said so the longest ago is forgotten."""
        self._peers.pop(peer, None)
        self._peers[peer] = None
        if len(self._peers) > GUESTS_MAX:
            del self._peers[next(iter(self._peers))]

    def left(self, peer: Peer) -> None:
        """Forgets a peer that has taken its leave."""
        self._peers.pop(peer, None)

    def gone(self, peer: Peer) -> None:
        """Forgets a peer that cannot be reached, and tells the machines."""
        self._peers.pop(peer, None)
        for member in self.members:
            if member.machine is not None:
                member.inbox.append(PeerGone(peer))

    def tell(self, messages: Sequence[Message], peers: Iterable[Peer] | None = None) -> None:
        """Sends the same messages to all guests, or to these peers, at once."""
        frames = [encode(message) for message in messages]
        for peer in list(self._peers if peers is None else peers):
            if not self._way.send(peer, list(frames)):
                self.gone(peer)
