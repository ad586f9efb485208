"""A wall clock that was set far forward for a moment.

The stamp stands still until the wall catches up, and nothing else.
"""

import pytest
from builders import a_job
from shard_bench import Executor, ShardBench, runs_of

from mainspring.actors import entries

DAY_MS = 86_400_000


@pytest.fixture
def glitched() -> tuple[ShardBench, Executor]:
    """A shard whose wall was a day ahead for one turn, and its executor."""
    bench = ShardBench()
    executor = bench.executor()
    bench.step_wall(DAY_MS)
    bench.submit(a_job(delay_ms=10 * DAY_MS))
    bench.step_wall(-DAY_MS)
    bench.wait(10)
    return bench, executor


def test_delays_are_due_on_time_after_a_restart(glitched: tuple[ShardBench, Executor]) -> None:
    """Due times are those of the wall, not of the stamp: a restart, which knows nothing else, fires them on time."""
    bench, _ = glitched
    (id,) = bench.submit(a_job(delay_ms=5_000))
    bench.restart()
    bench.executor("executor-2", incarnation=8)
    assert runs_of(bench.wait(4_900)) == []
    assert [run.id for run in runs_of(bench.wait(200))] == [id]


def test_retries_are_due_on_time(glitched: tuple[ShardBench, Executor]) -> None:
    """A backoff of a second is one of a second."""
    bench, executor = glitched
    (id,) = bench.submit(a_job(retry=[3, 1_000, 2_000, 600_000, 1]))
    (run,) = [run for run in runs_of(bench.said) if run.id == id]
    executor.finish(run, outcome="failed")
    assert bench.state_of(id) == ["retrying"]
    bench.restart()
    bench.executor("executor-2", incarnation=8)
    assert [run.id for run in runs_of(bench.wait(1_200))] == [id]


def test_old_leases_still_get_a_row(glitched: tuple[ShardBench, Executor]) -> None:
    """How old a lease is, elapsed time says; so the floor moves on, and the log can be truncated."""
    bench, _ = glitched
    (id,) = bench.submit(a_job())
    floor = bench.machine.housekeeping.floor
    bench.wait(2_500)
    assert [row[0] for op in bench.ops(entries.HOLD) for row in op[2]] == [id]
    assert bench.machine.housekeeping.floor > floor


def test_jobs_expire_on_time(glitched: tuple[ShardBench, Executor]) -> None:
    """An expiry is counted on the wall that is."""
    bench, _ = glitched
    (id,) = bench.submit(a_job(delay_ms=60_000, expires_ms=3_000))
    bench.wait(2_000)
    assert bench.state_of(id) == ["scheduled"]
    bench.wait(2_500)
    assert bench.state_of(id) == ["expired"]
