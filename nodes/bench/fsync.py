"""The floor under every acknowledgement: 400 bytes appended to a file and fsynced, on the disk of the data.

Decides what the floor is. It must not know the log, which pays a little more for its WAL frame and checksums.
"""

import os
import time
from pathlib import Path

from .sizes import Sizes
from .statistics import percentile

APPEND_BYTES = 400


class Appender:
    """A file that grows by one fsynced append at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(folder / "appended", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._data = os.urandom(APPEND_BYTES)

    def append(self) -> int:
        """Appends and syncs; returns how long that took, in ns."""
        begun_ns = time.perf_counter_ns()
        os.write(self._fd, self._data)
        os.fsync(self._fd)
        return time.perf_counter_ns() - begun_ns

    def close(self) -> None:
        """Closes the file."""
        os.close(self._fd)


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns p50 and p99 of an append, back to back, in ms."""
    appender = Appender(folder)
    took_ms = [appender.append() / 1e6 for _ in range(sizes.fsyncs)]
    appender.close()
    return {"fsync_p50": percentile(took_ms, 0.5), "fsync_p99": percentile(took_ms, 0.99)}
