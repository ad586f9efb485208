"""What follows an attempt: the handler's verdict, the deadline, and the last words of a job that dies."""

from typing import Any

import pytest
from builders import a_job, a_policy
from shard_bench import START_MS, Executor, Leased, ShardBench, runs_of

from mainspring.actors import entries
from mainspring.actors.entries import FINISH_COLUMNS
from mainspring.broker.wire.limits import AFTER_MS_MAX, OUTPUT_BYTES_MAX


def running(**options: Any) -> tuple[ShardBench, Executor, Leased]:
    """A shard with one running job; it is retried three times, after 1, 2 and 4 s."""
    bench = ShardBench()
    executor = bench.executor(slots=1)
    bench.submit(a_job(**options))
    (run,) = runs_of(bench.said)
    return bench, executor, run


def last(bench: ShardBench) -> dict[str, Any]:
    """The last row of a FINISH."""
    return dict(zip(FINISH_COLUMNS, bench.ops(entries.FINISH)[-1][2][-1], strict=True))


def due_in(bench: ShardBench) -> int | None:
    """In how many ms the job of the last FINISH runs again."""
    due_ms = last(bench)["due_ms"]
    return None if due_ms is None else due_ms - bench.wall_ms


# Verdicts.


@pytest.mark.parametrize(
    ("verdict", "after_ms", "state", "waits_ms", "failures"),
    [
        (None, None, "retrying", 1_000, 1),
        (None, 50, "retrying", 1_000, 1),
        ("retry", None, "retrying", 1_000, 1),
        ("retry", 50, "retrying", 50, 1),
        ("retry", 0, "running", 10, 1),
        ("retry", AFTER_MS_MAX, "retrying", AFTER_MS_MAX, 1),
        ("no_retry", None, "dead", None, 1),
        ("no_retry", 50, "dead", None, 1),
        ("no_count", None, "retrying", 1_000, 0),
        ("no_count", 50, "retrying", 50, 0),
        ("snooze", 50, "retrying", 1_000, 1),
    ],
)
def test_what_a_handler_says_of_a_failure(
    verdict: str | None, after_ms: int | None, state: str, waits_ms: int | None, failures: int
) -> None:
    """Its verdict goes before the policy; a failure is no snooze, and a wait without a verdict means nothing."""
    bench, executor, run = running()
    executor.finish(run, outcome="failed", error="no", verdict=verdict, after_ms=after_ms)
    assert (last(bench)["failures"], last(bench)["crashes"], due_in(bench)) == (failures, 0, waits_ms)
    assert bench.state_of(run.id) == [state]


def test_a_retry_that_is_asked_for_counts() -> None:
    """However often a handler says "retry", the policy's number holds."""
    bench, executor, _ = running(retry=a_policy(retries=2))
    for _ in range(3):
        executor.finish(runs_of(bench.said)[-1], outcome="failed", verdict="retry", after_ms=10)
        bench.wait(10)
    assert bench.state_of(bench.id(1)) == ["dead"]
    assert last(bench)["failures"] == 3


def test_what_does_not_count_is_tried_for_ever() -> None:
    """Even a job without retries; the wait grows with the attempts, and a real failure ends it."""
    bench, executor, _ = running(retry=a_policy(retries=0))
    waits: list[int | None] = []
    for _ in range(6):
        executor.finish(runs_of(bench.said)[-1], outcome="failed", verdict="no_count")
        waits.append(due_in(bench))
        bench.wait(40_000)
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]
    executor.finish(runs_of(bench.said)[-1], outcome="failed")
    assert bench.state_of(bench.id(1)) == ["dead"]


def test_a_verdict_on_a_timeout_means_nothing() -> None:
    """Whoever was interrupted has nothing to say."""
    bench, executor, run = running()
    executor.finish(run, outcome="timed_out", verdict="no_retry")
    assert (bench.state_of(run.id), due_in(bench)) == (["retrying"], 1_000)


@pytest.mark.parametrize("after_ms", [10, 700, 700_000])
def test_a_snooze_comes_back_and_costs_nothing(after_ms: int) -> None:
    """Nothing has failed; it runs again after its time, on elapsed time, as often as it likes."""
    bench, executor, run = running(retry=a_policy(retries=0))
    for number in range(1, 5):
        executor.finish(run, outcome="returned", verdict="snooze", after_ms=after_ms)
        row = last(bench)
        assert (row["failures"], row["crashes"], row["error_kind"]) == (0, 0, "snooze")
        assert row["due_ms"] == bench.wall_ms + after_ms
        bench.step_wall(5_000 if after_ms < 600_000 else 0)
        assert runs_of(bench.wait(after_ms - 1)) == []
        (run,) = runs_of(bench.wait(1))
        assert run.attempt == number + 1


@pytest.mark.parametrize("verdict", ["retry", "no_retry", "no_count", "snooze"])
@pytest.mark.parametrize("outcome", ["failed", "returned"])
def test_a_job_that_was_asked_to_stop_ends_whatever_it_says(outcome: str, verdict: str) -> None:
    """Whoever asked has decided."""
    bench, executor, run = running()
    bench.cancel(run.id)
    executor.finish(run, outcome=outcome, verdict=verdict, after_ms=5)
    assert bench.state_of(run.id) == ["cancelled"]


# The deadline.


@pytest.mark.parametrize(
    ("columns", "kind", "error"),
    [
        ({"outcome": "failed", "error": "boom\n", "error_kind": "ValueError"}, "ValueError", "boom\n"),
        ({"outcome": "failed"}, "deadline", ""),
        ({"outcome": "failed", "verdict": "no_count", "error": "x", "error_kind": "E"}, "E", "x\n"),
        ({"outcome": "failed", "verdict": "retry", "after_ms": 500}, "deadline", ""),
        ({"outcome": "crashed", "error": "died", "error_kind": "crash"}, "crash", "died\n"),
        ({"outcome": "returned", "verdict": "snooze", "after_ms": 500}, "deadline", ""),
    ],
)
def test_a_retry_after_the_deadline_does_not_wait_for_it(columns: dict[str, Any], kind: str, error: str) -> None:
    """It is dead at once, with its own error and why there is no other attempt."""
    bench, executor, run = running(deadline_ms=600)
    assert run.left_ms == 600
    bench.wait(100)
    executor.finish(run, **columns)
    assert bench.state_of(run.id) == ["dead"]
    assert (last(bench)["error_kind"], last(bench)["due_ms"]) == (kind, None)
    assert last(bench)["error"] == f"{error}its next attempt would begin after its deadline"


def test_a_retry_before_the_deadline_runs() -> None:
    """The last millisecond before it is early enough, the deadline itself is not."""
    for deadline_ms, state in ((1_001, "retrying"), (1_000, "dead")):
        bench, executor, run = running(deadline_ms=deadline_ms)
        executor.finish(run, outcome="failed")
        assert bench.state_of(run.id) == [state]


@pytest.mark.parametrize("ahead_ms", [0, 40])
def test_a_timeout_at_the_deadline_is_the_end(ahead_ms: int) -> None:
    """The executor has ended it by its own clock, which may be a little ahead."""
    bench, executor, run = running(deadline_ms=1_000, retry=[3, 10, 1_000, 10, 1])
    bench.wait(1_000 - ahead_ms)
    columns = {"started_ms": START_MS, "finished_ms": START_MS + 1_000, "error": "timed out", "error_kind": "timeout"}
    executor.finish(run, outcome="timed_out", **columns)
    assert bench.rows_of(run.id)[0][1:4] == ["dead", None, "timed out\nits deadline has passed"]
    assert last(bench)["error_kind"] == "timeout"


def test_what_succeeds_after_the_deadline_has_succeeded() -> None:
    """What has happened has happened."""
    bench, executor, run = running(deadline_ms=100)
    bench.wait(200)
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


def test_a_lost_job_does_not_start_again_after_its_deadline() -> None:
    """It may have run, so it is dead; what surely has not run expires."""
    for outcome, state in (("lost", "dead"), ("returned", "expired")):
        bench, executor, run = running(deadline_ms=100)
        bench.wait(200)
        executor.finish(run, outcome=outcome)
        assert bench.state_of(run.id) == [state]


def test_a_job_waits_for_a_slot_until_its_deadline() -> None:
    """And for its retry: it expires there."""
    bench = ShardBench()
    bench.executor(slots=0)
    (id,) = bench.submit(a_job(deadline_ms=5_000, expires_ms=9_000))
    bench.wait(6_100)
    assert bench.state_of(id) == ["expired"]


def test_the_deadline_survives_a_restart() -> None:
    """It stands in the row of the job."""
    bench, executor, run = running(deadline_ms=500)
    bench.restart()
    executor.hello(held=[run])
    executor.finish(run, outcome="failed")
    assert bench.state_of(run.id) == ["dead"]


# Last words.


def test_a_poison_job_keeps_its_last_words() -> None:
    """The third crash ends it; what it had to say stands in its error and its output."""
    bench, executor, _ = running()
    for number in range(3):
        run = runs_of(bench.said)[-1]
        executor.finish(run, outcome="crashed", error="killed by SIGSEGV", output=f"Fatal {number}", error_kind="crash")
        bench.wait(10_000)
    (row,) = bench.rows_of(bench.id(1))
    assert row[1] == "dead"
    assert row[3].startswith("killed by SIGSEGV; its runner or executor has died 3 times")
    assert (last(bench)["output"], last(bench)["error_kind"]) == ("Fatal 2", "crash_budget")


def test_the_end_of_a_long_output_is_kept() -> None:
    """An output that is too long loses its beginning, not its last words."""
    bench, executor, run = running()
    executor.finish(run, outcome="failed", output="\u2603" * OUTPUT_BYTES_MAX + "the end")
    output = last(bench)["output"]
    assert output.endswith("\u2603the end")
    assert len(output.encode()) <= OUTPUT_BYTES_MAX
