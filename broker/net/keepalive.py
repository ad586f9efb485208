"""How either end of a TCP connection notices that the other's host is gone.

Decides the times. The kernel does it: ZeroMQ's own heartbeats are not used, because libzmq up to 4.3.5 ends the process
(`Assertion failed: !_io_error`) when its heartbeat is due on a connection that has broken while more had come than was
read. A connection over ipc breaks at once when its peer dies, and leases and timeouts do not rest on connections.
"""

from typing import Any

import zmq

IDLE_S = 15
"""A TCP connection over which nothing comes for so long is asked whether it still stands."""

EVERY_S = 5
"""How long until it is asked again."""

TRIES = 3
"""A connection that does not answer so many times is closed."""


def keep_alive(socket: zmq.Socket[Any]) -> None:
    """Has the kernel look after the socket's TCP connections; call it before the socket binds or connects."""
    for option, value in (
        (zmq.TCP_KEEPALIVE, 1),
        (zmq.TCP_KEEPALIVE_IDLE, IDLE_S),
        (zmq.TCP_KEEPALIVE_INTVL, EVERY_S),
        (zmq.TCP_KEEPALIVE_CNT, TRIES),
    ):
        socket.setsockopt(option, value)
