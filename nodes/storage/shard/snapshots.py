"""Copies of shards for members of a cluster whose log is too short: made by a leader, put in place by a follower.

Decides where copies stand, when one is sound, and what a restart finds of them. Making one goes on in a thread, on a
connection of its own; everything else is done where it is called. It must not know who needs a copy. Rule:
actors/raft/snapshots.py.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from ....actors.raft.snapshots import Made, SnapshotDamaged
from ....broker.wire.member_messages import SNAPSHOT_CHUNK_BYTES
from ..log.ballast import BALLAST_BYTES
from ..log.errors import DiskFull
from ..log.files import Files, OsFiles
from .copying import Copying, check_copy, sha256_of
from .errors import shard_disk
from .shard_file import ShardFile

log = logging.getLogger("mainspring.coordinator")

ROOM_BYTES_SPARE = 4 * BALLAST_BYTES
"""What a copy leaves free: a full disk would stop the node for the sake of another one."""

RETRY_S = 30.0
"""After a copy that found no room the next one is begun so much later."""

PART_KEPT_S = 3600.0
"""A part of a copy that nobody has gone on with for so long is removed by the next start."""


_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class _Part(NamedTuple):
    """A copy that arrives."""

    sha256: str
    path: Path
    size_bytes: int
    here_bytes: int
    has_room: bool


_NO_PART = _Part("", Path(), 0, 0, has_room=True)


class ShardSnapshots:
    """The copies of all shards of one process. Implements `Snapshots`.

    Args:
        stores: group -> its shard file; they stay the same objects when a copy takes their place.
        files: what makes plain files durable; tests put a disk here that fails.
        elapsed_s: a clock that does not step.
    """

    def __init__(
        self,
        stores: Mapping[int, ShardFile],
        *,
        files: Files | None = None,
        elapsed_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stores = dict(stores)
        self._files = OsFiles() if files is None else files
        self._elapsed_s = elapsed_s
        self._copies: dict[int, Copying] = {}
        self._again_s: dict[int, float] = {}
        self._numbers = count(1)
        self._parts: dict[int, _Part] = {}
        for store in self._stores.values():
            self._remove_leftovers(store.path)

    def _remove_leftovers(self, path: Path) -> None:
        for left in path.parent.glob(f".{path.name}.copy*"):
            self._files.remove(left)
        for left in _parts_of(path):
            if time.time() - left.stat().st_mtime > PART_KEPT_S:
                self._files.remove(left)

    def make(self, group: int) -> None:
        """Starts to make a copy in the background; nothing happens if one is made, or under way.

        Nor if there is no room for one: it is tried again later.
        """
        if group in self._copies or self._elapsed_s() < self._again_s.get(group, 0.0):
            return
        store = self._stores[group]
        if not _has_room(store.path, store.path.stat().st_size + store.wal_bytes()):
            self._put_off(group)
            return
        target = store.path.with_name(f".{store.path.name}.copy-{next(self._numbers)}")
        self._copies[group] = Copying(store.path, target, store.vfs)

    def made(self, group: int) -> Made | None:
        """Returns the copy that may be sent, if it is ready.

        Raises:
            ShardFailed: the shard file cannot be read; the process must end.
        """
        copying = self._copies.get(group)
        if copying is None or copying.is_running:
            return None
        try:
            return copying.result()
        except DiskFull:
            self.drop(group)
            self._put_off(group)
            return None

    def _put_off(self, group: int) -> None:
        log.warning("no room for a copy of %s, which another member needs; free some space", self._stores[group].path)
        self._again_s[group] = self._elapsed_s() + RETRY_S

    def wait(self, group: int) -> None:
        """Waits until a copy that is under way is done."""
        if group in self._copies:
            self._copies[group].wait()

    def chunk(self, group: int, sha256: str, offset: int) -> bytes:
        """Returns the bytes from `offset` on, SNAPSHOT_CHUNK_BYTES at the most; empty if that copy is gone."""
        made = self.made(group)
        if made is None or made.sha256 != sha256:
            return b""
        with shard_disk(self._copies[group].target):
            return self._copies[group].read(offset, SNAPSHOT_CHUNK_BYTES)

    def drop(self, group: int) -> None:
        """Says that nobody needs the copy any more; one under way ends."""
        copying = self._copies.pop(group, None)
        if copying is not None:
            copying.end()

    def begin(self, group: int, sha256: str, size_bytes: int) -> int:
        """Gets ready to take a copy and returns how much of it is here: 0, or what an earlier try has left.

        Where there is no room for it, nothing is added until it is offered again.

        Raises:
            ShardFailed: the disk failed.
        """
        path = self._stores[group].path
        if not _SHA256.fullmatch(sha256):
            return 0  # it would name a file
        mine = path.with_name(f".{path.name}.part-{sha256}")
        with shard_disk(mine):
            for other in _parts_of(path):
                if other != mine:
                    self._files.remove(other)
            here = mine.stat().st_size if mine.exists() else 0
            if here > size_bytes:
                self._files.remove(mine)
                here = 0
            has_room = _has_room(path, size_bytes - here)
        if not has_room and self._parts.get(group, _NO_PART).has_room:
            log.warning(
                "no room for a copy of %s that another member sends (%d bytes); free some space, it is offered again",
                path,
                size_bytes,
            )
        self._parts[group] = _Part(sha256, mine, size_bytes, here, has_room)
        return here

    def add(self, group: int, sha256: str, offset: int, data: bytes) -> int:
        """Adds bytes behind those that are here and returns how much is here now; the same where there is no room.

        Raises:
            ShardFailed: the disk failed.
        """
        part = self._parts.get(group)
        if part is None or part.sha256 != sha256:
            return 0
        if not part.has_room or offset != part.here_bytes or offset + len(data) > part.size_bytes:
            return part.here_bytes
        try:
            with shard_disk(part.path):
                _write(part.path, offset, data)
            part = part._replace(here_bytes=offset + len(data))
        except DiskFull as error:
            log.warning("%s; the copy will be offered again", error)
            part = part._replace(has_room=False)
            with shard_disk(part.path):
                os.truncate(part.path, offset)
        self._parts[group] = part
        return part.here_bytes

    def install(self, group: int, sha256: str) -> int:
        """Puts the copy in the shard's place, durable when it returns, and returns the entry that it shows.

        Raises:
            SnapshotDamaged: it is not the copy that was sent, or not sound; it is removed.
            ShardFailed: the disk failed; the process must end.
            DiskFull: there is no room to make it durable; the shard is as it was.
        """
        part = self._parts.pop(group, None)
        if part is None or part.sha256 != sha256 or not part.path.exists():
            raise SnapshotDamaged(f"no copy {sha256} of group {group} has arrived")
        store = self._stores[group]
        try:
            with shard_disk(part.path):
                self._files.sync(part.path)
                if part.path.stat().st_size != part.size_bytes or sha256_of(part.path) != sha256:
                    raise SnapshotDamaged(f"{part.path} is not the copy that was sent; another one is needed")
            check_copy(part.path)
        except SnapshotDamaged:
            with shard_disk(part.path):
                self._files.remove(part.path)
            raise
        self.drop(group)
        store.replace(part.path)
        return store.applied

    def close(self) -> None:
        """Ends what goes on, and removes the copies that were made."""
        for group, copying in list(self._copies.items()):
            self.drop(group)
            copying.wait()


def _parts_of(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f".{path.name}.part-*"))


def _has_room(path: Path, needed_bytes: int) -> bool:
    free = os.statvfs(path.parent)
    return free.f_bavail * free.f_frsize >= needed_bytes + ROOM_BYTES_SPARE


def _write(path: Path, offset: int, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(data)
        while left:
            written = os.pwrite(fd, left, offset)
            offset, left = offset + written, left[written:]
    finally:
        os.close(fd)
