"""N11 and the growth of costs: a backlog of jobs, the node killed with it, and how long until a handler starts again.

Decides what a restart is: SIGKILL to the supervisor, which takes all its processes along; then the same node anew, with
two executors. One clock runs from the start of its first process, another from that of the coordinator, both to the
handler's `time.time()` of the first job that starts. `growth` does that with 10,000, 100,000 and a million ready jobs,
and looks at what each costs to enqueue, to hold, to list and to drain; N11 with a million live jobs, half of them ready
and half delayed, behind two million finished ones. It must not know how a node starts.
"""

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from ...broker.net.client import Client
from ...broker.net.rows import Submission
from ..cli.errors import CommandError
from ..storage.shard.offline import open_offline
from . import tasks
from .drain import CHUNK_JOBS, announced
from .growth import DEPTHS
from .node import BenchNode, whole_node
from .procfs import pss_kib, started_ms, wait_calm
from .sizes import Sizes
from .statistics import median, percentile

PATIENCE_S: Final = 300.0
LOOK_EVERY_S: Final = 0.05
CALM_S: Final = 0.3
STARTED_ENOUGH: Final = 200
"""So many rows of jobs that have run say for sure which one started first."""
KEEP_ALL: Final = "[coordinator.retention]\nfinished_jobs_max = 100000000\n"
DELAYS_MS: Final = ((30_000, 590_000), (700_000, 86_400_000))
"""Within the horizon, and beyond it."""
LISTINGS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("jobs", {}), ("jobs", {"state": "ready"}), ("jobs", {"state": "retrying"}), ("jobs", {"queue": "default"}),
    ("jobs", {"task": tasks.stamp.name}), ("queues", {}), ("executors", {}), ("stat", {}),
)  # fmt: skip
LISTED: Final = 5
"""How often each."""

_FIRST = """SELECT count(*), min(e.started_ms) FROM executions e JOIN finished f ON f.id = e.job_id
    WHERE f.lane IN (SELECT lane FROM lanes) AND f.finished_ms >= ? AND e.started_ms >= ?"""
_FINISHED = "SELECT finished FROM meta"


class Start(NamedTuple):
    """When a handler ran first, and how long after the start of the node and of its coordinator."""

    first_ms: float
    whole_s: float
    own_s: float


def measure_growth(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns what each depth costs, and how much more a job of the last one costs than of the one before."""
    depths = [depth for depth in DEPTHS if depth <= sizes.backlog_jobs]
    found = {depth: _at_depth(folder / DEPTHS[depth], depth) for depth in depths}
    figures = {f"growth_{key}_{DEPTHS[depth]}": value for depth in depths for key, value in found[depth].items()}
    if len(depths) > 1:
        before, last = depths[-2:]
        for key in ("enqueue", "drain", "restart", "listing"):
            figures[f"growth_{key}"] = found[last][key] / found[before][key] / (last / before)
    return figures


def measure_restart(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns seconds from process start and from the coordinator's to the first handler, and MiB of the files."""
    data = folder / "d"
    with whole_node(folder / "a", data, more=KEEP_ALL) as node, Client(node.url, timeout=PATIENCE_S) as client:
        submit(client, sizes.history_jobs)
        wait_finished(node.shard_file, sizes.history_jobs)
    with BenchNode(folder / "b", KEEP_ALL, data) as node:  # no executor, so that the ready ones stay
        with Client(node.url, timeout=PATIENCE_S) as client:
            draw = random.Random(sizes.backlog_jobs)
            for low_ms, high_ms in DELAYS_MS:
                submit(client, sizes.backlog_jobs // 4, partial(delayed, draw, low_ms, high_ms))
            submit(client, sizes.backlog_jobs // 2)
        node.kill()
    size_mib = sum(file.stat().st_size for file in data.rglob("*") if file.is_file()) / 1024 / 1024
    starts: list[Start] = []
    for number in range(sizes.restarts):
        with whole_node(folder / f"r{number}", data, more=KEEP_ALL) as node:
            starts.append(_first_start(node))
            node.kill()
    return {
        "n11": median(start.whole_s for start in starts),
        "n11_coordinator": median(start.own_s for start in starts),
        "n11_files": size_mib,
    }


def delayed(draw: random.Random, low_ms: int, high_ms: int) -> Submission:
    """Returns a job that is due in so many ms, at random."""
    return tasks.noop.job(), {"delay": draw.randrange(low_ms, high_ms) / 1000}


def submit(client: Client, jobs: int, make: Callable[[], Submission] = tasks.noop.job) -> None:
    """Submits so many jobs in batches."""
    for start in range(0, jobs, CHUNK_JOBS):
        client.submit_many([make() for _ in range(min(CHUNK_JOBS, jobs - start))])


def _at_depth(folder: Path, depth: int) -> dict[str, float]:
    with announced(folder) as node:
        with Client(node.url, timeout=PATIENCE_S) as client:
            begun = time.perf_counter()
            submit(client, depth)
            enqueue_s = time.perf_counter() - begun
            wait_calm(node.coordinator_pid, CALM_S)
            memory_mib = pss_kib(node.coordinator_pid) / 1024
            listing_ms = listed_ms(client)
        before = finished(node.shard_file)
        node.kill()
    with whole_node(folder / "r", node.data_dir) as node:
        start = _first_start(node)
        wait_finished(node.shard_file, before + depth)
        last_ms = _value(node.shard_file, "SELECT max(finished_ms) FROM finished")
    return {
        "enqueue": enqueue_s, "pss": memory_mib, "listing": percentile(listing_ms, 1), "restart": start.whole_s,
        "drain": (last_ms - start.first_ms) / 1000,
    }  # fmt: skip


def listed_ms(client: Client) -> list[float]:
    """Returns how long each listing took, in ms."""
    took: list[float] = []
    for name, chosen in LISTINGS * LISTED:
        begun = time.perf_counter()
        client.listing(name, **chosen)
        took.append((time.perf_counter() - begun) * 1000)
    return took


def _first_start(node: BenchNode) -> Start:
    """Waits until a node that has just been started runs jobs of its backlog."""
    until_s = time.monotonic() + PATIENCE_S
    connection = open_offline(node.shard_file)
    try:
        while True:
            count, first_ms = connection.execute(_FIRST, (node.begun_ms,) * 2).fetchone()
            if count >= STARTED_ENOUGH:
                break
            if time.monotonic() > until_s:
                raise CommandError(f"no job ran in {PATIENCE_S:.0f} s after the restart; see the node's log")
            time.sleep(LOOK_EVERY_S)
    finally:
        connection.close()
    own_s = (first_ms - started_ms(node.coordinator_pid)) / 1000
    return Start(first_ms, (first_ms - node.begun_ms) / 1000, own_s)


def finished(file: Path) -> int:
    """Returns how many jobs have finished."""
    return _value(file, _FINISHED)


def wait_finished(file: Path, count: int) -> None:
    """Waits until so many jobs have finished."""
    until_s = time.monotonic() + PATIENCE_S
    while (found := finished(file)) < count:
        if time.monotonic() > until_s:
            raise CommandError(f"only {found} of {count} jobs were done in {PATIENCE_S:.0f} s; see the node's log")
        time.sleep(LOOK_EVERY_S)


def _value(file: Path, statement: str) -> int:
    connection = open_offline(file)
    try:
        return int(connection.execute(statement).fetchone()[0])
    finally:
        connection.close()
