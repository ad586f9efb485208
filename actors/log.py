"""The seam under every shard: a replicated log of entries.

Decides what an engine must offer. `local` (one node, a quorum of one), the simulator's log and later `raft` and
`etcd` stand behind it and pass one conformance suite. An engine knows nothing of what entries mean.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Record(NamedTuple):
    """One entry as the log holds it."""

    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)
    epoch: int
    blob: bytes


class LogDamaged(Exception):
    """The log cannot be trusted (bad CRC, gap, ended before what was acknowledged).

    The process must end, and an operator must look.
    """


class ReplicatedLog(Protocol):
    """The logs of all groups (shards) of one process. Indexes of a group are 1, 2, 3, ... without gaps."""

    def campaign(self, group: int) -> int:
        """Becomes the group's writer and returns its epoch, durable and greater than any before."""
        ...

    def last_index(self, group: int) -> int:
        """Returns the index of the last appended entry, 0 if there is none."""
        ...

    def first_index(self, group: int) -> int:
        """Returns the index of the first entry still kept; last_index + 1 if none is."""
        ...

    def append(self, group: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index. Nothing is durable before `sync`."""
        ...

    def sync(self) -> None:
        """Makes all that was appended durable, for all groups at once.

        Raises if that failed; it must never be tried again, unless the engine says that nothing was written for lack
        of room.
        """
        ...

    def committed(self, group: int) -> int:
        """Returns the index up to which entries are committed: durable on a quorum."""
        ...

    def read(self, group: int, first: int, last: int) -> Iterator[Record]:
        """Yields entries first..last in order.

        Raises:
            LogDamaged: an entry is missing or its CRC is wrong.
        """
        ...

    def truncate(self, group: int, below: int) -> None:
        """Allows entries before `below` to go; the engine drops them when a whole segment is free."""
        ...

    def close(self) -> None:
        """Ends the use of the log; nothing appended and not synced survives."""
        ...
