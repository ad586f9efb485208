"""The checksums of a SQLite write-ahead log, which SQLite itself looks at only when it recovers one.

Decides whether a WAL has frames that were written well and can no longer be read: SQLite then stops at the first bad
frame without a word, and whatever came behind it is gone. A frame that a kill cut short is the last one, and no damage;
a power loss may leave any part of what was never fsynced. Rule: the file format of SQLite, "WAL-mode".
"""

import struct
from pathlib import Path
from typing import Final, NamedTuple

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_MAGIC: Final = 0x377F0682
_VERSION: Final = 3007000
_WORD: Final = 0xFFFFFFFF

Sums = tuple[int, int]


class WalCheck(NamedTuple):
    """What stands in a WAL."""

    frames: int
    """How many can be read, from the first on."""
    damage: str | None
    """What is wrong; None if nothing is."""
    is_in_last: bool = False
    """It lies in the last transaction, of which a power loss may leave any part."""


def check_wal(path: Path) -> WalCheck:
    """Reads every frame of the WAL's present generation.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        if not header:
            return WalCheck(0, None)
        if len(header) < _HEADER.size:
            return WalCheck(0, None)  # a crash cut its first write short
        magic, version, page_bytes, _, salt_1, salt_2, sum_1, sum_2 = _HEADER.unpack(header)
        is_big = magic == _MAGIC | 1
        sums = _sums(header[:24], (0, 0), is_big=is_big)
        if magic not in (_MAGIC, _MAGIC | 1) or version != _VERSION or sums != (sum_1, sum_2):
            return WalCheck(0, "its header has a wrong checksum" if any(header) else None)
        frames = 0
        bad: int | None = None
        follower: int | None = None  # the first good frame behind the bad one
        is_over = False  # the bad frame's transaction has ended before this frame
        is_in_last = True
        stored: Sums = sums
        number = 0
        while True:
            head, page = file.read(_FRAME.size), file.read(page_bytes)
            if len(page) < page_bytes:
                break
            number += 1
            _, pages_after, frame_salt_1, frame_salt_2, frame_1, frame_2 = _FRAME.unpack(head)
            if (frame_salt_1, frame_salt_2) != (salt_1, salt_2):
                if bad is None:
                    bad = number  # the end, if nothing follows on from it
                stored = (frame_1, frame_2)
                if number > bad + 1:
                    break
                continue
            found = _sums(page, _sums(head[:8], stored, is_big=is_big), is_big=is_big)
            if found != (frame_1, frame_2):
                bad = bad or number
            elif bad is None:
                frames = number
            else:
                follower = follower or number
                if is_over:
                    is_in_last = False
                    break
            is_over = is_over or (bad is not None and pages_after != 0)  # so a commit is marked
            stored = (frame_1, frame_2)
        if follower is None:
            return WalCheck(frames, None)
        told = f"frame {bad} has a wrong checksum, and frame {follower} follows it"
        return WalCheck(frames, told, is_in_last=is_in_last)


def _sums(data: bytes, start: Sums, *, is_big: bool) -> Sums:
    first, second = start
    for one, two in struct.iter_unpack(">2I" if is_big else "<2I", data):
        first = (first + one + second) & _WORD
        second = (second + two + first) & _WORD
    return first, second
