"""What the kernel says of processes: who descends from whom, how long they have run, what memory they hold.

Decides how these are read: the scheduler's run time of every thread, in ns, the proportional set size, in which
shared pages count once, and when a process is calm. It must not know which processes a node has.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from ..cli.errors import CommandError

PROC = Path("/proc")
CALM_S = 1.0
"""So long without any work, and a process has done what it had to do."""
CALM_LOOKS = 3
CALM_SHARE = 0.05
PATIENCE_S = 300.0


def family(pid: int) -> list[int]:
    """Returns a process and all that descend from it, parents first."""
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            # The name in brackets may hold anything; what follows its last bracket is plain.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        children.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for member in found:
        found.extend(sorted(children.get(member, [])))
    return found


def words(pid: int) -> str:
    """Returns a process's command line, empty if it has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def cpu_ns(pids: Iterable[int]) -> int:
    """Returns how long the threads of these processes have run, in ns."""
    stats = (stat for pid in pids for stat in (PROC / str(pid) / "task").glob("*/schedstat"))
    return sum(int(stat.read_text().split()[0]) for stat in stats)


def pss_kib(pid: int) -> int:
    """Returns the proportional set size of a process in KiB."""
    return _memory_kib(pid, "Pss:")


def anonymous_kib(pid: int) -> int:
    """Returns the part of it that is no file's, in KiB: who else has a library mapped does not move it."""
    return _memory_kib(pid, "Pss_Anon:")


def _memory_kib(pid: int, name: str) -> int:
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def started_ms(pid: int) -> float:
    """Returns the wall clock at which a process was started, to the kernel's hundredth of a second."""
    ticks = int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
    booted_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return (booted_s + ticks / os.sysconf("SC_CLK_TCK")) * 1000


def wait_calm(pid: int, look_s: float = CALM_S) -> None:
    """Waits until a process has little to do, several times in a row.

    Raises:
        CommandError: it goes on being busy.
    """
    calm, until_s = 0, time.monotonic() + PATIENCE_S
    while calm < CALM_LOOKS:
        before_ns = cpu_ns([pid])
        time.sleep(look_s)
        calm = calm + 1 if cpu_ns([pid]) - before_ns < CALM_SHARE * look_s * 1e9 else 0
        if time.monotonic() > until_s:
            raise CommandError(f"process {pid} under test was still busy after {PATIENCE_S:.0f} s")
