"""An executor's connections: to the coordinators that it was told of, and to members that the machine hears of.

Decides that what is said while nobody is connected is dropped: the machine says it again, and a node that comes back
must not hear what was true an hour ago. Must not know what is said.
"""

import logging
import select

import zmq

from ...actors.effects import Peer, Send
from ...actors.events import PeerGone, Received
from ...actors.executor.events import Connected
from ...actors.executor.machine import Event
from ...broker.net.dealer import Dealer
from ...broker.wire.codec import WireError, decode, encode

log = logging.getLogger("mainspring.executor")

FRAMES_A_TURN = 1_000
LINGER_MS = 500
"""How long the last results and the goodbye may take to leave."""


class Coordinators:
    """A DEALER for each coordinator.

    Args:
        context: whose sockets to use.
        poll: where their descriptors are registered.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], poll: select.epoll) -> None:
        self._context = context
        self._poll = poll
        self._dealers: dict[Peer, Dealer] = {}
        self._monitors: dict[int, Dealer] = {}
        self._standing: set[Peer] = set()
        self._news: list[Event] = []

    def open(self, peer: Peer) -> None:
        """Begins to connect; nobody is there before it is told.

        Raises:
            ValueError: the peer is no endpoint.
        """
        dealer = self._dealers[peer] = Dealer(self._context, peer.decode(), keeps=False)
        self._monitors[dealer.fds[1]] = dealer
        for fd in dealer.fds:
            self._poll.register(fd, select.EPOLLIN)
        self._news.append(PeerGone(peer))
        self._turn(dealer)  # it may be connected already, and its descriptor silent

    def learn(self, peer: Peer) -> None:
        """Begins to connect to a member; one that is no endpoint is left out, for the others are there."""
        try:
            self.open(peer)
        except (OSError, ValueError) as error:
            log.error("cannot connect to a member endpoint=%s error=%s", peer.decode(errors="replace"), error)

    def leave(self, peer: Peer) -> None:
        """Ends the connection to a node that is no member any more."""
        dealer = self._dealers.pop(peer, None)
        if dealer is not None:
            del self._monitors[dealer.fds[1]]
            self._standing.discard(peer)
            for fd in dealer.fds:
                self._poll.unregister(fd)
            dealer.close()

    def hear(self, ready: set[int], events: list[Event]) -> None:
        """Takes what they have sent, and what has become of the connections whose descriptors are ready."""
        for fd in ready & self._monitors.keys():
            self._turn(self._monitors[fd])
        if self._news:
            events += self._news
            self._news.clear()
        for peer, dealer in self._dealers.items():
            for frame in dealer.receive(FRAMES_A_TURN):
                try:
                    events.append(Received(peer, decode(frame)))
                except WireError as error:
                    log.warning("frame from coordinator refused code=%s text=%s", error.code, error)

    def _turn(self, dealer: Dealer) -> None:
        for stands in dealer.news():
            if stands:
                self._standing.add(dealer.name)
                self._news.append(Connected(dealer.name))
            elif dealer.name in self._standing:
                self._standing.remove(dealer.name)
                self._news.append(PeerGone(dealer.name))

    def send(self, sends: list[Send]) -> None:
        """Sends messages, those to one peer together."""
        by_peer: dict[Peer, list[bytes]] = {}
        for send in sends:
            by_peer.setdefault(send.peer, []).append(encode(send.message))
        for peer, frames in by_peer.items():
            dealer = self._dealers.get(peer)
            if dealer is not None and not dealer.send(frames) and peer in self._standing:
                log.warning("coordinator does not take frames; they will be repeated peer=%s", peer.decode())

    @property
    def has_input(self) -> bool:
        """Whether something has come that no descriptor tells of any more."""
        return bool(self._news) or any(dealer.has_input for dealer in self._dealers.values())

    def close(self) -> None:
        """Ends all connections; what was said last has a moment to leave."""
        for dealer in self._dealers.values():
            dealer.close(is_goodbye=True, linger_ms=LINGER_MS)
        self._dealers = {}
