"""A shard file that may be damaged: the mark beside it, the check before it is used again, and where it goes.

Decides what a start looks at, and that a damaged file is kept under another name. It must not know where the rows come
from instead. Rule: docs/storage-faults.md, "A file under suspicion".
"""

import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from ..log.files import Files, OsFiles
from . import replacing
from .copying import HOW_FAR
from .errors import DAMAGED_MEND, ShardFailed, shard_disk
from .migration import ShardFileError, check_header

log = logging.getLogger("mainspring.coordinator")

CHECKED_BYTES_MAX = 32 * 1024 * 1024
"""What a member of a cluster checks of its unmarked shard files at each start, all together: SQLite takes about 12 ms a
MiB, three times that from a cold disk, and a start should not take a second longer.
"""

BUSY_TIMEOUT_MS = 2000

_WAL, _INDEX = "-wal", "-shm"


def mark_path(path: Path) -> Path:
    """Returns the name of the mark beside a shard file."""
    return path.with_name(f"{path.name}.suspect")


def leave_mark(path: Path | None) -> None:
    """Has the next start check a file, the `suspect` of an error; None: there is none.

    Done as far as the disk still can: the mark is an empty file, which takes no new block.
    """
    if path is None or path.name.startswith("."):  # a copy that comes or goes: nobody relies on it
        return
    files, mark = OsFiles(), mark_path(path)
    with suppress(OSError):
        mark.touch()
    with suppress(OSError):
        files.sync(mark)
    with suppress(OSError):
        files.sync_directory(path.parent)


def admit(
    path: Path, *, is_fetched_again: bool, bytes_max: int = 0, files: Files | None = None, vfs: str | None = None
) -> None:
    """Checks a shard file before a start uses it, if it is marked, or of a member and small enough.

    `settle` ends it, when the file has been opened.

    Args:
        path: the file; nobody of this process has it open.
        is_fetched_again: the rows can be had elsewhere, so a damaged file is put aside; there is none afterwards.
        bytes_max: with `is_fetched_again`, files up to this size are checked without a mark as well.
        files: what makes plain files durable; tests put a disk here that fails.
        vfs: name of an apsw VFS, for tests that inject disk faults.

    Raises:
        ShardFailed: the file is damaged and must be mended by hand, or the disk still fails it.
        ShardFileError: somebody else holds its lock.
    """
    files = OsFiles() if files is None else files
    mark = mark_path(path)
    with shard_disk(path):
        replacing.finish(path, files)
        is_marked = mark.exists()
        size_bytes = path.stat().st_size if path.exists() else None
        if size_bytes is None:
            if is_marked:
                _put_aside(path, files)  # a kill came before all of it was
            return
        if not is_marked and not (is_fetched_again and size_bytes <= bytes_max):
            return
        if is_marked:
            log.warning("checks a shard file, for it or its disk had failed path=%s", path)
            _forget_cached(path)
        fault = _fault_of(path, vfs)
        if fault is None:
            return
        if not is_fetched_again:
            raise ShardFailed(f"{path} is damaged ({fault}); {DAMAGED_MEND}", path)
        if not is_marked:  # else a kill in what follows leaves a log without rows, and nothing that says why
            files.create(mark, b"")
            files.sync_directory(path.parent)
        aside = _put_aside(path, files)
        log.error("a shard file was damaged (%s); it is fetched again, and the old one is kept as %s", fault, aside)


def settle(path: Path, files: Files | None = None) -> None:
    """Takes the mark away: the file was checked, or is a new one, and is open. Raises ShardFailed."""
    files = OsFiles() if files is None else files
    mark = mark_path(path)
    with shard_disk(path):
        if mark.exists():
            files.sync_directory(path.parent)  # a new file's name comes before the end of the mark
            files.remove(mark)
            files.sync_directory(path.parent)


def _forget_cached(path: Path) -> None:
    """Has the check read what the disk holds, and not what the kernel only believes to have written."""
    for each in (path, path.with_name(path.name + _WAL)):
        if each.exists():
            fd = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)


def _fault_of(path: Path, vfs: str | None) -> str | None:
    """Returns what SQLite finds wrong with a file and its WAL, None if nothing is."""
    connection: Any = None
    try:
        check_header(path)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        # Nothing of a damaged file's WAL goes home.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.pragma("cell_size_check", "ON")
        found = connection.execute("PRAGMA integrity_check(1)").get
        if found != "ok":
            return " ".join(str(found).split())
        if connection.pragma("user_version") and connection.execute(HOW_FAR).fetchone() is None:
            return "it does not say how far it is"
    except apsw.BusyError as error:
        raise ShardFileError(f"{path} is locked by another process; end it and start again") from error
    except (apsw.CorruptError, apsw.NotADBError, ShardFileError) as error:
        return str(error)
    except (apsw.SQLError, UnicodeDecodeError) as error:
        return f"it does not say how far it is: {error}"
    finally:
        if connection is not None:
            connection.close(True)
    return None


def _put_aside(path: Path, files: Files) -> Path:
    """Gives the file and its WAL another name, and drops what an earlier one has left there.

    The WAL goes last, so that the file is never without it under its own name.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    if path.exists():
        for older in path.parent.glob(f"{path.name}.damaged-*"):
            files.remove(older)  # one is kept: a disk that goes on failing must not be filled by them
        files.rename(path, aside)
        files.sync_directory(path.parent)
    wal = path.with_name(path.name + _WAL)
    if wal.exists():
        files.rename(wal, aside.with_name(aside.name + _WAL))
    files.remove(path.with_name(path.name + _INDEX))
    files.sync_directory(path.parent)
    return aside
