"""One copy of a shard file, made in a thread while the node goes on writing the file.

Decides that a copy is of one entry, whole, sound, and without a WAL. It must not know who gets it.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from ....actors.coordinator.takeover import keep_from
from ....actors.raft.snapshots import Made, SnapshotDamaged
from ..log.errors import DiskFull
from .errors import DAMAGED_MEND, ShardFailed, lacks_room, shard_disk
from .migration import ShardFileError, check_identity

BUSY_TIMEOUT_MS = 2000

HOW_FAR = "SELECT applied, floor FROM meta"
"""What files of any version can be asked: a copy may come from a member that has not been upgraded yet."""

_CHUNK_BYTES = 1024 * 1024
_STEPS_UNASKED = 100_000
"""SQLite's own steps between two questions whether to give up."""


class Copying:
    """A copy under way, or done.

    Args:
        source: the shard file; the process may go on writing it.
        target: the copy.
        vfs: name of an apsw VFS for both.
    """

    def __init__(self, source: Path, target: Path, vfs: str | None) -> None:
        self.target = target
        self._source = source
        self._vfs = vfs
        self._fd = -1
        self._made: Made | None = None
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._connection: Any = None
        self._is_done = False
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name=f"copy of {source.name}", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it is under way."""
        return not self._is_done

    def wait(self) -> None:
        """Waits until it is done, or has let go of everything if it was ended."""
        self._thread.join()

    def result(self) -> Made:
        """Returns what was made.

        Raises:
            DiskFull: there was no room; nothing is left of it.
            ShardFailed: the source cannot be read.
        """
        assert not self.is_running, "it is not done"
        with shard_disk(self._source):
            if self._error is not None:
                if lacks_room(self._error):
                    raise DiskFull(f"no room for a copy of {self._source}; free some space") from self._error
                if isinstance(self._error, SnapshotDamaged):
                    text = f"{self._source} is damaged: {self._error}; {DAMAGED_MEND}"
                    raise ShardFailed(text, self._source) from self._error
                raise self._error
        assert self._made is not None, "a copy is made, or an error says why not"
        return self._made

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Returns bytes of the copy. Raises OSError."""
        return os.pread(self._fd, size_bytes, offset)

    def end(self) -> None:
        """Stops it, if it is under way, and removes the copy: now, or as soon as the thread lets go of it."""
        with self._lock:
            self._is_ended = True
            if self._connection is not None:
                self._connection.interrupt()
            if self._is_done:
                self._remove()

    def _remove(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with suppress(OSError):  # the next start removes it
            self.target.unlink(missing_ok=True)

    def _run(self) -> None:
        try:
            self._copy()
            applied, floor = check_copy(self.target)
            digest = sha256_of(self.target)
            self._fd = os.open(self.target, os.O_RDONLY | os.O_CLOEXEC)
            size_bytes = os.fstat(self._fd).st_size
            self._made = Made(keep_from(applied, max(floor, 1)) - 1, size_bytes, digest)
        except BaseException as error:  # noqa: BLE001 - who asks for the result gets it
            self._error = error
        with self._lock:
            self._is_done = True
            if self._is_ended or self._error is not None:
                self._remove()

    def _copy(self) -> None:
        connection: Any = apsw.Connection(str(self._source), flags=apsw.SQLITE_OPEN_READWRITE, vfs=self._vfs)
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            # This connection must not be the one that takes the WAL home when the file is closed.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            with self._lock:
                if self._is_ended:
                    raise InterruptedError("nobody needs the copy any more")
                self._connection = connection
            connection.execute("VACUUM INTO ?", (str(self.target),))
        finally:
            with self._lock:
                self._connection = None
            connection.close(True)


def check_copy(path: Path, is_ended: Callable[[], bool] | None = None) -> tuple[int, int]:
    """Checks a lone shard file, which nobody else has open, and returns (applied, floor).

    `is_ended` is asked now and then whether to give up, which ends it as damage does.

    Raises:
        SnapshotDamaged: it is no shard, newer than this program, or not sound.
    """
    connection: Any = None
    try:
        uri = f"file:{quote(str(path.absolute()))}?immutable=1"
        connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        check_identity(path, connection.pragma("application_id"), connection.pragma("user_version"))
        if is_ended is not None:
            connection.set_progress_handler(is_ended, _STEPS_UNASKED)
        found = connection.execute("PRAGMA integrity_check(1)").get
        if found != "ok":
            raise SnapshotDamaged(f"{path} is damaged ({found}); another copy is needed")
        applied, floor = connection.execute(HOW_FAR).fetchone()
        return applied, floor
    except (apsw.Error, ShardFileError, TypeError, UnicodeDecodeError) as error:
        raise SnapshotDamaged(f"{path} is no sound copy of a shard ({error}); another one is needed") from error
    finally:
        if connection is not None:
            connection.close(True)


def sha256_of(path: Path, is_ended: Callable[[], bool] | None = None) -> str:
    """Returns the hash of a file that no SQLite connection of this process has open. Raises OSError.

    `is_ended` is asked now and then whether to give up; the hash is another one then.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while (is_ended is None or not is_ended()) and (chunk := file.read(_CHUNK_BYTES)):
            digest.update(chunk)
    return digest.hexdigest()
