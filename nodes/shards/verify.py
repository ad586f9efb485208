"""Checks all that is stored under some paths: data folders, single shard files, logs, backups.

Decides what a path is, and what is checked of it while a node runs there. It must not know how a part is checked.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from ..processes.identity import FILE_NAME, IdentityDamaged, load_identity
from .backup_files import verify_backup
from .fates import Fates
from .layout import number_of, shard_files
from .manifest import MANIFEST, is_archive
from .reading import LOG_FOLDER, keeping_nodes_out
from .report import OperatorError, Progress, Report
from .verify_entries import compare_ends, compare_jobs
from .verify_log import LogCheck
from .verify_shard import ShardMeta, verify_shard

RUNS_HERE: Final = "the node runs: shard files are checked as of one moment, the newest part of its log is not"


def verify(paths: Iterable[Path], progress: Progress) -> Report:
    """Checks each path.

    Raises:
        OperatorError: a path is nothing that can be checked.
    """
    report = Report()
    for path in paths:
        _kind(path)(path, report, progress)
    return report


def _kind(path: Path) -> Callable[[Path, Report, Progress], None]:
    if path.is_file():
        return verify_backup if is_archive(path) else _file
    if not path.is_dir():
        raise OperatorError(f"there is no {path}; give a data folder, a shard file, a log folder or a backup")
    if (path / MANIFEST).exists():
        return verify_backup
    if shard_files(path) or (path / LOG_FOLDER).is_dir():
        return _folder
    if any(path.glob("log-*.db")):
        return _log
    raise OperatorError(f"{path} has neither shard files nor a log; give a node's data folder, or a backup")


def _file(path: Path, report: Report, progress: Progress) -> None:
    with keeping_nodes_out(path.parent) as alone:
        if not alone:
            report.skip(RUNS_HERE)
        verify_shard(path, number_of(path), report, progress, alone=alone)


def _log(path: Path, report: Report, progress: Progress) -> None:
    with keeping_nodes_out(path.parent) as alone:
        LogCheck(path, report, progress, _nobody, alone=alone).run()


def _nobody(_group: int, _index: int, _entry: Any) -> None: ...


def _folder(folder: Path, report: Report, progress: Progress) -> None:
    with keeping_nodes_out(folder) as alone:
        if not alone:
            report.skip(RUNS_HERE)
        _identity(folder, report)
        found: dict[int, tuple[Path, ShardMeta]] = {}
        for shard, path in shard_files(folder):
            meta = verify_shard(path, shard, report, progress, alone=alone)
            if meta is not None:
                found[shard + 1] = path, meta  # group 0 is the cluster's own
        if not (folder / LOG_FOLDER).is_dir():
            _no_log(folder, [path for path, _ in found.values()], report)
            return
        fates = {group: Fates(meta.applied) for group, (_, meta) in found.items()}

        def take(group: int, index: int, entry: Any) -> None:
            if group in fates:
                fates[group].take(index, entry)

        log = LogCheck(folder / LOG_FOLDER, report, progress, take, alone=alone)
        log.run()
        for group, (path, meta) in found.items():
            if alone:  # a node that runs has gone on since the file was read
                compare_ends(path, group, meta, log, report)
            if not log.is_whole:
                report.skip(f"{path}: its jobs against the log, of which a part was not read")
            else:
                compare_jobs(path, fates[group], report, progress, alone=alone)


def _identity(folder: Path, report: Report) -> None:
    path = folder / FILE_NAME
    if not path.exists():
        what, means = "is missing", "the node would start as another one, and clients would be refused"
        report.add("identity", what, str(path), means=means, mend="put it back from a backup")
        return
    try:
        load_identity(folder)
    except (IdentityDamaged, OSError) as error:
        means = "the node will not start"
        report.add("identity", str(error), str(path), means=means, mend="put it back from a backup")


def _no_log(folder: Path, paths: Sequence[Path], report: Report) -> None:
    report.add(
        "log", "is missing", str(folder / LOG_FOLDER), mend="restore a backup into an empty folder",
        means=f"nothing acknowledged since {len(paths)} shard files were last written is there",
    )  # fmt: skip
