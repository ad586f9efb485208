"""N5: how long after its submit a job's handler starts, at 50 jobs a second, on a node with nothing else to do.

Decides the definition: the handler's `time.time_ns()` at its first line less that of the client right before
`submit`, on one host. The floor is measured in turn with it, at the same pace: one echo and one fsynced append of 400
bytes every 20 ms. It must not know what a node does in between.
"""

import time
from pathlib import Path
from typing import Any

from ...broker.net.client import Client
from ...broker.net.handles import JobHandle
from ...broker.tasks.task import Task
from . import tasks
from .echo import JOB_BYTES, Echo
from .fsync import Appender
from .node import BenchNode, whole_node
from .pace import paced
from .sizes import Sizes
from .statistics import percentile

JOBS_A_SECOND = 50
WARM_JOBS = 20
PIECES = 5
"""Jobs and floor take turns so often."""
PATIENCE_S = 30.0


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns p50 and p99 in ms, of both runners and of the floor."""
    with whole_node(folder) as node:
        found = _pass(folder / "floor", node, tasks.stamp, sizes.paced_jobs)
        processes = _pass(folder / "again", node, tasks.stamp_process, sizes.paced_jobs // 3)
    figures = {f"n5_process_{name}": processes[f"n5_{name}"] for name in ("p50", "p99")}
    return {**found, **figures}


def _pass(folder: Path, node: BenchNode, task: Task[..., int], jobs: int) -> dict[str, float]:
    submitted_ns: list[int] = []
    handles: list[JobHandle[Any]] = []
    echo_ms: list[float] = []
    fsync_ms: list[float] = []
    appender = Appender(folder)
    message = b"x" * JOB_BYTES
    with Echo(folder) as echo, Client(node.url) as client:
        for _ in range(WARM_JOBS):
            client.submit(task.job()).result(PATIENCE_S)

        def submit(_number: int) -> None:
            job = task.job()
            submitted_ns.append(time.time_ns())
            handles.append(client.submit(job))

        def floor(_number: int) -> None:
            begun_ns = time.perf_counter_ns()
            echo.ask(message)
            echo_ms.append((time.perf_counter_ns() - begun_ns) / 1e6)
            fsync_ms.append(appender.append() / 1e6)

        # One after the other, in pieces, so that neither takes the caches or the disk from the other.
        for _ in range(PIECES):
            paced(jobs // PIECES, 1 / JOBS_A_SECOND, submit, offset_s=0.1)
            paced(jobs // PIECES, 1 / JOBS_A_SECOND, floor, offset_s=0.1)
        started_ns = [handle.result(PATIENCE_S) for handle in handles]
    appender.close()
    took_ms = [(started - asked) / 1e6 for started, asked in zip(started_ns, submitted_ns, strict=True)]
    return {
        "n5_p50": percentile(took_ms, 0.5),
        "n5_p99": percentile(took_ms, 0.99),
        "n5_floor_p50": percentile(echo_ms, 0.5) + percentile(fsync_ms, 0.5),
        "n5_floor_p99": percentile(echo_ms, 0.99) + percentile(fsync_ms, 0.99),
        "n5_echo_p50": percentile(echo_ms, 0.5),
        "n5_fsync_p50": percentile(fsync_ms, 0.5),
    }
