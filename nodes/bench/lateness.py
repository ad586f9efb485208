"""N7: how late delayed jobs start, and that none starts early: 200 jobs due at chance moments over 1 to 3 s.

Decides the definition: the handler's `time.time_ns()` at its first line less the moment that the job was submitted
for (`at`, to the millisecond). Jobs with a `delay` run on another clock and are held against the moment right before
their submit; these may not be early either. The floor is what this machine grants anybody: a process sleeps until such
a moment, asks an echo once, and is as late as that. It must not know how the coordinator waits.
"""

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ...broker.net.client import Client
from . import tasks
from .echo import JOB_BYTES, Echo
from .node import whole_node
from .sizes import Sizes
from .statistics import percentile

FIRST_MS, LAST_MS = 1_000, 3_000
PATIENCE_S = 30.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns p50 and p99 of the lateness in ms, and how many jobs were early."""
    draw = random.Random(sizes.delayed_jobs)
    with whole_node(folder) as node, Client(node.url) as client:
        client.wait_all(client.submit_many([tasks.stamp.job() for _ in range(50)]), PATIENCE_S)
        at_ms = _calendar(client, [draw.randrange(FIRST_MS, LAST_MS) for _ in range(sizes.delayed_jobs)])
        delayed_ms = _delays(client, [draw.randrange(FIRST_MS, LAST_MS) for _ in range(sizes.delayed_jobs)])
    floor_ms = _floor(folder / "floor", [draw.randrange(FIRST_MS, LAST_MS) for _ in range(sizes.delayed_jobs)])
    return {
        "n7_p50": percentile(at_ms, 0.5),
        "n7_p99": percentile(at_ms, 0.99),
        "n7_early": float(sum(late_ms < 0 for late_ms in [*at_ms, *delayed_ms])),
        "n7_floor_p50": percentile(floor_ms, 0.5),
        "n7_floor_p99": percentile(floor_ms, 0.99),
        "n7_delay_p50": percentile(delayed_ms, 0.5),
        "n7_delay_p99": percentile(delayed_ms, 0.99),
    }


def _calendar(client: Client, after_ms: list[int]) -> list[float]:
    """Submits jobs for moments of the calendar; returns how late each was."""
    begun_ms = time.time_ns() // 1_000_000
    due_ms = [begun_ms + late_ms for late_ms in after_ms]
    handles = client.submit_many([(tasks.stamp.job(), {"at": _EPOCH + timedelta(milliseconds=due)}) for due in due_ms])
    return [handle.result(PATIENCE_S) / 1e6 - due for handle, due in zip(handles, due_ms, strict=True)]


def _delays(client: Client, after_ms: list[int]) -> list[float]:
    """Submits jobs with delays; returns how late each was at the most."""
    begun_ns = time.time_ns()
    handles = client.submit_many([(tasks.stamp.job(), {"delay": delay / 1000}) for delay in after_ms])
    return [
        (handle.result(PATIENCE_S) - begun_ns) / 1e6 - delay for handle, delay in zip(handles, after_ms, strict=True)
    ]


def _floor(folder: Path, after_ms: list[int]) -> list[float]:
    """Sleeps until each moment and asks an echo; returns how late the answers were."""
    late_ms: list[float] = []
    begun_ns = time.perf_counter_ns()
    with Echo(folder) as echo:
        for due_ns in sorted(begun_ns + after * 1_000_000 for after in after_ms):
            wait_ns = due_ns - time.perf_counter_ns()
            if wait_ns > 0:
                time.sleep(wait_ns / 1e9)
            echo.ask(b"x" * JOB_BYTES)
            late_ms.append((time.perf_counter_ns() - due_ns) / 1e6)
    return late_ms
