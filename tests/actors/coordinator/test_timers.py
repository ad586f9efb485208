"""When jobs start: never early, on the right clock, whatever the clocks, the log and the process do."""

import pytest
from builders import a_job
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_bench import CLIENT, MS, START_MS, Said, ShardBench, runs_of

from mainspring.actors.limits import HORIZON_MS
from mainspring.broker.wire.messages import Run
from mainspring.chaos.small_limits import small_limits

HOUR_MS = 3_600_000
STEPS = [-HOUR_MS, HOUR_MS]


@pytest.fixture
def bench() -> ShardBench:
    """A shard with an executor that has slots."""
    bench = ShardBench()
    bench.executor()
    return bench


def started(said: list[Said]) -> list[tuple[str, float]]:
    """(payload, elapsed ms since the start of the bench) of every run that left."""
    return [
        (row[3], one.elapsed_ms - 1_000) for one in said if isinstance(one.message, Run) for row in one.message.jobs
    ]


# Delays.


def test_a_delay_ends_at_its_millisecond(bench: ShardBench) -> None:
    """Not a millisecond before it, and none after it."""
    bench.submit(a_job("x", delay_ms=700))
    assert started(bench.wait(5_000)) == [("x", 700)]


def test_a_delay_counts_from_the_moment_at_which_it_is_taken(bench: ShardBench) -> None:
    """A job taken within a millisecond waits for the whole delay; the end is rounded up."""
    bench.elapsed_ns += 250_000
    bench.submit(a_job("x", delay_ms=5))
    assert started(bench.wait(100)) == [("x", 6)]


@pytest.mark.parametrize("step_ms", STEPS)
def test_a_step_of_the_wall_moves_no_delay(bench: ShardBench, step_ms: int) -> None:
    """A delay runs on a clock that nobody sets, whether the record is in memory or not."""
    bench.submit(a_job("x", delay_ms=5_000))
    bench.wait(1_000)
    bench.step_wall(step_ms)
    assert started(bench.wait(60_000)) == [("x", 5_000)]


@pytest.mark.parametrize("step_ms", STEPS)
def test_a_delay_taken_behind_a_step_is_as_long_as_any(bench: ShardBench, step_ms: int) -> None:
    """The stamp may be ahead of a wall that was set back."""
    bench.wait(10)
    bench.step_wall(step_ms)
    bench.submit(a_job("x", delay_ms=5_000))
    assert started(bench.wait(60_000)) == [("x", 5_010)]


@pytest.mark.parametrize("step_ms", STEPS)
def test_a_step_of_the_wall_moves_no_retry(step_ms: int) -> None:
    """The wait before a retry is a delay."""
    bench = ShardBench()
    executor = bench.executor()
    bench.submit(a_job("x"))
    executor.finish(*runs_of(bench.said), outcome="failed")
    bench.wait(500)
    bench.step_wall(step_ms)
    assert started(bench.wait(10_000)) == [("x", 1_000)]


# The calendar.


def test_an_instant_is_met_to_the_millisecond(bench: ShardBench) -> None:
    """`at` is on the wall, and is looked up to it."""
    bench.submit(a_job("x", at_ms=START_MS + 700))
    assert started(bench.wait(5_000)) == [("x", 700)]


def test_an_instant_follows_the_wall_forward(bench: ShardBench) -> None:
    """When the wall leaps past it, the job starts within the second in which that is noticed."""
    bench.submit(a_job("x", at_ms=START_MS + HOUR_MS // 12))
    bench.wait(500)
    bench.step_wall(HOUR_MS)
    ((label, at_ms),) = started(bench.wait(10_000))
    assert label == "x"
    assert 500 <= at_ms <= 1_500


def test_an_instant_follows_the_wall_back(bench: ShardBench) -> None:
    """When the wall is set back, the job waits for it to come again."""
    bench.submit(a_job("x", at_ms=START_MS + 2_000))
    bench.wait(500)
    bench.step_wall(-5_000)
    assert started(bench.wait(20_000)) == [("x", 7_000)]


def test_an_instant_that_has_passed_is_now(bench: ShardBench) -> None:
    """A job for yesterday runs at once, under its nominal time."""
    said = bench.hear(CLIENT, bench.a_submit(a_job("x", at_ms=START_MS - 86_400_000)))
    (run,) = runs_of(said)
    assert run.due_ms == START_MS - 86_400_000


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["delay", "at", "wait", "step", "fraction"]), st.integers(0, 3_000), st.booleans()),
        max_size=25,
    )
)
def test_nothing_is_ever_early(steps: list[tuple[str, int, bool]]) -> None:
    """Any mix of delays, instants, waits and steps of the wall: each Run leaves at its time or later, and leaves."""
    bench = ShardBench()
    bench.executor()
    due: dict[str, tuple[str, int]] = {}
    checked = len(bench.said)
    for number, (what, value, up) in enumerate(steps):
        match what:
            case "delay":
                due[str(number)] = "elapsed", bench.elapsed_ns + value * MS
                bench.submit(a_job(str(number), delay_ms=value))
            case "at":
                due[str(number)] = "wall", bench.wall_ms + value
                bench.submit(a_job(str(number), at_ms=bench.wall_ms + value))
            case "wait":
                bench.wait(value)
            case "step":
                bench.step_wall(value if up else -value)
            case _:
                bench.elapsed_ns += value * 100
    bench.wait(100_000)
    left: list[str] = []
    for one in bench.said[checked:]:
        for run in runs_of([one]):
            clock, at = due[run.payload]
            assert (one.elapsed_ms * MS >= at) if clock == "elapsed" else (one.wall_ms >= at), run.payload
            left.append(run.payload)
    assert sorted(left) == sorted(due)


# The horizon.


def test_far_jobs_come_from_the_due_index(bench: ShardBench) -> None:
    """What is due beyond the horizon is not in memory, and starts at its millisecond all the same."""
    bench.submit(
        a_job("delay", delay_ms=2 * HORIZON_MS + 3),
        a_job("at", at_ms=START_MS + 3 * HORIZON_MS + 7),
        a_job("edge", at_ms=START_MS + HORIZON_MS),
    )
    assert len(bench.state.timers.wheels[0]) + len(bench.state.timers.wheels[1]) == 0
    assert bench.state.image.jobs == {}
    assert started(bench.wait(4 * HORIZON_MS)) == [
        ("edge", HORIZON_MS), ("delay", 2 * HORIZON_MS + 3), ("at", 3 * HORIZON_MS + 7),
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_the_due_index_is_read_in_portions(limit: int) -> None:
    """Many far jobs of one millisecond, and of several, come with as many reads as they need, each once."""
    with small_limits({"DUE_READ_JOBS": limit}):
        bench = ShardBench()
        bench.executor()
        bench.submit(*[a_job(str(n), at_ms=START_MS + 2 * HORIZON_MS + n // 3) for n in range(10)])
        ran = started(bench.wait(3 * HORIZON_MS))
        assert sorted(ran, key=lambda one: int(one[0])) == [(str(n), 2 * HORIZON_MS + n // 3) for n in range(10)]


def test_jobs_taken_while_the_due_index_is_read_are_not_missed() -> None:
    """A job due just beyond the old horizon and before the new one is seen whether its entry is applied or not."""
    bench = ShardBench()
    bench.executor()
    bench.store.locked = True
    bench.submit(a_job("unapplied", at_ms=START_MS + HORIZON_MS + 30_000))
    bench.wait(70_000)
    bench.store.locked = False
    bench.submit(a_job("fresh", at_ms=START_MS + HORIZON_MS + 30_001))
    assert started(bench.wait(2 * HORIZON_MS)) == [
        ("unapplied", HORIZON_MS + 30_000), ("fresh", HORIZON_MS + 30_001),
    ]  # fmt: skip


def test_a_far_job_that_is_cancelled_does_not_start(bench: ShardBench) -> None:
    """Neither when only the rows know it, nor when it stands at a timer."""
    ids = bench.submit(a_job("far", delay_ms=2 * HORIZON_MS), a_job("near", delay_ms=HORIZON_MS - 60_000))
    bench.cancel(*ids)
    assert started(bench.wait(3 * HORIZON_MS)) == []
    assert bench.state_of(*ids) == ["cancelled", "cancelled"]


def test_many_timers_of_one_instant_fire_over_several_turns() -> None:
    """One turn fires a bounded number; the rest follow at the same instant."""
    with small_limits({"FIRE_JOBS_MAX": 3}):
        bench = ShardBench()
        bench.executor()
        bench.submit(*[a_job(str(n), delay_ms=500) for n in range(10)])
        assert started(bench.wait(1_000)) == [(str(n), 500) for n in range(10)]


# Restarts.


@pytest.mark.parametrize("keep_rows", [True, False], ids=["rows applied", "rows lost"])
def test_a_restart_keeps_what_is_due_later(keep_rows: bool) -> None:
    """Delays and instants alike are on the wall after a restart; retries, too."""
    bench = ShardBench()
    executor = bench.executor()
    bench.submit(
        a_job("retry"), a_job("delay", delay_ms=5_000), a_job("at", at_ms=START_MS + 6_000),
        a_job("far", delay_ms=2 * HORIZON_MS),
    )  # fmt: skip
    executor.finish(*runs_of(bench.said), outcome="failed")
    bench.wait(500)
    bench.restart(keep_rows=keep_rows)
    bench.executor(incarnation=8)
    assert started(bench.wait(3 * HORIZON_MS)) == [
        ("retry", 1_000), ("delay", 5_000), ("at", 6_000), ("far", 2 * HORIZON_MS),
    ]  # fmt: skip


def test_what_became_due_while_nobody_was_there_starts_at_once() -> None:
    """After a pause of an hour the overdue jobs run, however old, each once."""
    bench = ShardBench()
    bench.executor(slots=0)
    bench.submit(*[a_job(str(n), delay_ms=n * 60_000 + 1) for n in range(20)])
    bench.elapsed_ns += HOUR_MS * MS
    bench.wall_ms += HOUR_MS
    bench.restart()
    said = bench.executor(incarnation=8).said
    assert [label for label, _ in started(said)] == [str(n) for n in range(20)]


def test_a_lease_taken_ahead_survives_a_restart() -> None:
    """The executor never had the run; it denies it, and the job starts at its instant."""
    bench = ShardBench()
    executor = bench.executor()
    bench.submit(a_job("x", delay_ms=500))
    bench.wait(495)
    bench.restart()
    executor.hello()
    executor.credit(5)
    assert started(bench.wait(1_000)) == [("x", 500)]


# Waking.


def test_an_idle_shard_sleeps(bench: ShardBench) -> None:
    """With only far jobs, it is not woken more than about once a second, and says nothing."""
    bench.submit(a_job(delay_ms=HOUR_MS))
    bench.wait(5_000)
    turns = bench.turns
    assert bench.wait(60_000) == []
    assert bench.turns - turns <= 2 * 60 + 10


def test_a_late_wake_is_harmless() -> None:
    """A loop that was stopped for a minute starts everything that came due, in order."""
    bench = ShardBench()
    bench.executor()
    bench.submit(a_job("2", delay_ms=2_000), a_job("1", delay_ms=1_000), a_job("9", delay_ms=90_000))
    bench.elapsed_ns += 60_000 * MS
    bench.wall_ms += 60_000
    assert sorted(label for label, _ in started(bench.run())) == ["1", "2"]
