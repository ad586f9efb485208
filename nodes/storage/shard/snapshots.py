"""Copies of shards for members of a cluster whose log is too short: made by a leader, put in place by a follower.

Decides where copies stand, when one counts as here, and what a restart finds of them. Making one and checking one go on
in threads, on connections of their own: a gibibyte takes many seconds, and the others take such a silence for death.
The rest is done where it is called. It must not know who needs a copy. Rule: actors/raft/snapshots.py.
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
from .checking import Checking
from .copying import Copying
from .errors import shard_disk
from .shard_file import ShardFile

log = logging.getLogger("mainspring.coordinator")

ROOM_BYTES_SPARE = 4 * BALLAST_BYTES
"""What a copy leaves free: a full disk would stop the node for the sake of another one."""

RETRY_S = 30.0
"""After a copy that found no room the next one is begun so much later."""

PART_KEPT_S = 3600.0
"""A part of a copy that nobody has gone on with for so long is removed by the next start."""

AWAITED_BYTES_MAX = 1024 * 1024
"""The check of a copy up to this size is waited for, some 15 ms: less than until it is offered again."""

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class _Part(NamedTuple):
    """A copy that arrives."""

    sha256: str
    path: Path
    size_bytes: int
    here_bytes: int
    held_bytes: int
    """What counts as here while all of it is, and is checked."""
    has_room: bool


_NO_PART = _Part("", Path(), 0, 0, 0, has_room=True)


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
        self._checks: dict[int, Checking] = {}
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
                    self._end_check(group)
                    self._files.remove(other)
            here = mine.stat().st_size if mine.exists() else 0
            if here > size_bytes:
                self._end_check(group)
                self._files.remove(mine)
                here = 0
            has_room = _has_room(path, size_bytes - here)
        if not has_room and self._parts.get(group, _NO_PART).has_room:
            log.warning(
                "no room for a copy of %s that another member sends (%d bytes); free some space, it is offered again",
                path,
                size_bytes,
            )
        held = max(0, size_bytes - SNAPSHOT_CHUNK_BYTES)
        part = self._parts[group] = _Part(sha256, mine, size_bytes, here, held, has_room)
        return self._counted(group, part)

    def _counted(self, group: int, part: _Part) -> int:
        """Returns how much counts as here: a whole copy lacks its last piece until it is checked, well or ill."""
        if part.here_bytes < part.size_bytes:
            return part.here_bytes
        check = self._checks.get(group)
        if check is None or check.path != part.path:
            self._end_check(group)
            check = self._checks[group] = Checking(part.path, part.sha256, part.size_bytes, self._files)
            if part.size_bytes <= AWAITED_BYTES_MAX:
                check.wait()
        return part.held_bytes if check.is_running else part.size_bytes

    def _end_check(self, group: int) -> None:
        check = self._checks.pop(group, None)
        if check is not None:
            check.end()

    def wait_for_check(self, group: int) -> None:
        """Waits until the check of a copy that has arrived is done."""
        if group in self._checks:
            self._checks[group].wait()

    def add(self, group: int, sha256: str, offset: int, data: bytes) -> int:
        """Adds bytes behind those that are here and returns how much is here now; the same where there is no room.

        With the last ones a check begins, and until it is done they do not count: when they come again, they may.

        Raises:
            ShardFailed: the disk failed.
        """
        part = self._parts.get(group)
        if part is None or part.sha256 != sha256:
            return 0
        if not part.has_room or offset != part.here_bytes or offset + len(data) > part.size_bytes:
            return self._counted(group, part)
        try:
            with shard_disk(part.path):
                _write(part.path, offset, data)
            part = part._replace(here_bytes=offset + len(data), held_bytes=offset)
        except DiskFull as error:
            log.warning("%s; the copy will be offered again", error)
            part = part._replace(has_room=False)
            with shard_disk(part.path):
                os.truncate(part.path, offset)
        self._parts[group] = part
        return self._counted(group, part)

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
        self._counted(group, part._replace(here_bytes=part.size_bytes))  # a part of it is checked, too, and found short
        check = self._checks.pop(group)
        check.wait()
        try:
            check.result()
        except SnapshotDamaged:
            with shard_disk(part.path):
                self._files.remove(part.path)
            raise
        self.drop(group)
        store = self._stores[group]
        store.replace(part.path)
        return store.applied

    def close(self) -> None:
        """Ends what goes on, and removes the copies that were made."""
        for group, copying in list(self._copies.items()):
            self.drop(group)
            copying.wait()
        for group, check in list(self._checks.items()):
            self._end_check(group)
            check.wait()


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
