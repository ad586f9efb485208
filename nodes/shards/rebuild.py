"""Makes a shard file again from the log, or from a backup of it and what the log holds beyond.

Decides when that is possible without a loss: the log must reach back to where the new file begins. Nothing
acknowledged is lost then, no epoch is raised and no job runs twice, for the log is the truth and goes on. The old file
is kept beside the new one.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from ...actors.log import LogDamaged
from ..processes.identity import FILE_NAME, load_identity
from ..storage.log.errors import DataDirectoryInUse, DiskFull, LogFailed
from ..storage.log.files import OsFiles
from ..storage.log.group_states import state_files
from ..storage.log.hard_state import HardState, read_epochs
from ..storage.log.local_log import LocalLog
from ..storage.log.segment import remove_segment_files
from ..storage.log.slot_file import read_slots
from ..storage.shard.errors import ShardFailed, lacks_room
from ..storage.shard.migration import ShardFileError
from ..storage.shard.shard_file import ShardFile, shard_file_name
from .backup_files import BackupFiles, open_backup
from .layout import shard_files
from .reading import LOG_FOLDER
from .report import OperatorError, Progress, Report
from .snapshot import replay, single_file
from .verify_shard import verify_shard


class Rebuilt(NamedTuple):
    """One file that was made again."""

    shard: int
    path: Path
    begun_at: int
    """The entry that it began with: 0, or that of the backup."""
    applied: int
    old: Path | None
    """What the old file is called now."""


def rebuild(folder: Path, shards: Sequence[int], backup: Path | None, progress: Progress) -> list[Rebuilt]:
    """Makes shard files of a stopped node again.

    Args:
        folder: the data folder.
        shards: their numbers; none: all of them.
        backup: where to begin; None: with nothing.
        progress: told how far this is.

    Raises:
        OperatorError: it cannot be done; the files are as they were.
    """
    if not (folder / LOG_FOLDER / HardState.NAME).exists():
        raise OperatorError(f"{folder} has no log to build from; restore a backup into an empty folder")
    if state_files(folder / LOG_FOLDER):
        raise OperatorError(
            f"{folder} is a member's of a cluster, and its log may end with entries that never counted; put a node of"
            " another name with an empty data directory in its place (`mainspring cluster replace`): the others bring"
            " it everything"
        )
    try:
        log = LocalLog(folder / LOG_FOLDER, ballast_bytes=0)
    except DataDirectoryInUse as error:
        raise OperatorError(f"{error}; a shard is built again while its node is stopped") from None
    except (LogDamaged, LogFailed, DiskFull) as error:
        raise OperatorError(str(error)) from None
    try:
        known = dict(shard_files(folder))
        numbers = _numbers(folder, shards)
        paths = {number: known.get(number, folder / shard_file_name("default", number)) for number in numbers}
        if backup is None:
            return [_one(log, number, paths[number], None, progress) for number in numbers]
        with open_backup(backup) as source:
            _check_cluster(folder, source)
            return [_one(log, number, paths[number], source, progress) for number in numbers]
    except (LogDamaged, LogFailed, ShardFailed, ShardFileError, DiskFull) as error:
        raise OperatorError(f"{error}; the old files are as they were") from None
    except (OSError, apsw.Error) as error:
        told = "there is no room" if lacks_room(error) else str(error)
        raise OperatorError(f"{folder} cannot be written to ({told}); the old files are as they were") from error
    finally:
        with suppress(LogFailed):
            log.close()


def _numbers(folder: Path, shards: Sequence[int]) -> list[int]:
    """Returns which shards are meant; the log must know them, for a file too many keeps the node from starting."""
    epochs = read_epochs(max(slot for slot in read_slots(folder / LOG_FOLDER / HardState.NAME) if slot)[1])
    known = [group - 1 for group in sorted(epochs) if group]  # group 0 is the cluster's own
    if not known:
        raise OperatorError(f"{folder} has a log without a single entry: start the node, which makes its shard files")
    for number in sorted(set(shards) - set(known)):
        have = ", ".join(map(str, known))
        raise OperatorError(f"this node has no shard {number}: its log holds no entry of one; it has {have}")
    return sorted(set(shards)) or known


def _check_cluster(folder: Path, source: BackupFiles) -> None:
    if (folder / FILE_NAME).exists() and load_identity(folder).cluster != source.manifest.cluster:
        raise OperatorError(f"{source.path} is a backup of another cluster; use one of this node")


def _one(log: LocalLog, number: int, path: Path, source: BackupFiles | None, progress: Progress) -> Rebuilt:
    group = number + 1
    files = OsFiles()
    new = path.with_name(f".{path.name}.rebuilt")
    remove_segment_files(new, files)
    try:
        begun_at = _begin(new, number, source, progress)
        first = log.first_index(group)
        if first > begun_at + 1:
            begins = f"the log of shard {number} begins at entry {first}, and its file would have to begin at"
            if source is None:
                raise OperatorError(
                    f"{begins} entry 1: what lies before was dropped when the file held it; give a backup that shows"
                    f" entry {first - 1} or a later one by --from, or restore one"
                )
            raise OperatorError(f"{begins} entry {begun_at + 1}: the backup is too old; use a newer one, or restore it")
        store = ShardFile(new)
        try:
            replay(log, group, store, progress)
            applied = store.applied
        finally:
            store.close()
        single_file(new)
        report = Report()
        verify_shard(new, number, report, progress, alone=True)
        if report.is_damaged:
            raise OperatorError(f"what was built is damaged as well ({report.findings[0].what}); restore a backup")
        files.sync(new)
        return Rebuilt(number, path, begun_at, applied, _exchange(path, new, files))
    finally:
        remove_segment_files(new, files)


def _begin(new: Path, number: int, source: BackupFiles | None, progress: Progress) -> int:
    if source is None:
        return 0
    for file in source.manifest.files:
        if file.shard is not None and file.shard.shard == number:
            with new.open("xb") as target:
                source.copy(file, target, progress)
            new.chmod(0o600)
            return file.shard.applied
    raise OperatorError(f"{source.path} has no shard {number}; use a backup of this node")


def _exchange(path: Path, new: Path, files: OsFiles) -> Path | None:
    """Puts the new file in the old one's place.

    In between there is none, and a node does not start: neither may stand beside the other's WAL, nor the old one
    without its own.
    """
    old: Path | None = None
    if path.exists():
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        old = path.with_name(f"{path.name}.old-{stamp}")
        os.link(path, old)
        with suppress(FileNotFoundError):
            os.link(path.with_name(f"{path.name}-wal"), old.with_name(f"{old.name}-wal"))
        files.sync_directory(path.parent)
    remove_segment_files(path, files)
    files.sync_directory(path.parent)
    files.rename(new, path)
    files.sync_directory(path.parent)
    return old


def as_dict(rebuilt: Rebuilt) -> dict[str, Any]:
    """Returns it for programs."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in rebuilt._asdict().items()}
