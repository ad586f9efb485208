"""The processes of this machine as /proc lists them: who started whom, and what each uses.

Decides nothing. It reads as little as it can, because it is asked several times a second while a limit is watched.
"""

import os
from contextlib import suppress
from typing import Final, NamedTuple

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_MS_PER_TICK: Final = 1000 / os.sysconf("SC_CLK_TCK")
_DEAD: Final = (b"Z", b"X")


class Process(NamedTuple):
    """One process."""

    pid: int
    parent: int
    group: int
    session: int
    is_zombie: bool
    cpu_ms: float
    """Of itself, and of those below it that it has waited for."""
    rss_bytes: int
    started_ms: float
    """Elapsed ms of CLOCK_BOOTTIME."""


def processes() -> dict[int, Process]:
    """Lists every process, by its id."""
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  (pathlib would make an object of each)
        if name.isdecimal() and (process := read(int(name))) is not None:
            found[process.pid] = process
    return found


def read(pid: int) -> Process | None:
    """Reads one process; None if it is gone."""
    data = _contents(f"/proc/{pid}/stat")
    if data is None:
        return None
    # The name of the program may hold anything; what follows its last bracket does not.
    words = data.rpartition(b")")[2].split()
    cpu_ms = sum(map(int, words[11:15])) * _MS_PER_TICK
    parent, group, session = map(int, words[1:4])
    started_ms = int(words[19]) * _MS_PER_TICK
    return Process(pid, parent, group, session, words[0] in _DEAD, cpu_ms, int(words[21]) * _PAGE_BYTES, started_ms)


def rss_bytes(pid: int) -> int:
    """Returns how much memory one process has; 0 if it is gone."""
    data = _contents(f"/proc/{pid}/statm")
    return int(data.split()[1]) * _PAGE_BYTES if data else 0


def share_bytes(process: Process) -> int:
    """Returns its memory with its share of what it shares; all of it where the kernel does not tell."""
    data = _contents(f"/proc/{process.pid}/smaps_rollup") or b""
    for line in data.splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return process.rss_bytes


def family(table: dict[int, Process], leader: int) -> list[Process]:
    """Lists a process, the others of the session that it leads, and all that they have started."""
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    wanted = [process.pid for process in table.values() if leader in (process.pid, process.session)]
    found: dict[int, Process] = {}
    while wanted:
        pid = wanted.pop()
        if pid not in found:
            found[pid] = table[pid]
            wanted += children.get(pid, [])
    return list(found.values())


def _contents(path: str) -> bytes | None:
    with suppress(OSError):  # it has ended in between
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, 4096)
        finally:
            os.close(fd)
    return None
