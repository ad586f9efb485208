"""A DEALER socket: one peer's end of a conversation with a coordinator.

Decides that nothing ever blocks here and that a frame too many is dropped: machines send again what is not answered.
Says when its connection stands and when it breaks. Knows nothing of messages. Several frames of one multipart are
several messages, each whole.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import cast

import zmq

from ..wire.limits import FRAME_BYTES_MAX, MULTIPART_FRAMES_MAX
from .address import speak
from .context import check_room
from .exceptions import is_too_many_files
from .keepalive import keep_alive

HIGH_WATER_FRAMES = 10_000
RECONNECT_MIN_MS = 20
RECONNECT_MAX_MS = 100
GOODBYE_LINGER_MS = 50

# Plain ints: an enum's operators cost ten times as much, on every frame.
_EVENTS, _RCVMORE, _POLLIN, _NOBLOCK = int(zmq.EVENTS), int(zmq.RCVMORE), int(zmq.POLLIN), int(zmq.NOBLOCK)

_CONNECTED, _DISCONNECTED = int(zmq.EVENT_HANDSHAKE_SUCCEEDED), int(zmq.EVENT_DISCONNECTED)

_FILES_TO_COME = 4
"""The monitor's two, the connection's own, and one for whoever drives it."""

_monitor_numbers = count(1)

assert RECONNECT_MIN_MS < RECONNECT_MAX_MS


def multiparts(frames: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yields frames in multiparts of as many as a coordinator takes."""
    for at in range(0, len(frames), MULTIPART_FRAMES_MAX):
        yield frames[at : at + MULTIPART_FRAMES_MAX]


class Dealer:
    """One connection. Not thread-safe; sleep on `fds`, which are edge-triggered: receive until nothing is left first.

    Attributes:
        name: the endpoint as bytes, by which machines name this peer.
        fds: the descriptors that become readable when `receive` and `news` may have something.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, *, keeps: bool = True) -> None:
        """Begins to connect, and keeps at it.

        Args:
            context: whose socket to use.
            endpoint: where to connect to.
            keeps: whether frames that are sent while there is no connection wait for one; else they are dropped.

        Raises:
            ValueError: the endpoint is none.
            OSError, zmq.ZMQError: EMFILE, if no descriptor is left; nothing stays open then.
        """
        self.name = endpoint.encode()
        socket = self._socket = context.socket(zmq.DEALER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.SNDHWM, HIGH_WATER_FRAMES),
            (zmq.RCVHWM, HIGH_WATER_FRAMES),
            (zmq.MAXMSGSIZE, FRAME_BYTES_MAX),
            (zmq.RECONNECT_IVL, RECONNECT_MIN_MS),
            (zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS),
            (zmq.IMMEDIATE, int(not keeps)),
        ):
            socket.setsockopt(option, value)
        keep_alive(socket)
        # The monitor says when a connection stands or breaks; inproc has none and never breaks.
        try:
            check_room(_FILES_TO_COME)
            # A name of its own: the socket's descriptor may be another's soon, in the same context.
            name = f"inproc://monitor-{next(_monitor_numbers)}"
            self._monitor = socket.get_monitor_socket(_CONNECTED | _DISCONNECTED, name)
        except (OSError, zmq.ZMQError):
            socket.close()
            raise
        try:
            speak(socket, endpoint)
            socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            if is_too_many_files(error.errno):
                raise
            raise ValueError(f"cannot connect to {endpoint}: {error}; give ipc://PATH or tcp://HOST:PORT") from None
        self._option = cast("Callable[[int], int]", socket.getsockopt)
        self._monitor_option = cast("Callable[[int], int]", self._monitor.getsockopt)
        self.fds = (self._option(zmq.FD), self._monitor_option(zmq.FD))
        self._early: list[bool] = []
        self._early = self.news()  # a descriptor gives no sign before somebody has looked and found nothing

    def send(self, frames: Sequence[bytes]) -> bool:
        """Sends frames in as few multiparts as may be.

        Returns False if some were dropped, for the peer has not taken earlier ones.
        """
        try:
            if len(frames) == 1:
                self._socket.send(frames[0], _NOBLOCK)
            else:
                for part in multiparts(frames):
                    self._socket.send_multipart(part, _NOBLOCK)
        except zmq.Again:
            return False
        return True

    def receive(self, limit: int = 1024) -> list[bytes]:
        """Returns the frames that have arrived, about `limit` at the most; call it until it returns none."""
        found: list[bytes] = []
        option, receive = self._option, self._socket.recv
        while len(found) < limit and option(_EVENTS) & _POLLIN:  # an int test is cheaper than an exception
            found.append(receive(_NOBLOCK))
            while option(_RCVMORE):
                found.append(receive(_NOBLOCK))
        return found

    @property
    def has_input(self) -> bool:
        """Whether something can be received."""
        return bool(self._option(_EVENTS) & _POLLIN)

    def news(self) -> list[bool]:
        """Returns what has become of the connection since the last call: True for made, False for broken."""
        found, self._early = self._early, []
        while self._monitor_option(_EVENTS) & _POLLIN:
            event = self._monitor.recv_multipart(_NOBLOCK)[0]
            found.append(int.from_bytes(event[:2], sys.byteorder) == _CONNECTED)
        return found

    def close(self, *, is_goodbye: bool = False, linger_ms: int = GOODBYE_LINGER_MS) -> None:
        """Closes the sockets; a goodbye that was sent gets a moment to leave."""
        if is_goodbye:
            self._socket.setsockopt(zmq.LINGER, linger_ms)
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close()
