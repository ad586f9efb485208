"""What a runner child writes to its standard output and error, at the parent's end of the pipe.

Decides how much is taken at once and that only the end of it is kept. It must not know jobs, nor who else reads it.
Nobody waits for the end of the pipe: what a job has started may hold it open for ever, and a job may close it.
"""

import os
from contextlib import suppress
from typing import Final

from ...broker.wire.limits import OUTPUT_BYTES_MAX
from .kept_output import KeptEnd

READ_BYTES: Final = 64 * 1024
DRAIN_READS: Final = 4
"""So much is read before the end of a run is told: what a pipe holds, and some more."""


class ChildOutput:
    """The pipe's end, and the end of what has come through it.

    Attributes:
        fd: To poll and to read; -1 once the pipe is closed.
        has_stirred: Whether anything has come since `forget`.
    """

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.has_stirred = False
        self._kept = KeptEnd(OUTPUT_BYTES_MAX)

    def read(self) -> bytes:
        """Returns some of what has come, nothing if there is none; at the end of the pipe `fd` is -1."""
        if self.fd < 0:
            return b""
        try:
            data = os.read(self.fd, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            data = b""
        if data:
            self.has_stirred = True
            self._kept.take(data)
        else:
            self.close()
        return data

    def drain(self) -> bytes:
        """Returns what has come by now; of a child that writes on and on, no more than a bounded part."""
        found: list[bytes] = []
        for _ in range(DRAIN_READS):
            data = self.read()
            if data:
                found.append(data)
            if len(data) < READ_BYTES:
                break
        return b"".join(found)

    def text(self) -> str | None:
        """Returns the end of what has come since `forget`, None if that is nothing."""
        return self._kept.text()

    def forget(self) -> None:
        """Begins anew, for the next run."""
        self.has_stirred = False
        self._kept.clear()

    def close(self) -> None:
        """Closes the pipe; whoever still writes to it is told so by the kernel."""
        if self.fd >= 0:
            with suppress(OSError):
                os.close(self.fd)
            self.fd = -1
