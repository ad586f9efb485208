"""One member's way to another: a DEALER that connects for as long as both are members.

Decides that a frame which cannot leave now is dropped, for the log's engine says everything again, and that nothing
waits for a member who is not connected: what it would hear later is old. A monitor tells at once when the connection
breaks, which is how the death of a process is noticed in a few milliseconds. Knows nothing of messages.
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import cast

import zmq

from ...broker.net.address import speak
from ...broker.net.keepalive import keep_alive
from ...broker.wire.member_messages import MEMBER_FRAME_BYTES_MAX

SEND_HIGH_WATER_MULTIPARTS = 4096
"""What may wait for a member that is connected and does not read: one multipart a turn at the most."""

RECEIVE_HIGH_WATER_MULTIPARTS = 4096
RECONNECT_MIN_MS = 20
RECONNECT_MAX_MS = 100

CONNECT_MS = 1_000
"""The kernel asks a host that does not answer ever more seldom; a new attempt begins anew."""

UNACKED_MS = 2_000
"""A connection whose other end has confirmed nothing for so long is closed, for the same reason: after a cut network
is whole again, the kernel could wait for as long as it was cut.
"""

FRAME_BYTES_SLACK = 1024

# Plain ints: an enum's operators cost ten times as much, on every frame.
_EVENTS, _POLLIN, _NOBLOCK = int(zmq.EVENTS), int(zmq.POLLIN), int(zmq.NOBLOCK)
_WATCHED = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED

_monitor_numbers = count(1)

assert RECONNECT_MIN_MS < RECONNECT_MAX_MS < CONNECT_MS


def set_up(socket: zmq.Socket[bytes]) -> None:
    """Gives a socket between members its options; call it before the socket binds or connects."""
    for option, value in (
        (zmq.LINGER, 0),
        (zmq.SNDHWM, SEND_HIGH_WATER_MULTIPARTS),
        (zmq.RCVHWM, RECEIVE_HIGH_WATER_MULTIPARTS),
        (zmq.MAXMSGSIZE, MEMBER_FRAME_BYTES_MAX + FRAME_BYTES_SLACK),
        (zmq.TCP_MAXRT, UNACKED_MS),
    ):
        socket.setsockopt(option, value)
    keep_alive(socket)


class MemberLink:
    """One connection to a member's endpoint.

    Attributes:
        endpoint: where the member listens.
        fds: sleep on these, which are edge-triggered, when `readable` says no.
        is_up: whether it is connected, as of the last `broken`.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> None:
        """Begins to connect, and keeps at it.

        Raises:
            ValueError: the endpoint is none.
        """
        self.endpoint = endpoint
        self.is_up = False
        socket = self.socket = context.socket(zmq.DEALER)
        set_up(socket)
        for option, value in (
            (zmq.IMMEDIATE, 1),
            (zmq.RECONNECT_IVL, RECONNECT_MIN_MS),
            (zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS),
            (zmq.CONNECT_TIMEOUT, CONNECT_MS),
        ):
            socket.setsockopt(option, value)
        self._monitor = socket.get_monitor_socket(_WATCHED, f"inproc://member-{next(_monitor_numbers)}")
        self._option = cast("Callable[[int], int]", socket.getsockopt)
        self._monitor_option = cast("Callable[[int], int]", self._monitor.getsockopt)
        try:
            speak(socket, endpoint)
            socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise ValueError(
                f"cannot connect to the member at {endpoint}: {error}; give ipc://PATH or tcp://HOST:PORT"
            ) from None
        self.fds = (self._option(zmq.FD), self._monitor_option(zmq.FD))
        self.readable()  # a descriptor gives no sign before somebody has looked and found nothing

    def send(self, frames: Sequence[bytes]) -> bool:
        """Sends one multipart now; False if it was dropped."""
        try:
            self.socket.send_multipart(frames, _NOBLOCK)
        except zmq.Again:
            return False
        return True

    def readable(self) -> bool:
        """Says whether there is something to receive, or news of the connection."""
        return bool((self._option(_EVENTS) | self._monitor_option(_EVENTS)) & _POLLIN)

    def broken(self) -> bool:
        """Says whether a connection that stood has broken since the last call; one that never stood breaks nothing."""
        is_broken = False
        while self._monitor_option(_EVENTS) & _POLLIN:
            event = int.from_bytes(self._monitor.recv_multipart(_NOBLOCK)[0][:2], "little")
            is_broken |= self.is_up and event == zmq.EVENT_DISCONNECTED
            self.is_up = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        return is_broken

    def close(self) -> None:
        """Closes the sockets; nothing that waits leaves any more."""
        self.socket.disable_monitor()
        self._monitor.close(0)
        self.socket.close()
