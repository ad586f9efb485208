"""A member's disk, with a witness looking on.

Decides nothing about entries; it tells the witness what is written, and answers what would be found after a crash.
"""

from ..memory_entries import MemoryEntries
from .witness import Witness


class Disk(MemoryEntries):
    """The entries of one member. Implements `EntryStore`."""

    def __init__(self, name: str, witness: Witness, *, segment_entries: int) -> None:
        super().__init__(segment_entries=segment_entries)
        self.name = name
        self._witness = witness
        self._lost: dict[int, list[int]] = {}
        """Of each group: the terms of the entries that it had held when the disk lost some of them."""

    def put(self, group: int, epoch: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index."""
        before = self._group(group).last_epoch
        index = super().put(group, epoch, blob)
        self._witness.put(self.name, group, index, epoch, before, blob)
        return index

    def reset(self, group: int, index: int, epoch: int) -> None:
        """Begins the group's log anew behind this entry."""
        self._witness.began_behind(self.name, group, index, epoch)
        super().reset(group, index, epoch)

    def lose(self, group: int, first: int) -> None:
        """Has the disk lose durable entries from `first` on."""
        self._lost[group] = self._terms(group)
        super().lose(group, first)

    def remember_loss(self, old: "Disk", group: int) -> None:
        """Stands in the place of a disk that was lost as a whole."""
        self._lost[group] = old._terms(group)

    def _terms(self, group: int) -> list[int]:
        state = self._group(group)
        return [0] * state.base + [record.epoch for record in state.records]

    def forget_loss(self, group: int) -> None:
        """Forgets that it has lost something, as a disk does that was put back to an older state."""
        self._group(group).acknowledged = 0

    def term_at(self, group: int, index: int) -> int | None:
        """Returns the term of an entry as it is seen now; 0 if a snapshot stands for it, None if it is not there."""
        state = self._group(group)
        if index <= state.base:
            return 0
        return state.records[index - state.base - 1].epoch if index <= state.last else None

    def durable_last(self, group: int) -> int:
        """Returns the last entry that a crash would leave."""
        state = self._group(group)
        return state.synced + len(state.cut_away)

    def durable_state(self, group: int) -> bytes:
        """Returns the state that a crash would leave."""
        return self._group(group).state

    def has_held(self, group: int, index: int, term: int) -> bool:
        """Says whether an entry is durable here, or was before the disk lost it."""
        state = self._group(group)
        if index <= state.base:
            return True
        if index <= state.synced and state.records[index - state.base - 1].epoch == term:
            return True
        lost = self._lost.get(group, [])
        return index <= len(lost) and lost[index - 1] in (term, 0)
