"""What is kept of an output, however much is written: its beginning and its end, or its end alone.

Decides what is cut, and how the gap is told. It must not know where the bytes come from.
"""

from typing import Final

TAIL_LINES: Final = 40
TAIL_BYTES: Final = 8 * 1024


class KeptOutput:
    """Takes bytes in order and holds about as many as it may, twice that for a moment.

    Attributes:
        total_bytes: How many came.
    """

    def __init__(self, bytes_max: int) -> None:
        self.total_bytes = 0
        self._head_max = bytes_max // 2
        self._tail_max = bytes_max - self._head_max
        self._head = bytearray()
        self._tail = bytearray()

    @property
    def is_cut(self) -> bool:
        """Whether a part is not kept."""
        return self.total_bytes > self._head_max + self._tail_max

    def take(self, data: bytes) -> None:
        """Takes what comes next."""
        self.total_bytes += len(data)
        room = self._head_max - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * self._tail_max:
            del self._tail[: len(self._tail) - self._tail_max]

    def text(self) -> str:
        """Returns what is kept; what is no UTF-8 is replaced, and a line tells how much is missing."""
        if not self.is_cut:
            return _decoded(bytes(self._head + self._tail))
        left_out = self.total_bytes - self._head_max - self._tail_max
        return f"{_decoded(bytes(self._head))}\n[… {left_out} bytes left out …]\n{_decoded(self._end())}"

    def last_lines(self) -> str:
        """Returns the last lines, for an error's text."""
        whole = bytes(self._head + self._tail) if not self.is_cut else self._end()
        end = _decoded(whole[-TAIL_BYTES:]).rstrip("\n")
        return "\n".join(end.split("\n")[-TAIL_LINES:])

    def _end(self) -> bytes:
        return bytes(self._tail[len(self._tail) - self._tail_max :]) if self._tail_max else b""


class KeptEnd:
    """Takes bytes in order and holds the last ones, up to twice as many as it may for a moment."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._end = bytearray()

    def take(self, data: bytes) -> None:
        """Takes what comes next."""
        self._end += data[-self._bytes_max :]
        if len(self._end) > 2 * self._bytes_max:
            del self._end[: -self._bytes_max]

    def clear(self) -> None:
        """Begins anew."""
        self._end.clear()

    def text(self) -> str | None:
        """Returns what is kept, None if that is nothing; as UTF-8 it is no longer than it may be."""
        if not self._end:
            return None
        # What is no UTF-8 is replaced by a character that takes three bytes.
        data = _decoded(bytes(self._end)).encode()[-self._bytes_max :]
        return data.decode(errors="ignore")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")
