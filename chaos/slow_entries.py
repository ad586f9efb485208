"""Entries on a disk that takes its time: what `sync` was asked for becomes durable when `settle` is called.

Decides that a process sees its own sync as done, because nothing that rests on it leaves before `settle`; a crash in
between loses a part of it. It knows nothing of entries. Rule: actors/log.py, `EntryStore`.
"""

import random

from ..actors.log import Record
from .memory_entries import MemoryEntries


class SlowEntries(MemoryEntries):
    """The disk of a simulated member."""

    def __init__(self, *, segment_entries: int = 64) -> None:
        super().__init__(segment_entries=segment_entries)
        self.writing = False
        """Whether a sync is under way."""
        self.entries_cut = 0
        """Entries that were never committed and had to go."""

    def cut(self, group: int, first: int) -> None:
        """Takes away the entries from `first` on."""
        self.entries_cut += max(self.last_index(group) + 1 - first, 0)
        super().cut(group, first)

    def sync(self) -> None:
        """Begins to make all changes durable; whoever asks sees it as done."""
        self._check_usable()
        self.writing = self.writing or self.has_changes()

    def has_changes(self) -> bool:
        """Says whether a sync would have something to do."""
        return bool(self._waiting or self._saved or self._cuts)

    def synced(self, group: int) -> int:
        """Returns the index up to which entries are durable, or will be when the sync under way has ended."""
        return self.last_index(group) if self.writing else super().synced(group)

    def settle(self) -> None:
        """The sync that was under way has ended.

        Raises:
            LogFailed: the disk was made to fail.
        """
        self.writing = False
        super().sync()

    def crash(self, draw: random.Random | None = None) -> None:
        """Loses the process, as `MemoryEntries.crash` says."""
        self.writing = False
        super().crash(draw)

    def kept(self, group: int) -> list[Record]:
        """Returns the entries of a group as they are seen now."""
        return self._group(group).records

    def durable_epoch(self, group: int, index: int) -> int | None:
        """Returns the epoch of a durable entry, 0 if a snapshot stands for it, None if it is not there."""
        state = self._group(group)
        if index <= state.base:
            return 0
        if index <= state.synced:
            return state.records[index - state.base - 1].epoch
        at = index - state.synced - 1
        return state.cut_away[at].epoch if at < len(state.cut_away) else None
