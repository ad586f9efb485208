"""What an actor process tells its supervisor through the status pipe: `ready`, or `failed TEXT`.

Decides the form of both lines, for the end that writes and the end that reads. It must not know what makes a
process ready. A text of several lines is folded into one, so that one read finds the whole of it.
"""

import os
from contextlib import suppress
from typing import Final

READY: Final = "ready"
FAILED: Final = "failed"
EXIT_FAILED: Final = 3
"""Exit status of a process that has said `failed TEXT`."""

STATUS_BYTES_MAX: Final = 16 * 1024
"""What a process may say in one life; the rest is dropped."""


def report_ready(fd: int | None) -> None:
    """Tells the supervisor, if there is one, that this process does its work now."""
    _tell(fd, READY)


def report_failed(fd: int | None, text: str) -> None:
    """Tells the supervisor, if there is one, why this process cannot work; exit with `EXIT_FAILED` after it."""
    folded = text.strip().replace("\\", "\\\\").replace("\r", "").replace("\n", "\\n")
    _tell(fd, f"{FAILED} {folded}")


def _tell(fd: int | None, line: str) -> None:
    if fd is None:
        return
    data = line.encode("utf-8", "replace")[: STATUS_BYTES_MAX - 1] + b"\n"
    with suppress(BrokenPipeError):  # the supervisor is gone; so will this process be
        while data:
            data = data[os.write(fd, data) :]


class StatusReader:
    """Reads the lines of one process's life."""

    def __init__(self) -> None:
        self._buffer = b""
        self._bytes_read = 0

    def feed(self, data: bytes, *, is_end: bool = False) -> list[tuple[str, str]]:
        """Takes what was read from the pipe.

        Args:
            data: the bytes read.
            is_end: nothing more will come, so a last line needs no line end.

        Returns:
            Pairs (`ready` or `failed`, text); lines of any other form are dropped.
        """
        self._buffer += data[: max(0, STATUS_BYTES_MAX - self._bytes_read)]
        self._bytes_read += len(data)
        *lines, self._buffer = self._buffer.split(b"\n")
        if (is_end or self._bytes_read >= STATUS_BYTES_MAX) and self._buffer:
            lines.append(self._buffer)
            self._buffer = b""
        told: list[tuple[str, str]] = []
        for line in lines:
            word, _, text = line.decode("utf-8", "replace").strip().partition(" ")
            if word in (READY, FAILED):
                told.append((word, _unfolded(text)))
        return told


def _unfolded(text: str) -> str:
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\n", "\n") for part in parts)
