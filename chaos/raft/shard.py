"""What entries make: a shard that is nothing but the digest of all entries so far, and copies of it on their way.

Decides what of it a crash leaves, and which entry a copy stands for. It knows nothing of terms or members.
"""

from hashlib import sha256

from ...actors.raft.snapshots import Made, SnapshotDamaged
from ...broker.wire.packing import pack, unpack

CHUNK_BYTES = 16


class Dies(Exception):
    """The process ends right here."""


class Shard:
    """One group's rows at one member."""

    __slots__ = ("applied", "digest", "durable")

    def __init__(self) -> None:
        self.applied = 0
        self.digest = b""
        self.durable = (0, b"")

    def apply(self, index: int, blob: bytes) -> None:
        """Applies the next entry."""
        assert index == self.applied + 1, f"entry {index} follows {self.applied}"
        self.applied = index
        self.digest = sha256(self.digest + blob).digest()

    def checkpoint(self) -> None:
        """Makes it durable."""
        self.durable = (self.applied, self.digest)

    def crash(self) -> None:
        """Goes back to what is durable."""
        self.applied, self.digest = self.durable


class Copies:
    """One member's copies. Implements `Snapshots`."""

    def __init__(self, shards: dict[int, Shard]) -> None:
        self._shards = shards
        self.wanted: set[int] = set()
        self._made: dict[int, tuple[Made, bytes]] = {}
        self._coming: dict[int, tuple[str, int, bytes]] = {}
        self.dies_before_reset = False
        """The next copy is put in place, and the process ends before the log follows."""

    def make(self, group: int) -> None:
        """Starts to make a copy."""
        if group not in self._made:
            self.wanted.add(group)

    def finish(self, group: int, index: int) -> None:
        """The copy is made; it stands for entry `index`, and shows some more perhaps."""
        shard = self._shards[group]
        assert index <= shard.applied, "a copy shows what it stands for"
        data = pack([shard.applied, shard.digest])
        self._made[group] = (Made(index, len(data), sha256(data).hexdigest()), data)
        self.wanted.discard(group)

    def made(self, group: int) -> Made | None:
        """Returns the copy that may be sent."""
        found = self._made.get(group)
        return None if found is None else found[0]

    def chunk(self, group: int, sha256: str, offset: int) -> bytes:
        """Returns the bytes from `offset` on."""
        found = self._made.get(group)
        if found is None or found[0].sha256 != sha256:
            return b""
        return found[1][offset : offset + CHUNK_BYTES]

    def drop(self, group: int) -> None:
        """Nobody needs the copy any more."""
        self._made.pop(group, None)
        self.wanted.discard(group)

    def begin(self, group: int, sha256: str, size_bytes: int) -> int:
        """Gets ready to take a copy and returns how much of it is here."""
        coming = self._coming.get(group)
        if coming is None or coming[:2] != (sha256, size_bytes):
            coming = self._coming[group] = (sha256, size_bytes, b"")
        return len(coming[2])

    def add(self, group: int, sha256: str, offset: int, data: bytes) -> int:
        """Adds bytes and returns how much is here now."""
        known, size_bytes, here = self._coming[group]
        assert (known, len(here)) == (sha256, offset), "pieces come in order"
        self._coming[group] = (known, size_bytes, here + data)
        return offset + len(data)

    def install(self, group: int, sha256: str) -> int:
        """Puts the copy in the shard's place."""
        known, size_bytes, data = self._coming.pop(group)
        if known != sha256 or len(data) != size_bytes or _digest(data) != sha256:
            raise SnapshotDamaged("what came is not what was sent")
        shard = self._shards[group]
        copied: tuple[int, bytes] = tuple(unpack(data))
        shard.applied, shard.digest = copied
        shard.checkpoint()
        if self.dies_before_reset:
            self.dies_before_reset = False
            raise Dies
        return shard.applied

    def damage(self, group: int) -> None:
        """Spoils what has come of a copy."""
        coming = self._coming.get(group)
        if coming is not None and coming[2]:
            self._coming[group] = (coming[0], coming[1], bytes([coming[2][0] ^ 1]) + coming[2][1:])


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()
