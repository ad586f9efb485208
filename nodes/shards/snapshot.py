"""Copies the shard files of a data folder into another one: as of one entry each, whole, without a WAL.

Decides how both ways go: beside a running node with SQLite's backup, in small steps under one read snapshot; of a
stopped or killed node by copying its files, and applying to the copy what its log holds beyond it. The files of the
node are only read. It must not know manifests.

A copy has no log. Its rows are those of one entry; the few leases that had no row yet are not in it, because after a
restore no lease counts anyway: what ran then runs again.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import apsw

from ...actors.entries import Entry, entry_of
from ...actors.log import LogDamaged
from ..storage.log.errors import LogFailed
from ..storage.log.local_log import LocalLog
from ..storage.shard.errors import ShardFailed
from ..storage.shard.shard_file import ShardFile
from .reading import LOG_FOLDER, open_to_read
from .report import OperatorError, Progress

PAGES_A_STEP: Final = 128
"""Half a MiB: the disk is the log's again after a millisecond."""

SYNC_BYTES: Final = 16 * 1024 * 1024
"""Written at once, gigabytes would hold up the fsyncs of the node's log."""

REPLAY_ENTRIES: Final = 64
"""Applied at once: a transaction for each costs too much, and all of them memory."""

_LOG_COPY: Final = ".log"


def copy_beside_node(path: Path, target: Path, needed: int, progress: Progress) -> bool:
    """Copies a shard file that a node writes.

    Args:
        path: the file.
        target: a new file.
        needed: the entry that the copy must hold at least.
        progress: told how far this is.

    Returns:
        False if the file does not show that entry yet.
    """
    source = open_to_read(path, alone=False)

    def step(done: int, total: int) -> None:
        progress(f"{path.name}: copying", done, total)

    try:
        source.execute("BEGIN")  # the snapshot: the copy is of this moment, however long it takes
        if source.execute("SELECT applied FROM meta").get < needed:
            return False
        _copy(source, target, step)
        return True
    finally:
        source.close(True)


def _copy(source: Any, target: Path, step: Callable[[int, int], None]) -> None:
    copy: Any = apsw.Connection(str(target))
    fd = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        copy.execute("PRAGMA synchronous = OFF")  # it is fsynced below, bit by bit
        page_bytes = source.pragma("page_size")
        unsynced = 0
        with copy.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(PAGES_A_STEP)
                unsynced += PAGES_A_STEP * page_bytes
                if unsynced >= SYNC_BYTES:
                    os.fdatasync(fd)
                    unsynced = 0
                step(backup.page_count - backup.remaining, backup.page_count)
        copy.execute("PRAGMA journal_mode = DELETE")
    finally:
        copy.close(True)
        os.close(fd)


def copy_stopped(
    folder: Path, shards: Sequence[tuple[int, Path]], target: Path, progress: Progress, *, with_log: bool
) -> None:
    """Copies the shard files of a folder that no node uses, and brings the copies up to the end of the log.

    Args:
        folder: the data folder.
        shards: its files.
        target: a new folder.
        progress: told how far this is.
        with_log: False takes the rows as they stand, for a log that cannot be read any more.

    Raises:
        OperatorError: the log or a file cannot be read.
    """
    copies: list[tuple[int, Path]] = []
    for number, path in shards:
        progress(f"{path.name}: copying", 0, 0)
        copies.append((number, target / path.name))
        for end in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{end}", target / f"{path.name}{end}")
    log = target / _LOG_COPY
    try:
        if with_log:
            _copy_log(folder / LOG_FOLDER, log, progress)
            _apply_rest(log, copies, progress)
        else:
            for _, path in copies:
                ShardFile(path).close()  # what a kill has left in its WAL
                single_file(path)
    except (LogDamaged, LogFailed, ShardFailed) as error:
        told = str(error).replace(str(log), str(folder / LOG_FOLDER)).replace(str(target), str(folder))
        raise OperatorError(f"the files cannot be backed up as they are: {told}") from None
    finally:
        shutil.rmtree(log, ignore_errors=True)


def _copy_log(log: Path, target: Path, progress: Progress) -> None:
    if not log.is_dir():
        raise OperatorError(f"{log} is missing; --without-log backs up the shard files as they stand")
    target.mkdir()
    for file in sorted(log.iterdir()):
        if file.is_file() and file.name not in ("lock", "ballast") and not file.name.endswith("-shm"):
            progress(f"{file.name}: copying", 0, 0)
            shutil.copyfile(file, target / file.name)


def _apply_rest(log_folder: Path, copies: Sequence[tuple[int, Path]], progress: Progress) -> None:
    log = LocalLog(log_folder, ballast_bytes=0)
    try:
        for number, path in copies:
            store = ShardFile(path)
            try:
                replay(log, number + 1, store, progress)
            finally:
                store.close()
            single_file(path)
    finally:
        log.close()


def replay(log: LocalLog, group: int, store: ShardFile, progress: Progress) -> None:
    """Applies to a shard file what a log holds beyond it.

    Raises:
        LogDamaged: the log does not hold all of it.
    """
    last = log.last_index(group)
    if store.applied > last:
        raise LogDamaged(
            f"{store.path} shows entry {store.applied}, and the log ends at {last}: it has lost its end, or the two are"
            " not of one time; put both back from one backup"
        )
    batch: list[tuple[int, Entry]] = []
    for record in log.read(group, store.applied + 1, last):
        batch.append((record.index, entry_of(record.epoch, record.blob)))
        if len(batch) == REPLAY_ENTRIES or record.index == last:
            assert store.apply(batch), "nobody else has this file"
            batch = []
            progress(f"{store.path.name}: entries", record.index, last)


def single_file(path: Path) -> None:
    """Brings a closed shard file's WAL home, so that the file can be copied alone."""
    connection: Any = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    finally:
        connection.close(True)
