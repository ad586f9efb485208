"""One file's bytes: those that are safe, and what was written since.

Decides what a cut of the power makes of the writes that nobody synced: each sector of 512 bytes may have
reached the disk or not, in any order. Sectors are not torn themselves and bytes beside a write stay as they
are, which is what SQLite assumes of a disk (powersafe overwrite).
"""

from collections.abc import Callable
from typing import NamedTuple

SECTOR_BYTES = 512


class Write(NamedTuple):
    """Bytes at an offset, or with data None a new size."""

    order: int
    """Place among all that happened on the disk."""
    offset: int
    data: bytes | None


Keeps = Callable[[int], bool]
"""Tells, for the place of a write among all, whether the sector at hand reached the disk."""


class Content:
    """The bytes of one file, whatever its names are."""

    def __init__(self, durable: bytes = b"") -> None:
        self._durable = bytearray(durable)
        self._pending: list[Write] = []
        self.size = len(durable)
        """How long a reader sees it now."""

    def write(self, order: int, offset: int, data: bytes) -> None:
        """Notes bytes that are not safe yet."""
        self._pending.append(Write(order, offset, data))
        self.size = max(self.size, offset + len(data))

    def truncate(self, order: int, size: int) -> None:
        """Notes a new size that is not safe yet."""
        self._pending.append(Write(order, size, None))
        self.size = size

    def sync(self) -> None:
        """Makes everything safe."""
        for write in self._pending:
            _apply(self._durable, write)
        self._pending = []

    def survivor(self, keeps: Keeps) -> bytes:
        """Returns what is on the disk if the power goes now."""
        image = bytearray(self._durable)
        for write in self._pending:
            if write.data is None:
                if keeps(write.order):
                    _apply(image, write)
                continue
            position = 0
            while position < len(write.data):
                start = write.offset + position
                length = min(SECTOR_BYTES - start % SECTOR_BYTES, len(write.data) - position)
                if keeps(write.order):
                    _apply(image, Write(write.order, start, write.data[position : position + length]))
                position += length
        return bytes(image)


def _apply(image: bytearray, write: Write) -> None:
    if write.data is None:
        del image[write.offset :]
        image.extend(bytes(write.offset - len(image)))
        return
    image.extend(bytes(max(0, write.offset - len(image))))
    image[write.offset : write.offset + len(write.data)] = write.data
