"""The log of one node: a quorum of one, so what is on this disk is committed.

Decides who may append: this process, once it has an epoch of its own. How entries get to the disk, local_entries.py
decides. It knows nothing of what entries mean.
"""

from ....actors.effects import Send
from .local_entries import ENTRY_BYTES_MAX, LocalEntries
from .segment import make_row


class LocalLog(LocalEntries):
    """The logs of all groups of one process, in one directory. Implements `ReplicatedLog`.

    As an `EntryStore` it serves an engine that has members of its own, on the same files.
    """

    def campaign(self, group: int) -> int:
        """Becomes the group's writer and returns its epoch, durable and greater than any before.

        Raises:
            LogFailed: the disk failed; the process must end.
        """
        self._check_usable()
        state = self._group(group)
        epoch = max(self._files.hard_state.epoch(group), state.last_epoch) + 1
        with self._disk("the epoch could not be written"):
            self._files.hard_state.raise_epoch(group, epoch)
        state.epoch = epoch
        state.runs = None
        return epoch

    def append(self, group: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index. Nothing is durable before `sync`.

        Raises:
            ValueError: the entry is too large.
        """
        self._check_usable()
        state = self._group(group)
        assert state.epoch > 0, "campaign before the first append"
        if len(blob) > ENTRY_BYTES_MAX:
            raise ValueError(f"an entry of {len(blob)} bytes is over {ENTRY_BYTES_MAX}; close entries sooner")
        state.last += 1
        state.last_epoch = state.epoch
        self._pending.append(make_row(group, state.last, state.epoch, blob))
        return state.last

    def committed(self, group: int) -> int:
        """Returns the index up to which entries are committed: a quorum of one, so those durable here."""
        self._check_usable()
        return self._group(group).synced

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
