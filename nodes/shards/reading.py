"""Opens SQLite files of a node to read them and change nothing, not even beside them.

Decides how: with SQLite's own locks where a node writes; without any where nobody does, because only then no -shm is
made, and files on a read-only disk can be read. It must not know what the files hold.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from ..storage.log.directory_lock import DirectoryLock
from ..storage.log.errors import DataDirectoryInUse

LOG_FOLDER = "log"
_BUSY_TIMEOUT_MS = 2000


def open_to_read(path: Path, *, alone: bool) -> Any:
    """Opens a SQLite file read-only.

    Args:
        path: the file.
        alone: nobody writes it now, and nobody will before the connection is closed.

    Raises:
        apsw.Error: it cannot be opened.
    """
    wal = path.with_name(path.name + "-wal")
    options = "mode=ro"
    if alone:
        options = "mode=ro&vfs=unix-none" if wal.exists() and wal.stat().st_size else "immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?{options}"
    connection: Any = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
    if alone:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


@contextmanager
def keeping_nodes_out(folder: Path) -> Generator[bool]:
    """Keeps nodes from starting on a data folder; gives False if one runs there, and then keeps nobody out."""
    log = folder / LOG_FOLDER
    if not (log / "lock").exists():
        yield True
        return
    try:
        lock = DirectoryLock(log)
    except DataDirectoryInUse:
        yield False
        return
    except OSError:
        with _held_read_only(log / "lock") as is_alone:
            yield is_alone
        return
    try:
        yield True
    finally:
        lock.close()


@contextmanager
def _held_read_only(path: Path) -> Generator[bool]:
    """Holds the lock of a folder that cannot be written to."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(fd)
