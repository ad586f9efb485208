"""The coordinator's end of the wire: one ROUTER socket, never blocking, never dropping in silence.

Decides what happens to a frame that cannot leave: it waits in an outbox bounded in bytes, and a peer whose outbox
overflows or that is unreachable is reported as gone. Knows nothing of messages. A ROUTER drops silently at its
high-water mark unless told otherwise: hence ROUTER_MANDATORY and non-blocking sends.
"""

import errno
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import cast

import zmq

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

_RECEIVE_HIGH_WATER = 10_000
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
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoints: Sequence[str], frame_bytes_max: int) -> None:
        """Binds.

        Raises:
            OSError: an endpoint cannot be bound; the text names it and the mend.
        """
        socket = self._socket = context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 1_000)  # what was released is promised: give it a moment at the end
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt(zmq.SNDHWM, SEND_HIGH_WATER_MULTIPARTS)
        socket.setsockopt(zmq.RCVHWM, _RECEIVE_HIGH_WATER)
        socket.setsockopt(zmq.MAXMSGSIZE, frame_bytes_max + _FRAME_BYTES_SLACK)
        socket.setsockopt(zmq.HEARTBEAT_IVL, 5_000)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 15_000)
        self._outboxes: dict[bytes, _Outbox] = {}
        self._overflowed: list[bytes] = []  # gone, and not reported yet
        self.waiting_bytes = 0
        for endpoint in endpoints:
            try:
                socket.bind(endpoint)
            except zmq.ZMQError as error:
                socket.close()
                raise OSError(
                    f"cannot listen on {endpoint}: {error}; is another node using it, or may this user not?"
                ) from error
        self.fd: int = socket.FD

    def readable(self) -> bool:
        """Says whether a frame can be received now; must be asked before sleeping on `fd`, which is edge-triggered."""
        return has_input(self._socket)

    def receive(self, limit: int) -> list[tuple[bytes, bytes]]:
        """Returns the (peer, frame) pairs that have arrived, at most about `limit`."""
        found: list[tuple[bytes, bytes]] = []
        receive, option = self._socket.recv, cast("Callable[[int], int]", self._socket.getsockopt)
        while len(found) < limit and option(_EVENTS) & _POLLIN:
            peer = receive(_NOBLOCK)
            while option(_RCVMORE):
                found.append((peer, receive(_NOBLOCK)))
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
