"""N1 and N2: how fast a backlog of no-op jobs is run down by two executors, everything durable and kept.

Decides what a drain is. The jobs are submitted while no executor runs, so most of them stand on disk alone; then a
node of two executors comes. The clock runs from the start of the first handler to the commit that holds the last
finish, both as the shard file has them afterwards: nobody awaits the jobs, and the start of processes is no part of
it. It must not know how the other measures do it.
"""

import time
from pathlib import Path
from typing import Any

from ...broker.net.client import Client
from ...broker.tasks.task import Task
from ..cli.errors import CommandError
from ..storage.shard.offline import open_offline
from . import tasks
from .node import BenchNode, coordinator_alone, executors_alone, whole_node
from .procfs import cpu_ns, family, words
from .sizes import Sizes

PATIENCE_S = 120.0
LOOK_EVERY_S = 0.05
CHUNK_JOBS = 10_000

_SPAN = """SELECT count(*), min(started_ms), max(f.finished_ms)
    FROM finished f JOIN executions e ON e.job_id = f.id WHERE f.id > ? AND f.state = 10"""

PARTS = {"coordinator": "processes.coordinator", "executors": "processes.executor", "children": "runners.child"}
"""Kinds of processes, and what their command lines have."""


def measure_asyncio(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns jobs a second on the asyncio runner: of a drain, and from submit to the client's last result.

    Beside the drain's rate stand the µs of CPU that a job takes of each kind of process, which a busy machine blurs
    less.
    """
    jobs_s, cpu_us = _drain(folder, tasks.noop, sizes.drain_jobs)
    through = _through(folder / "through", tasks.noop, sizes.drain_jobs)
    return {"n1": jobs_s, "n1_through": through, **{f"n1_cpu_{part}": value for part, value in cpu_us.items()}}


def measure_process(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns the same of a drain on the process runner."""
    jobs_s, cpu_us = _drain(folder, tasks.noop_process, sizes.process_jobs)
    return {"n2": jobs_s, **{f"n2_cpu_{part}": value for part, value in cpu_us.items()}}


def announced(folder: Path) -> BenchNode:
    """Starts a coordinator that knows the tasks, and has no executor any more."""
    node = coordinator_alone(folder / "coordinator")
    try:
        with executors_alone(folder / "announcing", node.url), Client(node.url) as client:
            client.submit_many([tasks.noop.job(), tasks.noop_process.job()])[1].result(PATIENCE_S)
    except BaseException:
        node.stop()
        raise
    return node


def _drain(folder: Path, task: Task[..., Any], jobs: int) -> tuple[float, dict[str, float]]:
    with announced(folder) as node:
        with Client(node.url, timeout=PATIENCE_S) as client:
            before = client.submit(task.job()).id
            for start in range(0, jobs, CHUNK_JOBS):
                client.submit_many([task.job() for _ in range(min(CHUNK_JOBS, jobs - start))])
        used = _cpu(node)
        with executors_alone(folder / "executors", node.url) as executors:
            used.update({part: value for part, value in _cpu(executors).items() if value})
            wait_finished(node.shard_file, jobs + 3)  # two of `announced`, and the one that leads
            now = _cpu(node, executors)
        cpu_us = {part: (now[part] - used[part]) / jobs / 1000 for part in PARTS}
        return rate(node.shard_file, before, jobs), cpu_us


def _cpu(*nodes: BenchNode) -> dict[str, int]:
    """Returns how long the processes of each kind have run, in ns."""
    pids = [pid for node in nodes for pid in family(node.pid)]
    return {part: cpu_ns(pid for pid in pids if mark in words(pid)) for part, mark in PARTS.items()}


def wait_finished(shard_file: Path, count: int) -> None:
    """Waits until so many jobs have ended.

    Raises:
        CommandError: it takes too long.
    """
    until = time.monotonic() + PATIENCE_S
    connection = open_offline(shard_file)
    try:
        while (found := connection.execute("SELECT finished FROM meta").fetchone()[0]) < count:
            if time.monotonic() > until:
                raise CommandError(f"only {found} of {count} jobs were done in {PATIENCE_S:.0f} s; see the node's log")
            time.sleep(LOOK_EVERY_S)
    finally:
        connection.close()


def rate(shard_file: Path, before: int, jobs: int) -> float:
    """Returns jobs a second, of all jobs behind `before`: from the first start to the commit with the last finish."""
    connection = open_offline(shard_file)
    try:
        count, first_ms, last_ms = connection.execute(_SPAN, (before,)).fetchone()
    finally:
        connection.close()
    assert count == jobs, f"{count} of {jobs} jobs have succeeded"
    return jobs / max(1, last_ms - first_ms) * 1000


def _through(folder: Path, task: Task[..., Any], jobs: int) -> float:
    """Submits in batches to a whole node, and waits in the client for every result."""
    with whole_node(folder) as node, Client(node.url, timeout=PATIENCE_S) as client:
        client.wait_all(client.submit_many([task.job() for _ in range(1_000)]), PATIENCE_S)
        begun = time.perf_counter()
        handles = [
            handle
            for start in range(0, jobs, CHUNK_JOBS)
            for handle in client.submit_many([task.job() for _ in range(min(CHUNK_JOBS, jobs - start))])
        ]
        client.wait_all(handles, PATIENCE_S)
        return jobs / (time.perf_counter() - begun)
