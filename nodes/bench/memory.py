"""N10: what a pending delayed job costs in the coordinator's memory, beyond the horizon and within it.

Decides the definition: the memory that is the coordinator's own (no file stands behind it) once it is calm, with all
jobs less that with half of them, over the jobs between. So whatever is there anyway, or fills once (SQLite's cache,
what a burst of submits leaves in the allocator), does not count, and every table of the job does. Within the horizon
once by `delay`, which runs on elapsed time, and once by `at`, which runs on the wall. It must not know what the
coordinator keeps.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from ...broker.net.client import Client
from ...broker.net.rows import Submission
from . import tasks
from .backlog import CALM_S, PATIENCE_S, delayed, submit
from .drain import announced
from .procfs import anonymous_kib, pss_kib, wait_calm
from .sizes import Sizes

WITHIN_MS: Final = (250_000, 530_000)
"""Due in so long: not before all are taken, and within the ten minutes of the wheels, which move on by the minute."""
BEYOND_MS: Final = (1_200_000, 86_400_000)


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns bytes a job, and MiB of the coordinator with all of them."""
    draw = random.Random(sizes.memory_jobs)
    kinds: dict[str, Callable[[], Submission]] = {
        "beyond": partial(delayed, draw, *BEYOND_MS),
        "within": partial(delayed, draw, *WITHIN_MS),
        "within_at": partial(_at, draw),
    }
    found: dict[str, float] = {}
    for name, make in kinds.items():
        cost, whole_mib = _cost(folder / name, sizes.memory_jobs, make)
        found |= {f"n10_{name}": cost, f"n10_{name}_mib": whole_mib}
    return found


def _at(draw: random.Random) -> Submission:
    due = datetime.fromtimestamp(time.time() + draw.randrange(*WITHIN_MS) / 1000, UTC)
    return tasks.noop.job(), {"at": due - timedelta(microseconds=due.microsecond % 1000)}


def _cost(folder: Path, jobs: int, make: Callable[[], Submission]) -> tuple[float, float]:
    """Returns bytes a job, at least 0 and to the byte, and MiB with all jobs."""
    kib: list[int] = []
    with announced(folder) as node, Client(node.url, timeout=PATIENCE_S) as client:
        for _ in range(2):
            submit(client, jobs // 2, make)
            wait_calm(node.coordinator_pid, CALM_S)
            kib.append(anonymous_kib(node.coordinator_pid))
        whole_kib = pss_kib(node.coordinator_pid)
    return max(0.0, float(round((kib[1] - kib[0]) * 1024 / (jobs // 2)))), whole_kib / 1024
