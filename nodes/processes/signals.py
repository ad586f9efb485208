"""Signals as bytes on a pipe, so that a loop that sleeps on descriptors wakes for them.

Decides nothing: the handler notes that somebody asked the process to stop, and the loop looks.
"""

import os
import signal
from types import FrameType


class StopSignal:
    """Turns SIGTERM and SIGINT into a flag, and any signal into a readable descriptor."""

    def __init__(self) -> None:
        self.asked = False
        self.fd, write_fd = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(write_fd, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    def drain(self) -> None:
        """Empties the descriptor after it was readable."""
        os.read(self.fd, 4096)
