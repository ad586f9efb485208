"""Puts a backup back as a data folder on which a node can start.

Decides what a restored shard must not share with the one that was backed up, which may have lived on: its epochs, so
that every fence from before is refused; its leases, so that what ran then runs again; the ids of jobs that it took
afterwards. Rule: docs/design.md, "Replication and election" (a restore raises the epoch); docs/storage-faults.md.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

from ..storage.log.files import OsFiles
from ..storage.log.hard_state import HardState
from ..storage.log.segment import Tail, create_segment
from ..storage.log.synced_file import SyncedFile
from ..storage.shard.errors import lacks_room
from ..storage.shard.schema import SCHEMA_VERSION
from .backup_files import BackupFiles, open_backup
from .manifest import Manifest, ShardInBackup
from .reading import LOG_FOLDER
from .report import OperatorError, Progress, Report
from .verify_shard import verify_shard

EPOCHS_SKIPPED: Final = 1 << 20
IDS_SKIPPED: Final = 10_000_000
"""Jobs that were taken after the backup keep their ids to themselves, as long as they were fewer."""

_FORGET_LEASES: Final = "DELETE FROM leases"
_GO_ON: Final = "UPDATE meta SET floor = applied + 1, next_sequence = next_sequence + ?"


class Restored(NamedTuple):
    """What was put back."""

    manifest: Manifest
    epoch: int
    """The epoch that no node of before has had."""


def raised_epoch(shards: Sequence[ShardInBackup], now_ms: int) -> int:
    """Returns an epoch above all that were ever given, also by a node that went on after the backup.

    That node's epochs are not known here. They grow by one a start, so the wall clock in milliseconds is far above
    them, and two restores of one backup differ; where the clock is behind, a million starts are left free.
    """
    return max(now_ms, max(shard.epoch for shard in shards) + EPOCHS_SKIPPED)


def restore(backup: Path, folder: Path, progress: Progress) -> Restored:
    """Restores a backup into a folder that is not there, or empty.

    Raises:
        OperatorError: the backup is damaged, or the folder is in use; nothing was changed.
    """
    _check_target(folder)
    try:
        with open_backup(backup) as source:
            manifest = source.manifest
            if manifest.schema > SCHEMA_VERSION:
                raise OperatorError(
                    f"{backup} was made by {manifest.program}, whose files this program does not know; upgrade"
                    " mainspring on this machine"
                )
            epoch = raised_epoch(manifest.shards, time.time_ns() // 1_000_000)
            is_mount = folder.is_dir() and os.path.ismount(folder)
            staging = Path(tempfile.mkdtemp(prefix=".restoring-", dir=folder if is_mount else folder.parent))
            try:
                _fill(source, staging, epoch, progress)
                _put_in_place(staging, folder, is_mount=is_mount)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except (OSError, apsw.Error) as error:
        if lacks_room(error):
            raise OperatorError(f"no room for the restore in {folder.parent}; free some space") from error
        raise OperatorError(f"{folder} cannot be restored ({error}); look at its disk and its permissions") from error
    return Restored(manifest, epoch)


def _check_target(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise OperatorError(f"{folder} is no folder; name one that is empty, or not there yet")
    if folder.is_dir() and any(name.name != "lost+found" for name in folder.iterdir()):
        raise OperatorError(
            f"{folder} is not empty; a restore overwrites nothing: move it away (it may still be of use), or name"
            " another folder"
        )
    if not folder.parent.is_dir():
        raise OperatorError(f"there is no folder {folder.parent}; make it first")


def _fill(source: BackupFiles, staging: Path, epoch: int, progress: Progress) -> None:
    """Makes the whole data folder under another name."""
    files = OsFiles()
    tails: dict[int, Tail] = {}
    for file in source.manifest.files:
        path = staging / file.name
        with path.open("xb") as target:
            source.copy(file, target, progress)
        path.chmod(0o600)
        if file.shard is None:
            files.sync(path)
            continue
        _check_rows(source, path, file.shard, progress)
        _begin_again(path)
        files.sync(path)
        # The crc of an entry is compared with a later note of itself alone, and the entry is not here.
        tails[file.shard.shard + 1] = Tail(file.shard.applied, file.shard.epoch, 0)
    log = staging / LOG_FOLDER
    log.mkdir(mode=0o700)
    HardState.create(log, files)
    SyncedFile.create(log, files)
    state = HardState(log, files)
    for group in tails:
        state.raise_epoch(group, epoch)
    state.close()
    create_segment(log, 1, {group: tail for group, tail in tails.items() if tail.last}, files, None)
    files.sync_directory(log)
    files.sync_directory(staging)


def _check_rows(source: BackupFiles, path: Path, shard: ShardInBackup, progress: Progress) -> None:
    report = Report()
    meta = verify_shard(path, shard.shard, report, progress, alone=True)
    if report.is_damaged or meta is None or (meta.applied, meta.epoch) != (shard.applied, shard.epoch):
        what = report.findings[0].what if report.findings else "it is not as far as the manifest says"
        raise OperatorError(f"{source.path}: {path.name} is damaged ({what}); use another backup")


def _begin_again(path: Path) -> None:
    """Takes from a shard what must not be shared with its other life."""
    connection: Any = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_FORGET_LEASES)
        connection.execute(_GO_ON, (IDS_SKIPPED,))
        connection.execute("COMMIT")
    finally:
        connection.close(True)


def _put_in_place(staging: Path, folder: Path, *, is_mount: bool) -> None:
    files = OsFiles()
    if not is_mount:
        staging.chmod(0o700)
        files.rename(staging, folder)  # also over an empty folder
        files.sync_directory(folder.parent)
        return
    # A mount point keeps its own name. The log comes last: without it nothing starts on what is there.
    for path in sorted(staging.iterdir(), key=lambda path: path.name == LOG_FOLDER):
        files.rename(path, folder / path.name)
    files.sync_directory(folder)
