"""Makes a backup: copies of all shards, checked, with a manifest.

Decides that a backup holds everything that was acknowledged before it began, that it appears whole or not at all, and
that it leaves the node its room. How shards are copied, snapshot.py decides. Rule: docs/storage-faults.md.
"""

import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from ..processes.identity import FILE_NAME, IdentityDamaged, load_identity
from ..storage.log.ballast import BALLAST_BYTES
from ..storage.log.errors import DiskFull
from ..storage.log.files import OsFiles
from ..storage.shard.errors import lacks_room
from ..storage.shard.schema import SCHEMA_VERSION
from .layout import shard_files
from .manifest import MANIFEST, FileInBackup, Manifest, ShardInBackup, is_archive, program
from .reading import keeping_nodes_out, open_to_read
from .report import OperatorError, Progress, Report
from .snapshot import copy_beside_node, copy_stopped
from .verify_shard import verify_shard

BEHIND_WAIT_S: Final = 30.0
"""How long is waited for a shard file to show what was acknowledged before the backup began."""
LOOK_EVERY_S: Final = 0.02

Barrier = Callable[[], Mapping[int, int]]
"""Asks the running node for the last entry of each shard's log."""

_FIGURES: Final = """SELECT epoch, applied, stamp_ms, next_sequence,
    (SELECT count(*) FROM jobs), finished, (SELECT count(*) FROM leases) FROM meta"""


def back_up(folder: Path, target: Path, barrier: Barrier, progress: Progress, *, with_log: bool = True) -> Manifest:
    """Backs a data folder up.

    Args:
        folder: of a running, a stopped or a killed node.
        target: a new folder, or a new file whose name ends in .tar.
        barrier: asked if the node runs.
        progress: told how far this is.
        with_log: False backs a stopped node up without what its log alone holds, because that cannot be read.

    Raises:
        OperatorError: it cannot be made; nothing is left of it.
    """
    if target.exists() or target.is_symlink():
        raise OperatorError(
            f"{target} is there already; a backup overwrites nothing: name another one, or move it away"
        )
    if not target.parent.is_dir():
        raise OperatorError(f"there is no folder {target.parent}; make it first")
    shards = shard_files(folder)
    if [number for number, _ in shards] != list(range(len(shards))) or not shards:
        raise OperatorError(f"{folder} does not hold one file of each shard; `mainspring shards verify` says more")
    begun_ms = time.time_ns() // 1_000_000
    part = target.with_name(f".{target.name}.part-{os.getpid()}")
    try:
        _check_room(folder, shards, target)
        part.mkdir(mode=0o700)
        with keeping_nodes_out(folder) as alone:
            if alone:
                copy_stopped(folder, shards, part, progress, with_log=with_log)
            elif not with_log:
                raise OperatorError("the node runs, so its log can be read; leave --without-log away, or stop the node")
            else:
                _copy_running(shards, part, barrier, progress)
        manifest = _written(folder, part, begun_ms, progress)
        _put_in_place(part, manifest, target)
    except (OSError, apsw.Error, DiskFull) as error:
        if isinstance(error, DiskFull) or lacks_room(error):
            raise OperatorError(
                f"no room for the backup in {target.parent}; nothing is left of it: free some space, or name another"
                " disk"
            ) from error
        raise OperatorError(f"the backup cannot be made ({error}); look at both disks") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def _check_room(folder: Path, shards: Sequence[tuple[int, Path]], target: Path) -> None:
    """Refuses a backup for which there is no room, or that would take the node's own."""
    needed = sum(path.stat().st_size for _, path in shards) * (2 if is_archive(target) else 1)
    is_same_disk = folder.stat().st_dev == target.parent.stat().st_dev
    spare = 4 * BALLAST_BYTES if is_same_disk else 0
    free = os.statvfs(target.parent)
    if free.f_bavail * free.f_frsize < needed + spare:
        raise OperatorError(
            f"no room for the backup in {target.parent}: it needs about {needed} bytes"
            f"{f' beside {spare} that stay free for the node' if spare else ''}; free some space, or name another disk"
        )


def _copy_running(shards: Sequence[tuple[int, Path]], part: Path, barrier: Barrier, progress: Progress) -> None:
    """Copies each shard as of an entry no older than the last one that its log held when this began."""
    needed = barrier()
    until_s = time.monotonic() + BEHIND_WAIT_S
    for number, path in shards:
        if number not in needed:
            raise OperatorError(f"the node does not serve shard {number} ({path}); start it with all its shards")
        while not copy_beside_node(path, part / path.name, needed[number], progress):
            if time.monotonic() > until_s:
                raise OperatorError(
                    f"{path} does not show what was acknowledged {BEHIND_WAIT_S:g} s ago: somebody holds a lock on it, "
                    "or its disk is full; the node's log names who; mend that, and try again"
                )
            progress(f"{path.name}: waiting for its rows", 0, 0)
            time.sleep(LOOK_EVERY_S)


def _written(folder: Path, part: Path, begun_ms: int, progress: Progress) -> Manifest:
    """Checks the copies, and writes what else belongs to a backup."""
    try:
        identity = load_identity(folder) if (folder / FILE_NAME).exists() else None
    except IdentityDamaged as error:
        raise OperatorError(str(error)) from None
    if identity is None:
        raise OperatorError(f"{folder / FILE_NAME} is missing: no node of this cluster has ever started there")
    shutil.copyfile(folder / FILE_NAME, part / FILE_NAME)
    found = [_file(part / FILE_NAME, None)]
    for number, path in shard_files(part):
        report = Report()
        verify_shard(path, number, report, progress, alone=True)
        if report.is_damaged:
            raise OperatorError(
                f"shard {number} is damaged ({report.findings[0].what}), and no backup of it is kept; "
                "`mainspring shards verify` says more, and what to do"
            )
        found.append(_file(path, _figures(number, path)))
    manifest = Manifest(identity.cluster, identity.node, begun_ms, program(), SCHEMA_VERSION, found)
    (part / MANIFEST).write_bytes(manifest.encode())
    return manifest


def _file(path: Path, shard: ShardInBackup | None) -> FileInBackup:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileInBackup(path.name, path.stat().st_size, digest, shard)


def _figures(number: int, path: Path) -> ShardInBackup:
    connection: Any = open_to_read(path, alone=True)
    try:
        epoch, applied, stamp_ms, next_sequence, live, finished, leases = connection.execute(_FIGURES).fetchone()
        return ShardInBackup(number, epoch, applied, stamp_ms, next_sequence, live, finished, leases)
    finally:
        connection.close(True)


def _put_in_place(part: Path, manifest: Manifest, target: Path) -> None:
    """Gives the backup its name, when all of it is on the disk."""
    files = OsFiles()
    names = [MANIFEST, *(file.name for file in manifest.files)]
    whole = part
    if is_archive(target):
        whole = part / target.name
        with tarfile.open(whole, "x:") as archive:
            for name in names:
                archive.add(part / name, arcname=name)
        whole.chmod(0o600)  # every job's arguments stand in it
        names = [target.name]
    for name in names:
        files.sync(part / name)
    files.sync_directory(part)
    if target.exists():
        raise OperatorError(f"{target} has appeared meanwhile; a backup overwrites nothing: name another one")
    files.rename(whole, target)
    files.sync_directory(target.parent)
