"""What handlers write down of their runs: a line when a run begins, while it goes on, and when it ends.

Decides the file and its lines. Must not know who judges them. Each process appends to a file of its own, a line in one
write, so that a killed process leaves whole lines; times are elapsed time, which all processes of a host share.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

BEGUN, GOING, ENDED = "S", "B", "E"
SUFFIX: Final = ".runs"

_files: dict[tuple[int, str], int] = {}


class Run(NamedTuple):
    """One line: a sign of life of one attempt."""

    kind: str
    job: int
    attempt: int
    epoch: int
    entry: int
    at_ns: int
    pid: int


def note(folder: str, kind: str, job: int, attempt: int, epoch: int, entry: int) -> None:
    """Writes a line."""
    pid = os.getpid()
    fd = _files.get((pid, folder))
    if fd is None:
        path = Path(folder) / f"{pid}-{time.clock_gettime_ns(time.CLOCK_BOOTTIME)}{SUFFIX}"
        fd = _files[pid, folder] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    at_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    os.write(fd, f"{kind} {job} {attempt} {epoch} {entry} {at_ns} {pid}\n".encode())


def read(folder: Path) -> Iterator[Run]:
    """Yields what all processes have written."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for line in path.read_text("ascii").splitlines():
            kind, *numbers = line.split()
            yield Run(kind, *map(int, numbers))
