"""How the coordinators of a cluster reach each other: a ROUTER that hears all, and a way to each other member.

Decides whom this node listens to. Every multipart begins with a MemberHello; what comes from another cluster, from an
earlier life of a member, or from somebody who is none is dropped, counted, and told to the log now and then. A member
without an entry in our list is answered where it has spoken from: whoever has been away may have to hear from a leader
that it does not know yet. What messages mean, actors/raft decides. Rule: docs/design.md, "Replication and election".
"""

import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import zmq

from ...broker.net.refusals import NOTE_EVERY_MS
from ...broker.wire.cluster_messages import CLUSTER_MEMBER_COLUMNS
from ...broker.wire.codec import FOR_MEMBERS, WireError, decode, encode
from ...broker.wire.member_messages import (
    MEMBER_FRAME_BYTES_MAX,
    Append,
    MemberHello,
    PreVote,
    SnapshotChunk,
    SnapshotOffer,
    TimeoutNow,
    Vote,
    rows_fault,
)
from ...broker.wire.messages import Message
from .member_link import MemberLink, set_up

log = logging.getLogger("mainspring.coordinator")

TAKE_BYTES = 8 * 1024 * 1024
"""What one turn takes in of other members, about: a turn is bounded in work."""

VALUES_MAX = 4_000_000
"""Most values in one frame between members."""

OF_LEADERS: frozenset[type[Message]] = frozenset((Append, SnapshotChunk, SnapshotOffer, TimeoutNow))
OF_STRANGERS: frozenset[type[Message]] = OF_LEADERS | {PreVote, Vote}
"""What is heard of somebody who is no member as far as this node knows: it may only be behind."""

_HELLOS_KEPT = 64
_NAME, _ENDPOINT = CLUSTER_MEMBER_COLUMNS.index("name"), CLUSTER_MEMBER_COLUMNS.index("member_endpoint")
_EVENTS, _POLLIN, _NOBLOCK = int(zmq.EVENTS), int(zmq.POLLIN), int(zmq.NOBLOCK)

_MENDS = {
    "cluster": "give each cluster endpoints of its own, or start that node with an empty data directory",
    "stale": "is the same data directory, or a copy of it, in use twice?",
    "unknown": "remove that node's [cluster] section, or add it with `mainspring cluster add`",
    "unreadable": "run the same version on all members",
}


class Members:
    """This node's end of the conversation among members.

    Attributes:
        cluster: this node's; empty until it has been taken in.
        counts: what was dropped, by kind: those of `_MENDS`, and `unsent`, which could not leave.
        fds: sleep on these, which are edge-triggered, when `readable` says no.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        name: str,
        cluster: str,
        incarnation: int,
        endpoint: str,
        adopted: Callable[[str], None] | None = None,
    ) -> None:
        """Listens.

        Args:
            context: that of the process.
            name: of this node.
            cluster: its id; empty if it waits to be taken into one.
            incarnation: of this life, greater than any before.
            endpoint: where this node listens for other members.
            adopted: told the id of the cluster that takes this node in, before anybody is answered.

        Raises:
            OSError: the endpoint cannot be bound; the text names it and the mend.
        """
        self.name = name
        self.cluster = cluster
        self.counts = dict.fromkeys((*_MENDS, "unsent"), 0)
        self._context = context
        self._incarnation = incarnation
        self._adopted = adopted
        self._hello = encode(MemberHello(cluster, name, incarnation))
        self._links: dict[str, MemberLink] = {}
        self._routes: dict[str, bytes] = {}
        """Where a name was last heard from, at the ROUTER."""
        self._lives: dict[str, int] = {}
        """The newest incarnation of each name."""
        self._known_hellos: dict[bytes, MemberHello] = {}
        self._noted: dict[str, int] = {}
        router = self._router = context.socket(zmq.ROUTER)
        set_up(router)
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        try:
            router.bind(endpoint)
        except zmq.ZMQError as error:
            router.close()
            why = zmq.strerror(error.errno or 0)
            raise OSError(
                f"cannot listen for members on {endpoint}: {why}; end who uses it, or correct `member_endpoint`"
            ) from error
        self._option = cast("Callable[[int], int]", router.getsockopt)
        self._fd: int = self._option(zmq.FD)
        self.fds: tuple[int, ...] = (self._fd,)

    def set_members(self, rows: Sequence[Sequence[Any]]) -> None:
        """Connects to those who are members now, and leaves those who are none any more.

        Args:
            rows: of CLUSTER_MEMBER_COLUMNS; this node's own is passed over.
        """
        wanted = {row[_NAME]: row[_ENDPOINT] for row in rows if row[_NAME] != self.name}
        for name, link in list(self._links.items()):
            if wanted.get(name) != link.endpoint:
                link.close()
                del self._links[name]
        for name, endpoint in wanted.items():
            if name not in self._links:
                self._links[name] = MemberLink(self._context, endpoint)
        self.fds = (self._fd, *(fd for link in self._links.values() for fd in link.fds))

    def adopt(self, cluster: str) -> None:
        """Belongs to this cluster from now on."""
        assert not self.cluster, "a node belongs to one cluster for ever"
        self.cluster = cluster
        self._hello = encode(MemberHello(cluster, self.name, self._incarnation))
        if self._adopted is not None:
            self._adopted(cluster)

    def connected(self) -> set[str]:
        """Returns the members to whom a connection stands."""
        return {name for name, link in self._links.items() if link.is_up}

    def send(self, name: str, frames: Sequence[bytes]) -> bool:
        """Sends messages to a member as one multipart; what cannot leave now is dropped, and False is returned."""
        link = self._links.get(name)
        multipart = (self._hello, *frames)
        if (link.send(multipart) if link is not None else self._answer(name, multipart)) is False:
            self.counts["unsent"] += 1
            return False
        return True

    def _answer(self, name: str, multipart: Sequence[bytes]) -> bool:
        """Sends to where a stranger has spoken from."""
        route = self._routes.get(name)
        if route is None:
            return False
        try:
            self._router.send_multipart((route, *multipart), _NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != errno.EHOSTUNREACH:
                raise
            del self._routes[name]
            return False
        return True

    def readable(self) -> bool:
        """Says whether `take` or `lost` may have news; ask it before sleeping on `fds`."""
        return bool(self._option(_EVENTS) & _POLLIN) or any(link.readable() for link in self._links.values())

    def lost(self) -> list[str]:
        """Returns the members whose connection has broken since the last call: their process may have died."""
        return [name for name, link in self._links.items() if link.broken()]

    def take(self, now_ns: int) -> Iterator[tuple[str, Message]]:
        """Yields (member, message) of what has come, about TAKE_BYTES at the most.

        Args:
            now_ns: about now, on the elapsed clock.
        """
        room = TAKE_BYTES
        receive = self._router.recv_multipart
        while room > 0 and self._option(_EVENTS) & _POLLIN:
            route, *frames = receive(_NOBLOCK)
            room -= sum(map(len, frames))
            yield from self._read(frames, route, now_ns)
        for link in list(self._links.values()):
            socket = link.socket
            while room > 0 and not socket.closed and cast("int", socket.getsockopt(_EVENTS)) & _POLLIN:
                frames = socket.recv_multipart(_NOBLOCK)
                room -= sum(map(len, frames))
                yield from self._read(frames, None, now_ns)

    def _read(self, frames: list[bytes], route: bytes | None, now_ns: int) -> Iterator[tuple[str, Message]]:
        """Yields the messages of one multipart, if its sender is heard."""
        try:
            hello = self._hello_of(frames[0]) if frames else None
            messages = [decode(frame, VALUES_MAX, MEMBER_FRAME_BYTES_MAX) for frame in frames[1:]]
        except WireError as error:
            self._drop("unreadable", str(error), now_ns)
            return
        if hello is None or any(type(message) not in FOR_MEMBERS for message in messages):
            self._drop("unreadable", "a multipart begins with a MemberHello, and others are not for members", now_ns)
            return
        for message in messages:
            if (fault := rows_fault(message)) is not None:
                self._drop("unreadable", f"{type(message).__name__}: {fault}", now_ns)
                return
        kinds = {type(message) for message in messages}
        if hello.cluster != self.cluster:
            if self.cluster or not hello.cluster or not kinds & OF_LEADERS:
                if hello.cluster and self.cluster:  # who has none yet waits to be taken in, and does nothing wrong
                    self._drop("cluster", f"{hello.name} is of cluster {hello.cluster}, not {self.cluster}", now_ns)
                return
            self.adopt(hello.cluster)
        life = self._lives.get(hello.name, 0)
        if hello.incarnation < life or hello.name == self.name:
            self._drop("stale", f"{hello.name} in its life {hello.incarnation}, not {life}", now_ns)
            return
        self._lives[hello.name] = hello.incarnation
        if hello.name not in self._links and not kinds <= OF_STRANGERS:
            self._drop("unknown", f"{hello.name} is no member", now_ns)
            return
        if route is not None:
            self._routes[hello.name] = route
        for message in messages:
            yield hello.name, message

    def _hello_of(self, frame: bytes) -> MemberHello | None:
        """Reads the frame that says who speaks; the same one comes again and again."""
        hello = self._known_hellos.get(frame)
        if hello is None:
            message = decode(frame)
            if not isinstance(message, MemberHello):
                return None
            if len(self._known_hellos) >= _HELLOS_KEPT:
                self._known_hellos.clear()
            hello = self._known_hellos[frame] = message
        return hello

    def _drop(self, kind: str, text: str, now_ns: int) -> None:
        """Counts a multipart that nobody hears; each kind is told seldom."""
        self.counts[kind] += 1
        if now_ns >= self._noted.get(kind, 0):
            self._noted[kind] = now_ns + NOTE_EVERY_MS * 1_000_000
            log.warning("what a node says is not heard: %s; %s total=%d", text, _MENDS[kind], self.counts[kind])

    def close(self) -> None:
        """Closes the sockets."""
        for link in self._links.values():
            link.close()
        self._links = {}
        self._router.close()
