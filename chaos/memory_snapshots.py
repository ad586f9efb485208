"""Copies of shards in memory: the simulator's, for members whose log is too short.

Decides what stands for a copy's bytes (a name that all nodes of a world know), and what a crash leaves of one that
arrives. It must not know who needs a copy. Rule: actors/raft/snapshots.py.
"""

import hashlib
import random
from collections.abc import Mapping
from typing import NamedTuple

from ..actors.coordinator.takeover import keep_from
from ..actors.raft.snapshots import Made, SnapshotDamaged
from .memory_rows import MemoryRows
from .memory_store import MemoryStore

COPY_BYTES = 300
CHUNK_BYTES = 100
"""Small ones do: what counts is that there are several."""


class CopiedRows:
    """All copies of one simulated world, by their hashes."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[MemoryRows, bytes]] = {}

    def keep(self, rows: MemoryRows) -> str:
        """Keeps rows as they are now and returns their name."""
        data = (b"copy %d of rows as of %d " % (len(self._rows), rows.applied)).ljust(COPY_BYTES, b".")
        sha256 = hashlib.sha256(data).hexdigest()
        self._rows[sha256] = rows.clone(), data
        return sha256

    def rows(self, sha256: str) -> MemoryRows:
        """Returns the rows of that name."""
        return self._rows[sha256][0]

    def data(self, sha256: str) -> bytes:
        """Returns the bytes that stand for them."""
        return self._rows[sha256][1]


class _Part(NamedTuple):
    sha256: str
    size_bytes: int
    data: bytes


class MemorySnapshots:
    """The copies of one simulated process. Implements `Snapshots`.

    Args:
        stores: group -> its store; they stay the same objects when a copy takes their place.
        copied: shared by all nodes of a world.
        chunk_bytes: how much one chunk brings.
    """

    def __init__(
        self, stores: Mapping[int, MemoryStore], copied: CopiedRows, *, chunk_bytes: int = CHUNK_BYTES
    ) -> None:
        assert chunk_bytes > 0, "a chunk brings something"
        self._stores = stores
        self._copied = copied
        self._chunk_bytes = chunk_bytes
        self._made: dict[int, Made] = {}
        self._parts: dict[int, _Part] = {}
        self.installs = 0
        """How often a copy took a shard's place."""

    def make(self, group: int) -> None:
        """Makes a copy; nothing happens if there is one."""
        if group not in self._made:
            rows = self._stores[group].rows
            sha256 = self._copied.keep(rows)
            index = keep_from(rows.applied, max(rows.floor, 1)) - 1
            self._made[group] = Made(index, len(self._copied.data(sha256)), sha256)

    def made(self, group: int) -> Made | None:
        """Returns the copy that may be sent, if there is one."""
        return self._made.get(group)

    def chunk(self, group: int, sha256: str, offset: int) -> bytes:
        """Returns the bytes from `offset` on; empty if that copy is gone."""
        made = self._made.get(group)
        if made is None or made.sha256 != sha256:
            return b""
        return self._copied.data(sha256)[offset : offset + self._chunk_bytes]

    def drop(self, group: int) -> None:
        """Says that nobody needs the copy any more."""
        self._made.pop(group, None)

    def begin(self, group: int, sha256: str, size_bytes: int) -> int:
        """Gets ready to take a copy and returns how much of it is here."""
        part = self._parts.get(group)
        if part is None or part.sha256 != sha256 or len(part.data) > size_bytes:
            part = _Part(sha256, size_bytes, b"")
        self._parts[group] = part._replace(size_bytes=size_bytes)
        return len(part.data)

    def add(self, group: int, sha256: str, offset: int, data: bytes) -> int:
        """Adds bytes behind those that are here and returns how much is here now."""
        part = self._parts.get(group)
        if part is None or part.sha256 != sha256:
            return 0
        if offset == len(part.data) and offset + len(data) <= part.size_bytes:
            part = self._parts[group] = part._replace(data=part.data + data)
        return len(part.data)

    def install(self, group: int, sha256: str) -> int:
        """Puts the copy in the shard's place, durable when it returns, and returns the entry that it shows.

        Raises:
            SnapshotDamaged: it is not the copy that was sent.
        """
        part = self._parts.pop(group, None)
        if part is None or part.sha256 != sha256:
            raise SnapshotDamaged(f"no copy {sha256} of group {group} has arrived")
        if len(part.data) != part.size_bytes or hashlib.sha256(part.data).hexdigest() != sha256:
            raise SnapshotDamaged(f"copy {sha256} of group {group} is not the one that was sent")
        self.drop(group)
        self._stores[group].replace(self._copied.rows(sha256))
        self.installs += 1
        return self._stores[group].applied

    def spoil(self, group: int) -> None:
        """Flips a bit in what has arrived, as a disk may."""
        part = self._parts[group]
        self._parts[group] = part._replace(data=bytes([part.data[0] ^ 1]) + part.data[1:])

    def crash(self, draw: random.Random | None = None) -> None:
        """Loses the process: copies made are gone, and of those that arrive a part stays, by wish."""
        self._made.clear()
        for group, part in list(self._parts.items()):
            kept = len(part.data) if draw is None else draw.randint(0, len(part.data))
            self._parts[group] = part._replace(data=part.data[:kept])
