"""The memory and the CPU time that a task allows, in a process child."""

import json
from collections.abc import Callable

import pytest
from runner_children import Child, a_run

from mainspring.nodes.runners import frames

SpawnChild = Callable[..., Child]

SOURCE = """
import resource, signal, time
from mainspring import CpuLimitExceeded
@task(memory='64MiB')
def greedy() -> int:
    return len(bytearray(256 * 2**20))
@task(memory='64MiB')
def grows() -> None:
    kept = []
    while True:
        kept.append(bytearray(2**20))
@task(memory='64MiB')
def modest() -> int:
    return len(bytearray(16 * 2**20))
@task(memory='64MiB')
def copes() -> str:
    try:
        bytearray(256 * 2**20)
    except MemoryError:
        return 'smaller then'
@task
def free() -> list:
    bytearray(256 * 2**20)
    return [resource.getrlimit(resource.RLIMIT_DATA)[0], signal.getitimer(signal.ITIMER_PROF)[0]]
@task(cpu=0.05)
def burns() -> None:
    while True: pass
@task(cpu=0.05)
def sleeps() -> int:
    time.sleep(0.2)
    return 1
@task(cpu=0.05)
def cleans() -> str:
    try:
        count = 0
        while True: count += 1
    except CpuLimitExceeded:
        return 'cleaned'
@task(cpu=5, memory='1GiB', labels=['gpu=yes'])
def both() -> int: return 2
"""


@pytest.mark.parametrize("name", ["greedy", "grows"])
def test_a_greedy_run_fails_and_the_child_goes_on(spawn: SpawnChild, name: str) -> None:
    """An allocation beyond `memory` raises MemoryError in the handler; the process lives, and so does its next run."""
    child = spawn("process", SOURCE)

    child.run(a_run(1, f"jobs.{name}"), a_run(2, "jobs.modest"), a_run(3, f"jobs.{name}"), a_run(4, "jobs.free"))

    done = child.results(4)
    assert [done[n][1] for n in (1, 2, 3, 4)] == ["failed", "succeeded", "failed", "succeeded"]
    assert done[1][6] == done[3][6] == "memory_limit"
    assert "bytearray" in done[1][5]
    assert json.loads(done[4][4]) == [-1, 0.0]


def test_a_run_may_cope_with_a_refused_allocation(spawn: SpawnChild) -> None:
    """MemoryError is an exception like others: a handler that catches it goes on."""
    child = spawn("process", SOURCE)

    child.run(a_run(1, "jobs.copes"))

    assert child.result()[4] == '"smaller then"'


def test_cpu_time_is_limited_and_waiting_is_free(spawn: SpawnChild) -> None:
    """A run beyond `cpu` fails with a kind of its own; one that sleeps is no longer than that; the limit is lifted."""
    child = spawn("process", SOURCE)
    names = ["burns", "sleeps", "cleans", "burns", "free"]

    child.run(*(a_run(n, f"jobs.{name}") for n, name in enumerate(names)))

    done = child.results(len(names))
    assert [done[n][1] for n in range(5)] == ["failed", "succeeded", "succeeded", "failed", "succeeded"]
    assert done[0][6] == done[3][6] == "cpu_limit"
    assert "while True: pass" in done[0][5]
    assert "process_child" not in done[0][5]
    assert done[2][4] == '"cleaned"'
    assert json.loads(done[4][4])[1] == 0.0


def test_ready_tells_limits_and_labels(spawn: SpawnChild) -> None:
    """READY has a row of LIMIT_COLUMNS for each task with limits or labels, and none for others."""
    frame = spawn("process", SOURCE, ready=False).next_frame()

    rows = {row[0]: dict(zip(frames.LIMIT_COLUMNS, row, strict=True)) for row in frame[4]}
    assert rows["jobs.both"] == {"task": "jobs.both", "memory_bytes": 2**30, "cpu_ms": 5000, "labels": ["gpu=yes"]}
    assert rows["jobs.burns"] == {"task": "jobs.burns", "memory_bytes": None, "cpu_ms": 50, "labels": []}
    assert "jobs.free" not in rows
