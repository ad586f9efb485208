"""The coordinator's end of the wire: one ROUTER socket, never blocking, never dropping in silence.

Decides what happens to a frame that cannot leave: it waits in a bounded outbox, and a peer whose outbox overflows or
that is unreachable is reported as gone. Knows nothing of messages. A ROUTER drops silently at its high-water mark
unless told otherwise: hence ROUTER_MANDATORY and non-blocking sends.
"""

import errno
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import zmq

_HIGH_WATER = 10_000
_OUTBOX_FRAMES_MAX = 20_000
_FRAME_BYTES_SLACK = 1024


# Plain ints: an enum's operators cost ten times as much, on every frame.
_EVENTS, _RCVMORE, _POLLIN, _NOBLOCK = int(zmq.EVENTS), int(zmq.RCVMORE), int(zmq.POLLIN), int(zmq.NOBLOCK)


def has_input(socket: zmq.Socket[bytes]) -> bool:
    """Says whether a frame can be received now; ask it before sleeping on the socket's edge-triggered descriptor.

    To ask first is also cheaper than to receive until `zmq.Again` is raised.
    """
    return cast("int", socket.getsockopt(_EVENTS)) & _POLLIN != 0


class Router:
    """A bound ROUTER; peers are the routing ids that it gives itself."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoints: Sequence[str], frame_bytes_max: int) -> None:
        """Binds.

        Raises:
            OSError: an endpoint cannot be bound; the text names it and the mend.
        """
        socket = self._socket = context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 1_000)  # what was released is promised: give it a moment at the end
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt(zmq.SNDHWM, _HIGH_WATER)
        socket.setsockopt(zmq.RCVHWM, _HIGH_WATER)
        socket.setsockopt(zmq.MAXMSGSIZE, frame_bytes_max + _FRAME_BYTES_SLACK)
        socket.setsockopt(zmq.HEARTBEAT_IVL, 5_000)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 15_000)
        self._outboxes: dict[bytes, deque[list[bytes]]] = {}
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
        """Sends frames as one multipart, now or from the outbox; returns False if the peer is gone."""
        outbox = self._outboxes.get(peer)
        if outbox is not None:
            return self._queue(peer, outbox, frames)
        try:
            self._socket.send_multipart([peer, *frames], _NOBLOCK)
        except zmq.Again:
            return self._queue(peer, self._outboxes.setdefault(peer, deque()), frames)
        except zmq.ZMQError as error:
            if error.errno == errno.EHOSTUNREACH:
                return False
            raise
        return True

    def _queue(self, peer: bytes, outbox: deque[list[bytes]], frames: list[bytes]) -> bool:
        if len(outbox) >= _OUTBOX_FRAMES_MAX:
            del self._outboxes[peer]
            return False
        outbox.append(frames)
        return True

    def flush(self) -> list[bytes]:
        """Sends what the outboxes hold, as far as it goes; returns the peers that are gone."""
        gone: list[bytes] = []
        for peer in list(self._outboxes):
            outbox = self._outboxes[peer]
            try:
                while outbox:
                    self._socket.send_multipart([peer, *outbox[0]], _NOBLOCK)
                    outbox.popleft()
                del self._outboxes[peer]
            except zmq.Again:
                continue
            except zmq.ZMQError as error:
                if error.errno != errno.EHOSTUNREACH:
                    raise
                del self._outboxes[peer]
                gone.append(peer)
        return gone

    @property
    def waiting(self) -> int:
        """How many peers have frames waiting in an outbox."""
        return len(self._outboxes)

    def close(self) -> None:
        """Closes the socket; what is in its queues leaves within a second."""
        self._socket.close()
