"""The mark in a runner child's environment, by which whatever its jobs have started is found wherever it has gone.

Decides how a marked process is found and killed. A process that has made a session of its own, and whose parent is
gone, is in no other list that leads back to the child. One that has also emptied its environment is not found.
"""

import os
import signal
from contextlib import suppress
from typing import Final

VARIABLE: Final = "MAINSPRING_CHILD"

_READ_BYTES: Final = 16 * 1024
_ENVIRONMENT_BYTES_MAX: Final = 4 * 1024 * 1024
_ROUNDS_MAX: Final = 10


def mark_of(executor: int, child: int | None = None) -> str:
    """Makes the mark of a child; without its number what the marks of all children of that incarnation begin with."""
    return f"{executor:x}-" if child is None else f"{executor:x}-{child}-"


def find(mark: str) -> list[int]:
    """Lists the living processes whose mark begins so, of those whose environment may be read."""
    wanted = f"\0{VARIABLE}={mark}".encode()
    names = os.listdir("/proc")  # noqa: PTH208  (pathlib would make an object of each)
    return [int(name) for name in names if name.isdecimal() and wanted in b"\0" + _environment(name)]


def kill(mark: str) -> None:
    """Kills every process whose mark begins so, until none is found: one may start another in between."""
    for _ in range(_ROUNDS_MAX):
        left = find(mark)
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _environment(pid: str) -> bytes:
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    found = b""
    try:
        while len(found) < _ENVIRONMENT_BYTES_MAX and (data := os.read(fd, _READ_BYTES)):
            found += data
    except OSError:  # it has ended in between
        pass
    finally:
        os.close(fd)
    return found
