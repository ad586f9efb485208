"""The side file: how far each group's log is known to be on disk.

Decides when the note is written (after the commit it speaks of, so it is never ahead of an honest disk) and
how seldom. SQLite drops the damaged end of a WAL without a word; this file is how a start finds out that the
log ends before what was acknowledged.
"""

import struct
from pathlib import Path
from typing import NamedTuple

from .files import Files
from .hard_state import GROUPS_MAX
from .slot_file import VALUE_BYTES_MAX, SlotFile

INTERVAL_NS = 100_000_000
"""At most one note in this time: a note costs an fdatasync of its own."""

_ROW = struct.Struct(">IQI")

assert GROUPS_MAX * _ROW.size <= VALUE_BYTES_MAX


class Synced(NamedTuple):
    """The last entry of a group that is durable."""

    last: int
    crc: int
    """0 if it is not known; then it is compared with nothing."""


def read_synced(value: bytes) -> dict[int, Synced]:
    """Returns how far each group is durable, from the value of the side file."""
    return {group: Synced(last, crc) for group, last, crc in _ROW.iter_unpack(value)}


class SyncedFile:
    """The file `synced`, written at most every INTERVAL_NS."""

    NAME = "synced"

    def __init__(self, directory: Path, files: Files) -> None:
        self._slots = SlotFile(directory / self.NAME, files)
        self.noted = read_synced(self._slots.value)
        self._written_ns: int | None = None

    @classmethod
    def create(cls, directory: Path, files: Files) -> None:
        """Makes the file of a new directory: nothing is durable yet."""
        SlotFile.create(directory / cls.NAME, b"", files)

    def due(self, elapsed_ns: int) -> bool:
        """Tells whether a note may be written again."""
        return self._written_ns is None or elapsed_ns - self._written_ns >= INTERVAL_NS

    def write(self, synced: dict[int, Synced], elapsed_ns: int) -> None:
        """Notes how far the groups are durable; does nothing if that is noted already.

        Raises:
            OSError: the disk failed; the process must end.
        """
        self._written_ns = elapsed_ns
        if synced == self.noted:
            return
        for group, before in self.noted.items():
            assert synced[group].last >= before.last, "what is durable does not shrink"
        self._write(synced)

    def lower(self, group: int, synced: Synced) -> None:
        """Notes that a group is about to end sooner: before entries are taken away, or their loss would look like one.

        Raises:
            OSError: the disk failed; the process must end.
        """
        if group in self.noted and synced.last < self.noted[group].last:
            self._write({owner: row for owner, row in (self.noted | {group: synced}).items() if row.last})

    def note_lost(self, lost: dict[int, Synced]) -> None:
        """Keeps in mind how far groups had come that end sooner now. Raises as `lower`."""
        if self.noted | lost != self.noted:
            self._write(self.noted | lost)

    def _write(self, synced: dict[int, Synced]) -> None:
        self._slots.write(b"".join(_ROW.pack(group, *row) for group, row in sorted(synced.items())))
        self.noted = dict(synced)

    def close(self) -> None:
        """Closes the file."""
        self._slots.close()
