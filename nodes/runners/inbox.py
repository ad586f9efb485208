"""The child's end of the socket, to read from: whole frames, or the end of the process.

It decides that a child without a parent, or with one that talks nonsense, ends at once: nobody would hear its results.
It must not know what frames mean.
"""

import socket
from typing import Final

from . import frames
from .frames import Frame, FrameReader
from .leave import leave

RECEIVE_BYTES: Final = 256 * 1024


class Inbox:
    """Reads frames; never returns once there are no more."""

    __slots__ = ("_reader", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = FrameReader()

    def receive(self, *, wait: bool = False) -> list[Frame]:
        """Returns the frames that have arrived, maybe none; with `wait` blocks until there is one."""
        arrived: list[Frame] = []
        while True:
            # Part of a frame is nothing to come back with, but once there is a whole one nobody need wait.
            flags = 0 if wait and not arrived else socket.MSG_DONTWAIT
            try:
                data = self._sock.recv(RECEIVE_BYTES, flags)
            except (BlockingIOError, InterruptedError):
                return arrived
            except OSError:
                data = b""
            if not data:
                leave(frames.EXIT_ORPHAN)
            try:
                arrived += self._reader.feed(data)
            except frames.FrameError as fault:
                leave(frames.EXIT_PROTOCOL, f"runner child: {fault}")
            if len(data) < RECEIVE_BYTES and (arrived or not wait):
                return arrived
