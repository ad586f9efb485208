"""N17: what a node costs that has nothing to do: CPU and memory of all its processes.

Decides what idle is: two seconds after the last job, both runners warm, no client connected. How both are read,
procfs.py decides. It must not know which processes a node has.
"""

import time
from pathlib import Path

from ...broker.net.client import Client
from . import tasks
from .node import whole_node
from .procfs import cpu_ns, family, pss_kib
from .sizes import Sizes

SETTLE_S = 2.0
PATIENCE_S = 30.0


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
