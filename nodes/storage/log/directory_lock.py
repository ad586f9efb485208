"""One process per data directory.

Decides who may write: the holder of an flock on the file `lock`, for as long as its process lives. The kernel
drops it with the process, so nothing is left to clean up after a kill; a child that was forked (not spawned)
shares it and must not outlive its parent.
"""

import fcntl
import os
from pathlib import Path

from .errors import DataDirectoryInUse


class DirectoryLock:
    """Holds a directory until `close`.

    Raises:
        DataDirectoryInUse: somebody else holds it.
    """

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            self.close()
            raise DataDirectoryInUse(
                f"the data directory {directory} is in use by process {holder}; "
                "stop the node that it belongs to, or give this node a directory of its own"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Lets others in; once is enough."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
