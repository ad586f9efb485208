"""A member's data directory: its log, its shards' rows and copies of them; it can be lost, put back or damaged.

Decides what each of these leaves. What was there before is remembered, so that a member whose disk is lost is still
known to have kept its word until then. It must not know what entries say.
"""

import random
from collections.abc import Mapping
from copy import deepcopy

from ..actors.log import Record
from .memory_snapshots import CopiedRows, MemorySnapshots
from .memory_store import MemoryStore
from .seat import Seat
from .slow_entries import SlowEntries


class Disk:
    """What is under one member."""

    def __init__(self, segment_entries: int, seats: Mapping[int, Seat], copied: CopiedRows) -> None:
        self.segment_entries = segment_entries
        self.seats = seats
        self.copied = copied
        self.entries = SlowEntries(segment_entries=segment_entries)
        self.snapshots = self._snapshots()
        self.old: list[SlowEntries] = []
        """What was there before it was lost, damaged or put back."""
        self.copy: tuple[SlowEntries, dict[int, MemoryStore]] | None = None

    def _snapshots(self) -> MemorySnapshots:
        return MemorySnapshots({seat.group: seat.store for seat in self.seats.values()}, self.copied)

    def had(self, group: int, record: Record) -> bool:
        """Says whether an entry is durable here, or was before the disk was harmed."""
        return any(disk.durable_epoch(group, record.index) in (0, record.epoch) for disk in (self.entries, *self.old))

    def crash(self, draw: random.Random) -> None:
        """The process is gone; so is what was not durable, but for a part that luck decides."""
        self.entries.crash(draw)
        self.snapshots.crash(draw)

    # Harm; the process is down.

    def lose(self) -> None:
        """Everything is gone."""
        self._put(SlowEntries(segment_entries=self.segment_entries), {})

    def back_up(self) -> None:
        """Somebody copies what is durable."""
        entries = deepcopy(self.entries)
        entries.crash()
        stores = {shard: seat.store.clone() for shard, seat in self.seats.items()}
        for store in stores.values():
            store.revert()
        self.copy = (entries, stores)

    def put_back(self) -> None:
        """Somebody puts an old copy of the directory back."""
        assert self.copy is not None, "there is no copy"
        entries, stores = self.copy
        self.copy = None
        self._put(entries, stores)

    def _put(self, entries: SlowEntries, stores: Mapping[int, MemoryStore]) -> None:
        self.old.append(self.entries)
        self.entries = entries
        for shard, seat in self.seats.items():
            seat.store = stores.get(shard, MemoryStore())
        self.snapshots = self._snapshots()

    def damage(self, group: int, first: int) -> None:
        """The disk has lost durable entries from `first` on."""
        self.old.append(deepcopy(self.entries))
        self.entries.lose(group, first)
