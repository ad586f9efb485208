"""N17: what a node costs that has nothing to do: CPU and memory of all its processes.

Decides how both are read: the scheduler's run time of every thread over a span in which nothing happens, and the
proportional set size, in which shared pages count once. It must not know which processes a node has.
"""

import time
from pathlib import Path

from ...broker.net.client import Client
from . import tasks
from .node import whole_node
from .sizes import Sizes

SETTLE_S = 2.0
PATIENCE_S = 30.0
PROC = Path("/proc")


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns the share of one core in %, and the memory in MiB."""
    with whole_node(folder) as node:
        with Client(node.url) as client:
            client.wait_all(client.submit_many([tasks.noop.job(), tasks.noop_process.job()] * 50), PATIENCE_S)
        time.sleep(SETTLE_S)
        pids = family(node.pid)
        before_ns, begun = cpu_ns(pids), time.monotonic()
        time.sleep(sizes.idle_s)
        used_ns, took_s = cpu_ns(pids) - before_ns, time.monotonic() - begun
        memory_kib = sum(map(pss_kib, pids))
    return {"n17_cpu": used_ns / (took_s * 1e9) * 100, "n17_pss": memory_kib / 1024, "n17_processes": float(len(pids))}


def family(pid: int) -> list[int]:
    """Returns a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            # The name in brackets may hold anything; what follows its last bracket is plain.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for member in found:
        found.extend(sorted(children.get(member, [])))
    return found


def cpu_ns(pids: list[int]) -> int:
    """Returns how long the threads of these processes have run, in ns."""
    stats = (stat for pid in pids for stat in (PROC / str(pid) / "task").glob("*/schedstat"))
    return sum(int(stat.read_text().split()[0]) for stat in stats)


def pss_kib(pid: int) -> int:
    """Returns the proportional set size of a process in KiB."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
