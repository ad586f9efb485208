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
from ..supervisor.data_dir import LOCK_FILE

LOG_FOLDER = "log"
_BUSY_TIMEOUT_MS = 2000
_STEPS_UNHEARD = 100_000


def open_to_read(path: Path, *, alone: bool, without_wal: bool = False) -> Any:
    """Opens a SQLite file read-only.

    Args:
        path: the file.
        alone: nobody writes it now, and nobody will before the connection is closed.
        without_wal: reads the file itself and not what its WAL has over it; only if alone.

    Raises:
        apsw.Error: it cannot be opened.
    """
    assert alone or not without_wal, "beside a node its WAL counts"
    wal = path.with_name(path.name + "-wal")
    options = "mode=ro"
    if alone:
        has_wal = not without_wal and wal.exists() and wal.stat().st_size > 0
        options = "mode=ro&vfs=unix-none" if has_wal else "immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?{options}"
    connection: Any = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
    # Python hears of a Ctrl-C only between its own steps, and a check of all pages is one that takes minutes.
    connection.set_progress_handler(_go_on, _STEPS_UNHEARD)
    if alone:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _go_on() -> bool:
    return False


@contextmanager
def keeping_nodes_out(folder: Path) -> Generator[bool]:
    """Keeps nodes from starting on a data folder; gives False if one runs there, and then keeps nobody out.

    A node runs as long as its supervisor does: a coordinator that is being started again must find its log free.
    """
    if _is_held(folder / LOCK_FILE):
        yield False
        return
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


def _is_held(path: Path) -> bool:
    """Says whether some process holds a lock."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


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
