"""The log in memory: the same seams, with a disk that forgets, stalls and fails on demand.

Decides who may append, and how far entries are committed while commits are held back. It knows nothing of entries; the
disk under it is memory_entries.py.
"""

import random

from ..actors.effects import Send
from .memory_entries import MemoryEntries


class MemoryLog(MemoryEntries):
    """The logs of all groups of one simulated process. Implements `ReplicatedLog`, and `EntryStore` for an engine."""

    def __init__(self, *, segment_entries: int = 64) -> None:
        super().__init__(segment_entries=segment_entries)
        self._held = False

    def campaign(self, group: int) -> int:
        """Becomes the group's writer and returns its epoch, durable and greater than any before."""
        self._check_usable()
        state = self._group(group)
        state.epoch = max(state.epoch, state.last_epoch) + 1
        state.campaigned = True
        return state.epoch

    def append(self, group: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index. Nothing is durable before `sync`."""
        self._check_usable()
        state = self._group(group)
        assert state.campaigned, "campaign before the first append"
        return self.put(group, state.epoch, blob)

    def committed(self, group: int) -> int:
        """Returns the index up to which entries are committed: synced, and not held back."""
        self._check_usable()
        state = self._group(group)
        return min(state.synced, state.allowed) if self._held else state.synced

    def outgoing(self) -> list[Send]:
        """There are no other members."""
        return []

    def answers(self) -> list[Send]:
        """There are no other members."""
        return []

    def begin_round(self, group: int) -> int:  # noqa: ARG002 - the seam names it
        """A quorum of one is always sure."""
        return 0

    def confirmed(self, group: int) -> int:  # noqa: ARG002 - the seam names it
        """A quorum of one is always sure."""
        return 0

    def crash(self, draw: random.Random | None = None) -> None:
        """Loses the process, as `MemoryEntries.crash` says; every group has to campaign again."""
        super().crash(draw)
        self._held = False

    def hold_commits(self) -> None:
        """From now on `committed` stands still, as while a quorum is away; `commit_up_to` moves it."""
        if not self._held:
            for state in self._groups.values():
                state.allowed = state.synced
        self._held = True

    def commit_up_to(self, group: int, index: int) -> None:
        """Lets entries up to `index` be committed; it takes effect for those that are synced."""
        assert self._held, "commits are not held"
        state = self._group(group)
        state.allowed = max(state.allowed, index)

    def release_commits(self) -> None:
        """Whatever is synced is committed again."""
        self._held = False
