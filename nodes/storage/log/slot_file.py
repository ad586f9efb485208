"""A small value that is replaced in place, durably, with one fdatasync and no change of the file's size.

Decides the two slots that take turns: a write that power cuts short spoils its own slot, and the value before
it is still in the other. It knows nothing of what the value means.
"""

import struct
import zlib
from pathlib import Path

from ....actors.log import LogDamaged
from .files import Files

SLOT_BYTES = 4096
"""One page and at least one sector, so that no write touches both slots."""

_HEADER = struct.Struct(">4sQHI")
_MAGIC = b"MSS1"

VALUE_BYTES_MAX = SLOT_BYTES - _HEADER.size


class SlotFile:
    """A durable value of at most VALUE_BYTES_MAX bytes.

    Raises:
        LogDamaged: neither slot can be read.
    """

    def __init__(self, path: Path, files: Files) -> None:
        found = [slot for slot in read_slots(path) if slot is not None]
        if not found:
            raise LogDamaged(
                f"{path} cannot be read: neither of its two slots has a good checksum; "
                "`mainspring shards verify` says how to save the rest, else restore the data directory from a backup"
            )
        self.sequence, self.value = max(found)
        self._file = files.open(path)

    @staticmethod
    def create(path: Path, value: bytes, files: Files) -> None:
        """Makes the file with a first value; it exists whole or not at all."""
        files.create(path, _pack(0, value) + bytes(SLOT_BYTES))

    def write(self, value: bytes) -> None:
        """Replaces the value, durably. Raises OSError if that failed; it must not be tried again."""
        sequence = self.sequence + 1
        self._file.write_at(_pack(sequence, value), sequence % 2 * SLOT_BYTES)
        self._file.sync()
        self.sequence, self.value = sequence, value

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_slots(path: Path) -> list[tuple[int, bytes] | None]:
    """Returns (sequence, value) of both slots, None for one that cannot be read. Raises OSError."""
    image = path.read_bytes()
    return [_unpack(image[start : start + SLOT_BYTES]) for start in (0, SLOT_BYTES)]


def _pack(sequence: int, value: bytes) -> bytes:
    assert len(value) <= VALUE_BYTES_MAX, "a slot holds one page"
    slot = _HEADER.pack(_MAGIC, sequence, len(value), _crc(sequence, value)) + value
    return slot.ljust(SLOT_BYTES, b"\0")


def _unpack(slot: bytes) -> tuple[int, bytes] | None:
    if len(slot) < SLOT_BYTES:
        return None
    magic, sequence, length, crc = _HEADER.unpack_from(slot)
    if magic != _MAGIC or length > VALUE_BYTES_MAX:
        return None
    value = slot[_HEADER.size : _HEADER.size + length]
    if _crc(sequence, value) != crc:
        return None
    return sequence, value


def _crc(sequence: int, value: bytes) -> int:
    # The magic is in it as well: without it the checksum of an empty value under sequence 0 would be that of zeros.
    return zlib.crc32(value, zlib.crc32(_MAGIC + sequence.to_bytes(8, "big") + len(value).to_bytes(2, "big")))
