"""Where one message ends and the next begins in a stream of ZMTP 3, so that a message can be lost or late as a whole.

Decides the cut. Must not know what a message holds or what becomes of it. Rule: rfc.zeromq.org/spec/23: a greeting of
64 bytes, then frames: a flag byte (1 more, 2 long, 4 command), a length of one byte or eight, the body.
"""

from typing import Final, NamedTuple

GREETING_BYTES: Final = 64
_MORE, _LONG, _COMMAND = 1, 2, 4
_KNOWN: Final = _MORE | _LONG | _COMMAND
FRAME_BYTES_MAX: Final = 128 * 1024 * 1024


class NotZmtp(ValueError):
    """The stream is none of ZMTP 3."""


class Part(NamedTuple):
    """A piece of the stream that travels as a whole."""

    data: bytes
    is_message: bool
    """False for the greeting and for commands, which ZeroMQ itself sends."""


class Cutter:
    """Takes bytes as they come, and gives whole parts."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._greeting_bytes = GREETING_BYTES
        self._at = 0  # behind the whole frames of a message whose last one has not come

    def feed(self, data: bytes) -> list[Part]:
        """Takes more bytes; returns the parts that they complete.

        Raises:
            NotZmtp: a frame has flags or a length that there are not.
        """
        self._data += data
        found: list[Part] = []
        if self._greeting_bytes and self._data:
            # In pieces, as it comes: each side waits for the first of the other's before it sends the rest.
            taken = min(len(self._data), self._greeting_bytes)
            self._greeting_bytes -= taken
            found.append(self._taken(taken, is_message=False))
        if self._greeting_bytes:
            return found
        while (end := self._frame_end()) is not None:
            flags = self._data[self._at]
            if flags & _COMMAND:
                if self._at:
                    raise NotZmtp("a command stands between the frames of a message")
                found.append(self._taken(end, is_message=False))
            elif flags & _MORE:
                self._at = end
            else:
                found.append(self._taken(end, is_message=True))
        return found

    def _frame_end(self) -> int | None:
        """Returns where the frame that begins at `_at` ends, None if it is not whole yet."""
        have, at = len(self._data), self._at
        if have < at + 2:
            return None
        flags = self._data[at]
        if flags & ~_KNOWN:
            raise NotZmtp(f"a frame has the flags {flags:#04x}")
        if not flags & _LONG:
            end = at + 2 + self._data[at + 1]
        elif have < at + 9:
            return None
        else:
            length = int.from_bytes(self._data[at + 1 : at + 9], "big")
            if length > FRAME_BYTES_MAX:
                raise NotZmtp(f"a frame has {length} bytes")
            end = at + 9 + length
        return end if have >= end else None

    def _taken(self, end: int, *, is_message: bool) -> Part:
        part = Part(bytes(self._data[:end]), is_message)
        del self._data[:end]
        self._at = 0
        return part
