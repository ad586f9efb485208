"""The coordinator's end of the wire: one ROUTER socket, never blocking, never dropping in silence.

Decides how much is taken in at once, and what happens to a frame that cannot leave: it waits in an outbox bounded in
bytes, and a peer whose outbox overflows or that is unreachable is reported as gone. Knows nothing of messages. A ROUTER
drops silently at its high-water mark unless told otherwise: hence ROUTER_MANDATORY and non-blocking sends. It takes a
multipart from each peer in turns, so all that a peer can do to the others is to send long ones.
"""

import errno
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import cast

import zmq

from ..wire.limits import MULTIPART_FRAMES_MAX
from .listening import Listening

SEND_HIGH_WATER_MULTIPARTS = 64
"""Multiparts to one peer that the socket holds itself; what comes after them waits in the peer's outbox.

The socket counts multiparts and not bytes, so few are left to it.
"""

MULTIPART_BYTES_MAX = 256 * 1024
"""A multipart is closed at this size, unless a single frame is larger: so the socket's own share stays small."""

OUTBOX_BYTES_MAX = 32 * 1024 * 1024
"""What may wait for one peer that does not read; with more, it counts as gone."""

OUTBOXES_BYTES_MAX = 256 * 1024 * 1024
"""What may wait for all peers together; with more, the one with the largest outbox counts as gone."""

OUTBOX_FRAME_COST_BYTES = 128
"""What a waiting frame is counted for besides its own bytes, so that many small ones are bounded, too."""

FLUSH_PEERS_MAX = 64
"""Outboxes that one flush tries, in turns: peers that do not read must not hold up a turn of the coordinator."""

RECEIVE_HIGH_WATER_MULTIPARTS = 16
"""Multiparts of one peer that the socket takes in ahead; then the peer's own socket holds them."""

RECEIVE_BYTES = 2 * 1024 * 1024
"""What one `receive` takes in, about, however many frames that is: a turn of the coordinator is bounded in work."""

RECEIVE_SHARE_BYTES = 512 * 1024
"""What of it may come from one peer, each frame counted for RECEIVE_FRAME_COST_BYTES besides: when one has used that
up, the call ends. ROUTER reads the peers in turns, so the others have had theirs.
"""

RECEIVE_FRAME_COST_BYTES = 2 * 1024
"""What a small frame is counted for in its peer's share: 256 of them are a share."""

_SURPLUS_A_RECEIVE = 20_000
_FRAME_BYTES_SLACK = 1024

assert MULTIPART_BYTES_MAX < OUTBOX_BYTES_MAX < OUTBOXES_BYTES_MAX

# Plain ints: an enum's operators cost ten times as much, on every frame.
_EVENTS, _RCVMORE, _POLLIN, _NOBLOCK = int(zmq.EVENTS), int(zmq.RCVMORE), int(zmq.POLLIN), int(zmq.NOBLOCK)


def has_input(socket: zmq.Socket[bytes]) -> bool:
    """Says whether a frame can be received now; ask it before sleeping on the socket's edge-triggered descriptor.

    To ask first is also cheaper than to receive until `zmq.Again` is raised.
    """
    return cast("int", socket.getsockopt(_EVENTS)) & _POLLIN != 0


class _Outbox:
    """What waits for one peer."""

    __slots__ = ("bytes", "multiparts")

    def __init__(self) -> None:
        self.multiparts: deque[tuple[list[bytes], int]] = deque()
        self.bytes = 0


class Router:
    """A bound ROUTER; peers are the routing ids that it gives itself.

    Attributes:
        waiting_bytes: what all outboxes hold, frames and their cost.
        surplus_frames: how many were dropped, for their multipart had more than it may.
        listening: its endpoints and connections.
        fds: sleep on these, which are edge-triggered, when `readable` says no.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoints: Sequence[str],
        frame_bytes_max: int,
        connections_max: int | None = None,
    ) -> None:
        """Binds.

        Raises:
            OSError: an endpoint cannot be bound; the text names it and the mend.
        """
        socket = self._socket = context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 1_000)  # what was released is promised: give it a moment at the end
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt(zmq.SNDHWM, SEND_HIGH_WATER_MULTIPARTS)
        socket.setsockopt(zmq.RCVHWM, RECEIVE_HIGH_WATER_MULTIPARTS)
        socket.setsockopt(zmq.MAXMSGSIZE, frame_bytes_max + _FRAME_BYTES_SLACK)
        self._outboxes: dict[bytes, _Outbox] = {}
        self._overflowed: list[bytes] = []  # gone, and not reported yet
        self._sender: bytes | None = None  # of the multipart that was read in part
        self._parts = 0  # of it that were read
        self.surplus_frames = 0
        self.waiting_bytes = 0
        try:
            self.listening = Listening(context, socket, endpoints, connections_max)
        except OSError:
            socket.close()
            raise
        self.fd: int = socket.FD
        self.fds = (self.fd, self.listening.fd)

    def readable(self) -> bool:
        """Says whether a frame can be received now; must be asked before sleeping on `fd`, which is edge-triggered."""
        return has_input(self._socket)

    def receive(self, limit: int) -> list[tuple[bytes, bytes]]:
        """Returns the (peer, frame) pairs that have arrived, as far as a turn may take them in.

        At most `limit`, not much above RECEIVE_BYTES, nor above RECEIVE_SHARE_BYTES of one peer.
        """
        found: list[tuple[bytes, bytes]] = []
        receive, option = self._socket.recv, cast("Callable[[int], int]", self._socket.getsockopt)
        room, surplus_until = RECEIVE_BYTES, self.surplus_frames + _SURPLUS_A_RECEIVE
        left: dict[bytes, int] = {}
        while room > 0 and len(found) < limit and option(_EVENTS) & _POLLIN:
            if self._sender is None:
                self._sender, self._parts = receive(_NOBLOCK), 0
            share = left.get(self._sender, RECEIVE_SHARE_BYTES)
            while more := option(_RCVMORE):
                if room <= 0 or share <= 0 or len(found) >= limit:
                    return found
                frame = receive(_NOBLOCK)
                self._parts += 1
                if self._parts > MULTIPART_FRAMES_MAX:
                    self.surplus_frames += 1
                    if self.surplus_frames >= surplus_until:
                        return found
                    continue
                found.append((self._sender, frame))
                room -= len(frame)
                share -= len(frame) + RECEIVE_FRAME_COST_BYTES
            if not more:
                left[self._sender] = share
                self._sender = None
                if share <= 0:
                    return found
        return found

    def send(self, peer: bytes, frames: list[bytes]) -> bool:
        """Sends frames in order, now or from the outbox; returns False if the peer is gone, and its outbox with it."""
        if len(frames) > 1 and sum(map(len, frames)) > MULTIPART_BYTES_MAX:
            return all(self._send_one(peer, multipart) for multipart in _split(frames))
        return self._send_one(peer, frames)

    def _send_one(self, peer: bytes, frames: list[bytes]) -> bool:
        if peer in self._outboxes:
            return self._queue(peer, frames)
        try:
            self._socket.send_multipart([peer, *frames], _NOBLOCK)
        except zmq.Again:
            return self._queue(peer, frames)
        except zmq.ZMQError as error:
            if error.errno == errno.EHOSTUNREACH:
                return False
            raise
        return True

    def _queue(self, peer: bytes, frames: list[bytes]) -> bool:
        """Lets frames wait; whoever then holds too much is dropped, and reported here or by the next flush."""
        size = sum(map(len, frames)) + OUTBOX_FRAME_COST_BYTES * len(frames)
        outbox = self._outboxes.setdefault(peer, _Outbox())
        outbox.multiparts.append((frames, size))
        outbox.bytes += size
        self.waiting_bytes += size
        if outbox.bytes > OUTBOX_BYTES_MAX:
            self._drop(peer)
            return False
        if self.waiting_bytes > OUTBOXES_BYTES_MAX:
            # Not whoever happens to come last: it may be one that reads, and is only a moment late.
            largest = max(self._outboxes, key=lambda each: self._outboxes[each].bytes)
            self._drop(largest)
            if largest == peer:
                return False
            self._overflowed.append(largest)
        return True

    def _drop(self, peer: bytes) -> None:
        self.waiting_bytes -= self._outboxes.pop(peer).bytes
        assert self.waiting_bytes >= 0, "more has left the outboxes than was in them"
        assert self._outboxes or not self.waiting_bytes, "bytes are counted that no outbox holds"

    def flush(self) -> list[bytes]:
        """Sends what the outboxes hold, as far as it goes; returns the peers that are gone, each once."""
        gone, self._overflowed = list(dict.fromkeys(self._overflowed)), []
        for peer in list(islice(self._outboxes, FLUSH_PEERS_MAX)):
            try:
                self._empty(peer)
                self._drop(peer)
            except zmq.Again:
                self._outboxes[peer] = self._outboxes.pop(peer)  # the others first, next time
            except zmq.ZMQError as error:
                if error.errno != errno.EHOSTUNREACH:
                    raise
                self._drop(peer)
                gone.append(peer)
        return gone

    def _empty(self, peer: bytes) -> None:
        outbox = self._outboxes[peer]
        while outbox.multiparts:
            frames, size = outbox.multiparts[0]
            self._socket.send_multipart([peer, *frames], _NOBLOCK)
            outbox.multiparts.popleft()
            outbox.bytes -= size
            self.waiting_bytes -= size
        assert outbox.bytes == 0, "an empty outbox holds bytes"

    @property
    def waiting(self) -> int:
        """How many peers have frames waiting in an outbox, or are gone and not reported: `flush` soon if any."""
        return len(self._outboxes) + len(self._overflowed)

    def close(self) -> None:
        """Closes the socket; what is in its queues leaves within a second."""
        self.listening.close()
        self._socket.close()


def _split(frames: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yields frames in multiparts of about MULTIPART_BYTES_MAX."""
    part: list[bytes] = []
    size = 0
    for frame in frames:
        if part and size + len(frame) > MULTIPART_BYTES_MAX:
            yield part
            part, size = [], 0
        part.append(frame)
        size += len(frame)
    if part:
        yield part
