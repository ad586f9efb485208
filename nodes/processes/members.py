"""How the coordinators of a cluster reach each other: a ROUTER that hears all, and a way to each other member.

Decides whom this node listens to. Every multipart begins with a MemberHello; what comes from another cluster, from an
earlier life of a member, or from somebody who is none is dropped, counted, and told to the log now and then. A member
without an entry in our list is answered where it has spoken from: whoever has been away may have to hear from a leader
that it does not know yet. What messages mean, actors/raft decides. Rule: docs/design.md, "Replication and election".
"""

import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

import zmq

from ...broker.net.address import listening_fault, speak
from ...broker.net.clock import read_clocks
from ...broker.net.refusals import NOTE_EVERY_MS
from ...broker.wire.cluster_messages import CLUSTER_MEMBER_COLUMNS
from ...broker.wire.codec import FOR_MEMBERS, WireError, decode, encode
from ...broker.wire.limits import NAME_CHARS_MAX
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
from ...broker.wire.messages import Message, Refused
from .member_link import MemberLink, set_up

log = logging.getLogger("mainspring.coordinator")

TAKE_BYTES = 8 * 1024 * 1024
"""What one turn takes in of other members, about: a turn is bounded in work."""

VALUES_MAX = 4_000_000
"""Most values in one frame between members."""

OF_LEADERS: frozenset[type[Message]] = frozenset((Append, SnapshotChunk, SnapshotOffer, TimeoutNow))
OF_STRANGERS: frozenset[type[Message]] = OF_LEADERS | {PreVote, Vote}
"""What is heard of somebody who is no member as far as this node knows: it may only be behind."""

STRANGERS_MAX = 64
"""So many names that are no members are remembered: whoever takes this node in, and newer members."""

LIFE_AHEAD_MS_MAX = 3_600_000
"""Lives are numbered by the clock. One that would begin in more than an hour is not believed: kept, it would shut out
every sound life of that name. Sound clocks are nearer to each other, and one that is not costs no more than that its
old lives are not told from its new one.
"""

_HELLOS_KEPT = 64
_HELLO_BYTES_MAX = 2048
_NAME, _ENDPOINT, _CLIENT_ENDPOINT = map(CLUSTER_MEMBER_COLUMNS.index, ("name", "member_endpoint", "client_endpoint"))
_EVENTS, _POLLIN, _NOBLOCK = int(zmq.EVENTS), int(zmq.POLLIN), int(zmq.NOBLOCK)

_MENDS = {
    "cluster": "if they are to be one, make `shards` and the members the same in all files, and start whichever has no"
    " jobs yet with an empty data directory; else give each cluster endpoints of its own",
    "impossible": "run the same version on all members; if they do, that one is broken, or somebody else speaks",
    "outlived": "was its disk lost while its clock was ahead? then wait until its clock is beyond that, or start the"
    " others again, one after the other; else a copy of its data directory is in use",
    "stale": "is the same data directory, or a copy of it, in use twice?",
    "unknown": "remove that node's [cluster] section, or add it with `mainspring cluster add`",
    "guest": "correct MAINSPRING_URL, or the executor's `coordinators`",
    "unreadable": "run the same version on all members",
}


class Members:
    """This node's end of the conversation among members.

    Attributes:
        cluster: this node's; empty until it has been taken in.
        counts: what was dropped, by kind: those of `_MENDS`, and `unsent`, which could not leave. `future`: heard from
            a life whose number is not believed.
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
        self.counts = dict.fromkeys((*_MENDS, "future", "unsent"), 0)
        self._context = context
        self._incarnation = incarnation
        self._adopted = adopted
        self._hello = encode(MemberHello(cluster, name, incarnation))
        self._links: dict[str, MemberLink] = {}
        self._routes: dict[str, bytes] = {}
        """Where a name was last heard from, at the ROUTER."""
        self._lives: dict[str, int] = {}
        """The newest incarnation of each name."""
        self._client_endpoint = "another endpoint of this node"
        self._known_hellos: dict[bytes, MemberHello] = {}
        self._noted: dict[str, int] = {}
        router = self._router = context.socket(zmq.ROUTER)
        set_up(router)
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        try:
            speak(router, endpoint)
            router.bind(endpoint)
        except zmq.ZMQError as error:
            router.close()
            fault = listening_fault(endpoint, error.errno or 0, "`member_endpoint`")
            raise OSError(f"cannot listen for members on {fault}") from error
        self._option = cast("Callable[[int], int]", router.getsockopt)
        self._fd: int = self._option(zmq.FD)
        self.fds: tuple[int, ...] = (self._fd,)

    def set_members(self, rows: Sequence[Sequence[Any]]) -> None:
        """Connects to those who are members now, and leaves those who are none any more.

        Args:
            rows: of CLUSTER_MEMBER_COLUMNS; this node's own is passed over.
        """
        wanted = {row[_NAME]: row[_ENDPOINT] for row in rows if row[_NAME] != self.name}
        for row in rows:
            if row[_NAME] == self.name and row[_CLIENT_ENDPOINT]:
                self._client_endpoint = row[_CLIENT_ENDPOINT]
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
        if hello is None and route is not None and type(decode(frames[0])) not in FOR_MEMBERS:
            self._turn_away(route, now_ns)
            return
        if hello is None or any(type(message) not in FOR_MEMBERS for message in messages):
            self._drop("unreadable", "a multipart begins with a MemberHello, and others are not for members", now_ns)
            return
        for message in messages:
            if (fault := rows_fault(message)) is not None:
                self._drop("unreadable", f"{type(message).__name__}: {fault}", now_ns)
                return
        kinds = {type(message) for message in messages}
        if hello.name == self.name and not messages and hello.incarnation > self._incarnation:
            text = f"the others know {self.name} in its life {hello.incarnation}, and this one is {self._incarnation}"
            self._drop("outlived", text, now_ns)
            return
        if hello.cluster != self.cluster:
            if self.cluster or not hello.cluster or not kinds & OF_LEADERS:
                if hello.cluster and self.cluster:  # who has none yet waits to be taken in, and does nothing wrong
                    self._drop("cluster", f"{hello.name} is of cluster {hello.cluster}, not {self.cluster}", now_ns)
                return
            self.adopt(hello.cluster)
        life = self._lives.get(hello.name, 0)
        if hello.incarnation < life or hello.name == self.name:
            if self._drop("stale", f"{hello.name} in its life {hello.incarnation}, not {life}", now_ns):
                self._reply(hello.name, route, encode(MemberHello(self.cluster, hello.name, life)))
            return
        if hello.name not in self._links:
            if not kinds <= OF_STRANGERS:
                self._drop("unknown", f"{hello.name} is no member", now_ns)
                return
            self._suspect(hello.name, kinds, now_ns)
        self._remember(hello, route, now_ns)
        for message in messages:
            yield hello.name, message

    def _hello_of(self, frame: bytes) -> MemberHello | None:
        """Reads the frame that says who speaks; the same one comes again and again."""
        hello = self._known_hellos.get(frame)
        if hello is None:
            message = decode(frame)
            if not isinstance(message, MemberHello):
                return None
            if len(frame) > _HELLO_BYTES_MAX or not 1 <= len(message.name) <= NAME_CHARS_MAX:
                return None
            if len(self._known_hellos) >= _HELLOS_KEPT:
                self._known_hellos.clear()
            hello = self._known_hellos[frame] = message
        return hello

    def _remember(self, hello: MemberHello, route: bytes | None, now_ns: int) -> None:
        """Keeps the newest life of whoever is heard, and where it has spoken from."""
        name, lives = hello.name, self._lives
        if name not in lives and name not in self._links:
            strangers = [known for known in lives if known not in self._links]
            for known in strangers[: max(0, len(strangers) - STRANGERS_MAX + 1)]:
                del lives[known]
                self._routes.pop(known, None)
        if hello.incarnation > lives.setdefault(name, 0):
            if hello.incarnation <= read_clocks().wall_ms + LIFE_AHEAD_MS_MAX:
                lives[name] = hello.incarnation
            else:
                self._doubt(hello, now_ns)
        if route is not None:
            self._routes[name] = route

    def _doubt(self, hello: MemberHello, now_ns: int) -> None:
        """Counts what is heard from a life that has not begun yet by this node's clock; that is told seldom."""
        self.counts["future"] += 1
        if now_ns >= self._noted.get("future", 0):
            self._noted["future"] = now_ns + NOTE_EVERY_MS * 1_000_000
            log.warning("%s is heard, but its life %d is not believed: it begins more than an hour after this node's"
                        " time; set both clocks, and delete the file `incarnation` of that node before it starts again"
                        " total=%d", hello.name, hello.incarnation, self.counts["future"])  # fmt: skip

    def _reply(self, name: str, route: bytes | None, frame: bytes) -> None:
        """Says one frame to where a multipart has come from; nobody waits for it."""
        if route is None:
            self._links[name].send((frame,))
            return
        with suppress(zmq.ZMQError):  # it is gone, or reads nothing
            self._router.send_multipart((route, frame), _NOBLOCK)

    def refuse(self, name: str, fault: str, now_ns: int) -> None:
        """Counts a message that the log's engine has not heard, since no sound member would send it."""
        self._drop("impossible", f"{name}: {fault}", now_ns)

    def _drop(self, kind: str, text: str, now_ns: int) -> bool:
        """Counts a multipart that nobody hears; each kind is told seldom: True if it was now."""
        self.counts[kind] += 1
        is_due = now_ns >= self._noted.get(kind, 0)
        if is_due:
            self._noted[kind] = now_ns + NOTE_EVERY_MS * 1_000_000
            log.warning("what a node says is not heard: %s; %s total=%d", text, _MENDS[kind], self.counts[kind])
        return is_due

    def _turn_away(self, route: bytes, now_ns: int) -> None:
        """Tells who is no member where to go: a client or an executor whose URL names this endpoint by mistake."""
        text = f"members speak with each other here; clients and executors connect to {self._client_endpoint}"
        with suppress(zmq.ZMQError):  # it is gone, or reads nothing
            self._router.send_multipart((route, encode(Refused(0, 0, 0, "malformed", text))), _NOBLOCK)
        self._drop("guest", text, now_ns)

    def _suspect(self, name: str, kinds: set[type[Message]], now_ns: int) -> None:
        """Tells, seldom, of who would lead and is no member here: it is heard, for it may be this node that is behind.

        Most often it was removed while it was down, and does not know.
        """
        if not kinds & OF_LEADERS and now_ns >= self._noted.get("stands", 0):
            self._noted["stands"] = now_ns + NOTE_EVERY_MS * 1_000_000
            mend = "if it was removed, stop its node and delete its data directory"
            log.warning("%s wants votes and is no member; %s", name, mend)

    def close(self) -> None:
        """Closes the sockets."""
        for link in self._links.values():
            link.close()
        self._links = {}
        self._router.close()
