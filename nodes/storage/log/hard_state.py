"""The epochs that were given out, one a group: what a process must not forget although no entry says it.

Decides the bytes of the file `hard_state` and that an epoch only grows. It does not know who may have the
next one.
"""

import struct
from pathlib import Path

from .files import Files
from .slot_file import VALUE_BYTES_MAX, SlotFile

_ROW = struct.Struct(">IQ")

GROUPS_MAX = 128
"""Most groups of one process; far above the 16 that a process serves."""

assert GROUPS_MAX * _ROW.size <= VALUE_BYTES_MAX


def read_epochs(value: bytes) -> dict[int, int]:
    """Returns the last epoch of each group, from the value of the file."""
    return dict(_ROW.iter_unpack(value))


class HardState:
    """The last epoch of each group, durable when `raise_epoch` returns."""

    NAME = "hard_state"

    def __init__(self, directory: Path, files: Files) -> None:
        self._slots = SlotFile(directory / self.NAME, files)
        self._epochs = read_epochs(self._slots.value)

    @classmethod
    def create(cls, directory: Path, files: Files) -> None:
        """Makes the file of a new directory: no epoch was given yet."""
        SlotFile.create(directory / cls.NAME, b"", files)

    def epoch(self, group: int) -> int:
        """Returns the last epoch given to a group, 0 if there is none."""
        return self._epochs.get(group, 0)

    @property
    def empty(self) -> bool:
        """Tells whether no epoch was ever given."""
        return not self._epochs

    def raise_epoch(self, group: int, epoch: int) -> None:
        """Gives an epoch, durably.

        Raises:
            OSError: it may or may not be on disk; the process must end.
        """
        assert epoch > self.epoch(group), "epochs only grow"
        epochs = self._epochs | {group: epoch}
        assert len(epochs) <= GROUPS_MAX, "a process has at most GROUPS_MAX groups"
        self._slots.write(b"".join(_ROW.pack(*row) for row in sorted(epochs.items())))
        self._epochs = epochs

    def close(self) -> None:
        """Closes the file."""
        self._slots.close()
