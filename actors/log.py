"""The seam under every shard: a replicated log of entries, and the seam under that: entries on one disk.

Decides what an engine must offer. `local` (one node, a quorum of one), `raft` (actors/raft) and the simulator's log
stand behind `ReplicatedLog` and pass one conformance suite; so will `etcd`. `EntryStore` is what an engine with a disk
of its own stands on. An engine knows nothing of what entries mean.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from .effects import Send


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

    def outgoing(self) -> list[Send]:
        """Returns, once, what may leave for other members before the disk is waited for: it promises nothing."""
        ...

    def answers(self) -> list[Send]:
        """Returns, once, what may leave for other members now that `sync` has made durable what it rests on."""
        ...

    def begin_round(self, group: int) -> int:
        """Returns a number that `confirmed` reaches once a quorum has said, after this call, that it still leads.

        A read that arrived before the call is true if it is answered then. A quorum of one is always sure.
        """
        ...

    def confirmed(self, group: int) -> int:
        """Returns the last round that a quorum has confirmed."""
        ...

    def close(self) -> None:
        """Ends the use of the log; nothing appended and not synced survives."""
        ...


class EntryStore(Protocol):
    """Entries of all groups on one disk, whoever decides about them. Nothing is durable before `sync`.

    What a call has changed is seen by the calls after it at once, synced or not.
    """

    def state(self, group: int) -> bytes:
        """Returns what the engine has saved of a group last; empty if it never did."""
        ...

    def save_state(self, group: int, state: bytes) -> None:
        """Keeps a few thousand bytes: term, vote, members. `sync` makes it durable before any entry of that sync."""
        ...

    def epoch(self, group: int) -> int:
        """Returns the greatest epoch that this disk has given or seen: of its entries, or of a local engine here."""
        ...

    def base(self, group: int) -> tuple[int, int]:
        """Returns (index, epoch) of the entry before the first one kept; (0, 0) at the beginning."""
        ...

    def last_index(self, group: int) -> int:
        """Returns the index of the last entry; that of `base` if none is kept."""
        ...

    def epochs(self, group: int) -> list[tuple[int, int]]:
        """Returns [first index, epoch] of each run of entries of one epoch, in order, of those that are kept."""
        ...

    def put(self, group: int, epoch: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index."""
        ...

    def cut(self, group: int, first: int) -> None:
        """Takes away the entries from `first` on; they were never committed."""
        ...

    def reset(self, group: int, index: int, epoch: int) -> None:
        """Begins the group's log anew behind this entry, which a snapshot has brought; durable when it returns."""
        ...

    def synced(self, group: int) -> int:
        """Returns the index up to which entries are durable."""
        ...

    def acknowledged(self, group: int) -> int:
        """Returns the index up to which entries had been durable here at some time, if the start found fewer; else 0.

        Such a disk has lost what it promised to hold, and has no vote before it has it again.
        """
        ...

    def sync(self) -> None:
        """Makes all changes durable, as ReplicatedLog.sync says."""
        ...

    def read(self, group: int, first: int, last: int) -> Iterator[Record]:
        """Yields entries first..last in order, as ReplicatedLog.read says."""
        ...

    def truncate(self, group: int, below: int) -> None:
        """Allows entries before `below` to go."""
        ...

    def close(self) -> None:
        """Ends the use of the store."""
        ...
