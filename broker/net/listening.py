"""Where a ROUTER listens, and how many connections it takes.

Decides that a connection above the bound is closed as soon as it has come. ZeroMQ itself accepts until the process has
no descriptor left, and on an ipc socket that ends the process. Who is connected goes on; who was closed tries again.
Knows nothing of frames.
"""

import resource
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from itertools import count
from os import dup
from socket import SHUT_RDWR
from socket import socket as kernel_socket
from typing import cast

import zmq

from ..wire.limits import CONNECTIONS_MAX
from .address import listening_fault, speak
from .keepalive import keep_alive

HANDSHAKE_MS = 5_000
"""A connection that has not said by then that it speaks ZMTP is closed, however it dribbles."""

_FREE_SHARE = 8
"""New clients are refused in words when only this part of the connections is free."""

_POLLIN, _EVENTS, _NOBLOCK = int(zmq.POLLIN), int(zmq.EVENTS), int(zmq.NOBLOCK)
_HANDSHAKE_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_WATCHED = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | _HANDSHAKE_FAILED

_monitor_numbers = count(1)


def connections_max() -> int:
    """Returns how many connections this process may have: half of its descriptors are for its files, and for a rush."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS_MAX if soft == resource.RLIM_INFINITY else min(CONNECTIONS_MAX, soft // 2)


class Listening:
    """A ROUTER's endpoints and the number of its connections.

    Attributes:
        fd: becomes readable when `look` has something to do.
        connections: how many there are, those that have not said what they are among them.
        accepted: how many there have ever been.
        handshakes_failed: how many of them were no peers.
        turned_away: how many of them were closed because there were too many.
        most: how many there may be.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        socket: zmq.Socket[bytes],
        endpoints: Sequence[str],
        most: int | None = None,
    ) -> None:
        """Binds.

        Args:
            context: that of the socket.
            socket: whose options for connections are set here.
            endpoints: all of them, or none is bound.
            most: how many connections are taken; None asks `connections_max`.

        Raises:
            OSError: an endpoint cannot be bound; the text names it and the mend.
        """
        self._socket = socket
        self.most = connections_max() if most is None else most
        self.connections = 0
        self.accepted = 0
        self.handshakes_failed = 0
        self.turned_away = 0
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        keep_alive(socket)
        where = f"inproc://listening-{next(_monitor_numbers)}"
        socket.monitor(where, _WATCHED)
        self._monitor = context.socket(zmq.PAIR)
        self._monitor.setsockopt(zmq.RCVHWM, 0)  # with a bound, who connects would wait for whoever reads this
        self._monitor.connect(where)
        self._option = cast("Callable[[int], int]", self._monitor.getsockopt)
        self.fd: int = self._monitor.FD
        for endpoint in endpoints:
            try:
                speak(socket, endpoint)
                socket.bind(endpoint)
            except zmq.ZMQError as error:
                self.close()
                fault = listening_fault(endpoint, error.errno or 0, "`listen` (of a member: `client_endpoint`)")
                raise OSError(f"cannot listen on {fault}") from error

    @property
    def is_crowded(self) -> bool:
        """Whether there are nearly as many connections as it takes: time to refuse new clients in words."""
        return self.connections > self.most - max(1, self.most // _FREE_SHARE)

    def readable(self) -> bool:
        """Says whether connections have come or gone; `fd` is edge-triggered, so ask before sleeping on it."""
        return self._option(_EVENTS) & _POLLIN != 0

    def look(self) -> None:
        """Counts connections that have come and gone, and closes those that are too many."""
        late: dict[int, None] = {}
        while self._option(_EVENTS) & _POLLIN:
            news = self._monitor.recv_multipart(_NOBLOCK)[0]
            event, fd = int.from_bytes(news[:2], "little"), int.from_bytes(news[2:6], "little")
            if event == zmq.EVENT_ACCEPTED:
                self.accepted += 1
                self.connections += 1
                if self.connections > self.most:
                    late[fd] = None
            elif event == zmq.EVENT_DISCONNECTED:
                self.connections -= 1
                late.pop(fd, None)
            else:
                self.handshakes_failed += 1
        assert self.connections >= 0, "more connections have ended than were made"
        self.turned_away += len(late)
        _shut(late)

    def close(self) -> None:
        """Ends the watching; the socket itself is its owner's."""
        self._socket.disable_monitor()
        self._monitor.close(0)


def _shut(fds: Iterable[int]) -> None:
    """Ends connections; ZeroMQ, whose they are, then closes them.

    A descriptor may be another's by now: another connection's, which is made again, or a file's, to which it does
    nothing.
    """
    for fd in fds:
        with suppress(OSError), closing(kernel_socket(fileno=dup(fd))) as connection:
            connection.shutdown(SHUT_RDWR)
