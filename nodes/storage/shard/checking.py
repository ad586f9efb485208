"""One copy of a shard that has arrived, made durable and checked in a thread while the node goes on.

Decides that it is the copy that was sent, whole, sound and on the disk. It must not know what becomes of it.
"""

import threading
from pathlib import Path

from ....actors.raft.snapshots import SnapshotDamaged
from ..log.files import Files
from .copying import check_copy, sha256_of
from .errors import shard_disk


class Checking:
    """A check under way, or done.

    Args:
        path: the file that has arrived; nobody writes to it any more.
        sha256: its hash, as it was sent.
        size_bytes: its size, as it was sent.
        files: what makes plain files durable.
    """

    def __init__(self, path: Path, sha256: str, size_bytes: int, files: Files) -> None:
        self.path = path
        self._sha256 = sha256
        self._size_bytes = size_bytes
        self._files = files
        self._error: BaseException | None = None
        self._is_ended = False
        self._is_done = False
        self._thread = threading.Thread(target=self._run, name=f"check of {path.name}", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it is under way."""
        return not self._is_done

    def wait(self) -> None:
        """Waits until it is done."""
        self._thread.join()

    def end(self) -> None:
        """Nobody needs the answer: it lets go of the file soon."""
        self._is_ended = True

    def result(self) -> None:
        """Returns if the copy is sound and durable.

        Raises:
            SnapshotDamaged: it is not.
            ShardFailed: the disk failed.
            DiskFull: there was no room to make it durable.
        """
        assert not self.is_running, "it is not done"
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with shard_disk(self.path):
                self._files.sync(self.path)
                if (
                    self.path.stat().st_size != self._size_bytes
                    or sha256_of(self.path, lambda: self._is_ended) != self._sha256
                ):
                    raise SnapshotDamaged(f"{self.path} is not the copy that was sent; another one is needed")
            check_copy(self.path, lambda: self._is_ended)
        except BaseException as error:  # noqa: BLE001 - who asks for the result gets it
            self._error = error
        self._is_done = True
