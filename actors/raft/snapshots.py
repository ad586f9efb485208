"""The seam under snapshots: copies of a shard, made by a leader whose log is gone and put in place by a follower.

Decides what a body must offer (a node: files; the simulator: rows in memory). It must not know how a copy is made. A
crash at any point leaves the old shard or the new one, never a mix.
"""

from typing import NamedTuple, Protocol


class SnapshotDamaged(Exception):
    """What has arrived is not what was sent, or no sound copy: throw it away and ask for another one."""


class Made(NamedTuple):
    """A copy that is ready to be sent."""

    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)
    """The entry behind which the log of whoever installs it begins. The copy itself may hold some entries more."""
    size_bytes: int
    sha256: str


class Snapshots(Protocol):
    """The copies of all groups of one process: one to send and one that arrives, at most, for each group."""

    def make(self, group: int) -> None:
        """Starts to make a copy in the background; nothing happens if one is made, or under way."""
        ...

    def made(self, group: int) -> Made | None:
        """Returns the copy that may be sent, if it is ready."""
        ...

    def chunk(self, group: int, sha256: str, offset: int) -> bytes:
        """Returns the bytes from `offset` on, SNAPSHOT_CHUNK_BYTES at the most; empty if that copy is gone."""
        ...

    def drop(self, group: int) -> None:
        """Says that nobody needs the copy any more."""
        ...

    def begin(self, group: int, sha256: str, size_bytes: int) -> int:
        """Gets ready to take a copy and returns how much of it is here: 0, or what an earlier try has left.

        As with `add`, all of it only when it has been checked.
        """
        ...

    def add(self, group: int, sha256: str, offset: int, data: bytes) -> int:
        """Adds bytes behind those that are here and returns how much is here now.

        A body that needs long to check a copy, of which nobody should notice anything, does so in the background, and
        does not count the last bytes until it is done. They come again then, for the leader hears of no progress.
        """
        ...

    def install(self, group: int, sha256: str) -> int:
        """Puts the copy in the shard's place, durable when it returns, and returns the entry that it shows.

        Raises:
            SnapshotDamaged: it is not the copy that was sent, or not sound.
        """
        ...
