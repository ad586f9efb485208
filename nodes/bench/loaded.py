"""N6: how long after its submit a job's handler starts while 20,000 others a second flow through the node.

Decides the load: half of what N1 is to reach, from a process of its own, 100 no-op jobs each 5 ms, on the same shard,
queue and executors. The probes are those of N5: `time.time_ns()` at the handler's first line less that of the client
right before `submit`, one job a call, 97 a second, so that they meet the batches at every point of their 5 ms. It must
not know how a node serves both.
"""

import time
from pathlib import Path
from typing import Any

from ...broker.net.client import Client
from ...broker.net.handles import JobHandle
from . import tasks
from .figures import LOAD_JOBS_A_SECOND
from .node import whole_node
from .pace import paced
from .sizes import Sizes
from .statistics import percentile
from .stream import Flow, Stream

BATCH_EVERY_S = 0.005
PROBES_A_SECOND = 97
PATIENCE_S = 30.0


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns p50 and p99 of the probes in ms, and the jobs a second that ended beside them."""
    submitted_ns: list[int] = []
    handles: list[JobHandle[Any]] = []
    with whole_node(folder) as node, Client(node.url, timeout=PATIENCE_S) as client:
        client.wait_all(client.submit_many([tasks.stamp.job() for _ in range(50)]), PATIENCE_S)

        def submit(_number: int) -> None:
            job = tasks.stamp.job()
            submitted_ns.append(time.time_ns())
            handles.append(client.submit(job))

        with Stream(node.url, LOAD_JOBS_A_SECOND, BATCH_EVERY_S) as stream:
            flow = Flow(node.shard_file)
            paced(sizes.loaded_jobs, 1 / PROBES_A_SECOND, submit)
            load = flow.rate() - PROBES_A_SECOND
            stream.check()
        started_ns = [handle.result(PATIENCE_S) for handle in handles]
    took_ms = [(started - asked) / 1e6 for started, asked in zip(started_ns, submitted_ns, strict=True)]
    return {"n6_p50": percentile(took_ms, 0.5), "n6_p99": percentile(took_ms, 0.99), "n6_load": load}
