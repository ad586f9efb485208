"""What the kernel says of processes: who descends from whom, how long they have run, what memory they hold.

Decides how these are read: the scheduler's run time of every thread, in ns, and the proportional set size, in which
shared pages count once. It must not know which processes a node has.
"""

from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")


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
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
