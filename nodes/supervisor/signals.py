"""Signals as something to poll for.

Decides which signals a supervising process hears; it must not know what they are to do.
"""

import os
import signal
from types import FrameType, TracebackType
from typing import Final, Self

HEARD: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
STOPS: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class Signals:
    """Hears `HEARD` while its context lasts, and then puts back what was set before; for the main thread."""

    def __enter__(self) -> Self:
        self._read_fd, self._write_fd = os.pipe()
        for fd in (self._read_fd, self._write_fd):
            os.set_blocking(fd, False)
        self._handlers_before = {number: signal.getsignal(number) for number in HEARD}
        for number in HEARD:
            # Not SIG_IGN: what a process starts would inherit that.
            signal.signal(number, _nothing)
        # A full pipe loses nothing that matters: SIGCHLD is in it already, and so are many stops.
        self._fd_before = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._handlers_before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(self._read_fd)
        os.close(self._write_fd)

    def fileno(self) -> int:
        """Returns the descriptor to poll."""
        return self._read_fd

    def read(self) -> list[int]:
        """Returns the numbers of the signals that have come, in order."""
        try:
            return list(os.read(self._read_fd, 4096))
        except BlockingIOError:
            return []


def _nothing(_number: int, _frame: FrameType | None) -> None: ...
