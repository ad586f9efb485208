"""What runner children have written, passed on to this process's standard output without ever waiting for its reader.

Decides how a write cannot block, and what is dropped: a loop that waited for a terminal that nobody scrolls on, or for
a pipe that nobody reads, would lose its leases. It must not know whose output it is.
"""

import os
import select
import socket
import stat
from contextlib import suppress
from typing import Final

PENDING_BYTES_MAX: Final = 256 * 1024


class OwnOutput:
    """Standard output, or the descriptor that is given.

    Attributes:
        dropped_bytes: How much nobody took.
    """

    def __init__(self, fd: int = 1) -> None:
        self.dropped_bytes = 0
        self._pending = bytearray()
        self._fd = fd
        self._socket: socket.socket | None = None
        self._is_polled = False
        try:
            mode = os.fstat(fd).st_mode
        except OSError:  # it was started without one
            self._fd = -1
            return
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(fd))
        elif not stat.S_ISREG(mode):
            # Whether a write blocks belongs to the open file, which others share; so it is opened once more.
            try:
                self._fd = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            except OSError:
                self._is_polled = True  # another user's terminal

    @property
    def is_pending(self) -> bool:
        """Whether something waits for a later `flush`."""
        return bool(self._pending)

    def write(self, data: bytes) -> None:
        """Passes on what its reader takes; keeps some of the rest for later, and drops what is more."""
        room = PENDING_BYTES_MAX - len(self._pending)
        if len(data) > room:
            self.dropped_bytes += len(data) - room
            data = data[:room]
        self._pending += data
        self.flush()

    def flush(self) -> None:
        """Passes on what had to wait."""
        while self._pending:
            try:
                written = self._write(memoryview(self._pending))
            except BlockingIOError:
                return
            except OSError:  # nobody is there to read it
                self.dropped_bytes += len(self._pending)
                self._pending.clear()
                return
            if not written:
                return
            del self._pending[:written]

    def _write(self, data: memoryview) -> int:
        with data:
            if self._socket is not None:
                return self._socket.send(data, socket.MSG_DONTWAIT)
            if not self._is_polled:
                return os.write(self._fd, data)
            # So much a pipe or a terminal takes at once if it takes anything.
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            return os.write(self._fd, data[: select.PIPE_BUF]) if poll.poll(0) else 0

    def close(self) -> None:
        """Closes what was opened here."""
        if self._socket is not None:
            self._socket.close()
        elif self._fd > 2:
            with suppress(OSError):
                os.close(self._fd)
