"""The way out of an asyncio child: bytes go at once where the socket takes them, else when it does.

It decides how two threads share one socket: the loop's, and the watchdog's while the loop is stuck. It must
not know what it sends. What waits is bounded by its user, who stops taking work in while too much is pending.
"""

import asyncio
import select
import socket
import threading
from collections.abc import Callable

from .frames import EXIT_ORPHAN
from .leave import leave

_POLL_MS = 1000


class Outlet:
    """Sends bytes over a non-blocking socket, in order."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop, on_drained: Callable[[], None]) -> None:
        self._sock = sock
        self._loop = loop
        self._on_drained = on_drained
        self._buffer = bytearray()
        self._lock = threading.Lock()

    @property
    def pending_bytes(self) -> int:
        """How much has not been sent yet."""
        return len(self._buffer)

    def send(self, data: bytes) -> None:
        """Sends from the loop's thread, now or when the socket takes it."""
        with self._lock:
            waiting = bool(self._buffer)
            sent = 0 if waiting else self._try_send(data)
            if sent < len(data):
                self._buffer += data[sent:]
                if not waiting:
                    self._loop.add_writer(self._sock.fileno(), self._on_writable)

    def send_blocking(self, data: bytes) -> None:
        """Sends from another thread, behind what is pending; returns when it is out."""
        with self._lock:
            self._buffer += data
        self.drain()

    def drain(self) -> None:
        """Blocks until nothing is pending."""
        poll = select.poll()
        poll.register(self._sock.fileno(), select.POLLOUT)
        while True:
            with self._lock:
                self._send_buffer()
                if not self._buffer:
                    return
            poll.poll(_POLL_MS)

    def _on_writable(self) -> None:
        with self._lock:
            self._send_buffer()
            if self._buffer:
                return
            self._loop.remove_writer(self._sock.fileno())
        self._on_drained()

    def _send_buffer(self) -> None:
        if self._buffer:
            del self._buffer[: self._try_send(bytes(self._buffer))]

    def _try_send(self, data: bytes) -> int:
        try:
            return self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            leave(EXIT_ORPHAN)
