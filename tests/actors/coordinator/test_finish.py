"""How attempts end: accepted once and from the holder of the lease alone, and what follows for the job."""

from typing import Any

import pytest
from builders import a_job, a_policy, a_task
from shard_bench import CLIENT, SHARD, START_MS, Executor, Leased, Said, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.coordinator import finishing
from mainspring.actors.entries import FINISH_COLUMNS
from mainspring.actors.jobs import lifecycle as life
from mainspring.broker.wire.limits import ERROR_BYTES_MAX, NAME_CHARS_MAX
from mainspring.broker.wire.messages import Await, Ended, Finished, FinishedAck


def running(**job: Any) -> tuple[ShardBench, Executor, Leased]:
    """A shard, its executor, and one run of a job."""
    bench = ShardBench()
    executor = bench.executor(slots=10)
    bench.submit(a_job(**job))
    (run,) = runs_of(bench.said)
    return bench, executor, run


def finishes(bench: ShardBench) -> list[dict[str, Any]]:
    """All rows of FINISH ops, by column."""
    return [dict(zip(FINISH_COLUMNS, row, strict=True)) for op in bench.ops(entries.FINISH) for row in op[2]]


def acks(said: list[Said]) -> list[int]:
    """The batches that were acknowledged."""
    return [ack.batch for ack in only(said, FinishedAck)]


def attempt(bench: ShardBench, executor: Executor, outcome: str, **columns: Any) -> list[Leased]:
    """Ends the last run with this outcome, waits out any backoff, and returns the runs that follow."""
    *_, run = runs_of(bench.said)
    return runs_of([*executor.finish(run, outcome=outcome, **columns), *bench.wait(700_000)])


# The fence.


def test_a_finish_is_acknowledged_once_it_is_durable() -> None:
    """The executor may forget a result only when no crash takes it away."""
    bench, executor, run = running()
    bench.log.hold_commits()
    assert executor.finish(run) == []
    bench.log.release_commits()
    assert acks(executor.finish(run)) == [1, 2]
    assert [row["outcome"] for row in finishes(bench)] == [life.OUTCOME_SUCCEEDED]


def test_what_the_executor_reports_is_written_down() -> None:
    """Times, result, error and kind of the attempt stand in the entry as they came."""
    bench, executor, run = running()
    executor.finish(run, started_ms=5, finished_ms=9, result='"done"', error="none", error_kind="odd", output="o")
    (row,) = finishes(bench)
    assert row == {
        "id": run.id, "attempt": 1, "outcome": life.OUTCOME_SUCCEEDED, "state": life.SUCCEEDED,
        "scheduled_ms": START_MS, "started_ms": 5, "finished_ms": 9, "result": '"done"', "error": "none",
        "error_kind": "odd", "due_ms": None, "failures": 0, "crashes": 0, "output": "o",
    }  # fmt: skip
    assert bench.rows_of(run.id) == [[run.id, "succeeded", '"done"', "none", 1, None]]


STALE = [
    ("an older attempt", {"attempt": 0}),
    ("a later attempt", {"attempt": 2}),
    ("an older entry", {"index": -1}),
    ("a later entry", {"index": 1}),
    ("an older epoch", {"epoch": -1}),
    ("a later epoch", {"epoch": 1}),
    ("another job", {"id": 1}),
]


@pytest.mark.parametrize("shift", [case[1] for case in STALE], ids=[case[0] for case in STALE])
def test_a_finish_under_another_fence_is_void(shift: dict[str, int]) -> None:
    """It changes nothing, and is acknowledged like the rest, so that its sender forgets it."""
    bench, executor, run = running()
    shifted = run._replace(**{name: getattr(run, name) + by for name, by in shift.items()})
    if "attempt" in shift:
        shifted = run._replace(attempt=shift["attempt"])
    assert acks(executor.finish(shifted)) == [1]
    assert finishes(bench) == []
    assert bench.state_of(run.id) == ["running"]
    assert bench.state.counts["finishes_stale"] == 1
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


def test_the_first_finish_of_a_batch_counts() -> None:
    """Two results under one fence, in one message or in two of one turn, are one finish."""
    bench, executor, run = running()
    both = executor.finished(run, run)
    both.results[1][4] = "failed"
    assert acks(bench.hear(executor.peer, both, executor.finished(run, outcome="failed"))) == [1, 2]
    assert [row["outcome"] for row in finishes(bench)] == [life.OUTCOME_SUCCEEDED]
    assert bench.state.counts["finishes_stale"] == 2


def test_a_finish_of_the_last_attempt_is_void_for_the_next() -> None:
    """The old runner's late word about attempt 1 does not end attempt 2."""
    bench, executor, run = running()
    executor.finish(run, outcome="returned")
    second = runs_of(bench.said)[-1]
    assert (second.id, second.attempt) == (run.id, 2)
    assert (second.epoch, second.index) > (run.epoch, run.index), "fences of a job grow"
    executor.finish(run)
    assert bench.state_of(run.id) == ["running"]
    executor.finish(second)
    assert bench.state_of(run.id) == ["succeeded"]


def test_fences_grow_over_restarts() -> None:
    """A later coordinator has a higher epoch, and knows the lease of the one before by its own fence."""
    bench, executor, run = running()
    bench.restart()
    executor.hello(held=[run])
    assert acks(executor.finish(run._replace(epoch=2))) == [1]
    assert bench.state_of(run.id) == ["running"]
    executor.finish(run, outcome="returned")
    executor.credit(1)
    second = runs_of(bench.said)[-1]
    assert (second.epoch, second.attempt) == (2, 2)
    assert second.index > run.index


def test_a_finish_before_the_hello_is_passed_over() -> None:
    """It is not acknowledged, so it comes again behind the hello."""
    bench, executor, run = running()
    bench.restart()
    assert executor.finish(run) == []
    executor.hello(held=[run])
    assert acks(executor.finish(run)) == [2]
    assert bench.state_of(run.id) == ["succeeded"]


def test_results_that_make_no_sense_are_passed_over() -> None:
    """A malformed row or an unknown outcome ends nothing.

    The others of the batch are taken, and all is acknowledged.
    """
    bench, executor, run = running()
    bench.submit()
    second = runs_of(bench.said)[-1]
    good = executor.finished(run).results[0]
    odd = executor.finished(second, outcome="exploded").results[0]
    bad = [*executor.finished(second).results[0][:-1], -5]
    assert acks(bench.hear(executor.peer, Finished(SHARD, 9, [["nonsense"], odd, bad, good, []]))) == [9]
    assert bench.state_of(run.id, second.id) == ["succeeded", "running"]
    assert bench.state.counts["results_malformed"] == 4


def test_long_errors_are_cut() -> None:
    """The text and the kind of an error have bounds; what is beyond is dropped, not the result."""
    bench, executor, run = running()
    executor.finish(run, outcome="failed", error="☃" * ERROR_BYTES_MAX, error_kind="K" * 10_000)
    (row,) = finishes(bench)
    assert len(row["error"].encode()) <= ERROR_BYTES_MAX
    assert row["error"].startswith("☃☃☃")
    assert len(row["error_kind"]) <= NAME_CHARS_MAX


# Failures and retries.


@pytest.mark.parametrize("outcome", ["failed", "timed_out"])
def test_failures_are_retried_with_growing_waits(outcome: str) -> None:
    """The policy's waits, here 1, 2 and 4 s, to the millisecond; then the job is dead."""
    bench, executor, run = running()
    for number, wait_ms in enumerate((1_000, 2_000, 4_000), 1):
        at_ms = bench.wall_ms
        executor.finish(run, outcome=outcome, error="boom")
        (row,) = bench.rows_of(run.id)
        assert row == [run.id, "retrying", None, None, number, at_ms + wait_ms]
        assert runs_of(bench.wait(wait_ms - 1)) == []
        (run,) = runs_of(bench.wait(1))
        assert run.attempt == number + 1
        assert run.due_ms == START_MS, "the nominal time stays"
    executor.finish(run, outcome=outcome, error="boom")
    assert bench.rows_of(run.id) == [[run.id, "dead", None, "boom", 4, None]]
    assert bench.state.counts["jobs_dead"] == 1
    assert [row["failures"] for row in finishes(bench)] == [1, 2, 3, 4]


def test_a_job_has_its_own_policy_before_its_tasks() -> None:
    """The job's retries win; the task's hold for the others."""
    bench, executor, run = running(retry=a_policy(retries=1, base_ms=50))
    executor.finish(run, outcome="failed")
    (second,) = runs_of(bench.wait(50))
    executor.finish(second, outcome="failed")
    assert bench.state_of(run.id) == ["dead"]


def test_a_task_that_nobody_announces_any_more_keeps_its_policy() -> None:
    """The catalogue is logged, so the policy holds after a restart."""
    bench = ShardBench()
    executor = bench.executor(tasks=[a_task(retry=a_policy(retries=0))])
    bench.submit()
    (run,) = runs_of(bench.said)
    bench.restart()
    executor.hello(held=[run])
    executor.finish(run, outcome="failed")
    assert bench.state_of(run.id) == ["dead"]


def test_a_jittered_wait_is_drawn_once_and_stands_in_the_entry() -> None:
    """The wait lies between 10 ms and its limit; a restart does not draw again."""
    bench, executor, run = running(retry=[3, 1000, 2000, 600_000, 0])
    executor.finish(run, outcome="failed")
    (row,) = finishes(bench)
    wait_ms = row["due_ms"] - START_MS
    assert 10 <= wait_ms <= 1_000
    bench.restart()
    executor = bench.executor(incarnation=8)
    assert runs_of(bench.wait(wait_ms - 1)) == []
    assert len(runs_of(bench.wait(1))) == 1


# Crashes and losses.


def test_crashes_have_a_budget_of_their_own() -> None:
    """Each crash waits as a failure does, and the third ends the job, however many retries it has."""
    bench, executor, run = running()
    (second,) = attempt(bench, executor, "crashed")
    (third,) = attempt(bench, executor, "failed")
    (fourth,) = attempt(bench, executor, "crashed")
    assert (second.attempt, third.attempt, fourth.attempt) == (2, 3, 4)
    assert attempt(bench, executor, "crashed", error=None) == []
    (row,) = bench.rows_of(run.id)
    assert row[1] == "dead"
    assert "3 times" in row[3]
    assert [(row["failures"], row["crashes"]) for row in finishes(bench)] == [(0, 1), (1, 1), (1, 2), (1, 3)]
    assert finishes(bench)[-1]["error_kind"] == "crash_budget"


def test_a_crash_waits() -> None:
    """A job that kills its process does not do so again at once."""
    bench, executor, run = running()
    assert runs_of(executor.finish(run, outcome="crashed")) == []
    assert bench.state_of(run.id) == ["retrying"]
    assert len(runs_of(bench.wait(1_000))) == 1


def test_a_lost_job_runs_again_at_once() -> None:
    """Its executor is gone, not the job's fault for sure; the third loss ends it."""
    bench, _executor, run = running()
    for number in (1, 2):
        runs = runs_of(bench.executor("executor-1", incarnation=7 + number, replaces=[6 + number]).said)
        assert [again.attempt for again in runs] == [number + 1]
    bench.executor("executor-1", incarnation=10, replaces=[9])
    (row,) = bench.rows_of(run.id)
    assert row[1] == "dead"
    assert [row["outcome"] for row in finishes(bench)] == [life.OUTCOME_LOST] * 3


def test_what_comes_back_costs_nothing() -> None:
    """A returned run is ready at once, as often as it comes back."""
    bench, executor, run = running()
    for number in range(1, 12):
        (run,) = runs_of(executor.finish(run, outcome="returned"))
        assert run.attempt == number + 1
    assert {(row["failures"], row["crashes"]) for row in finishes(bench)} == {(0, 0)}


def test_a_job_that_comes_back_keeps_its_place() -> None:
    """It is older than those that waited behind it."""
    bench = ShardBench()
    executor = bench.executor(slots=1)
    bench.submit(a_job("1"), a_job("2"))
    (run,) = runs_of(bench.said)
    (again,) = runs_of(executor.finish(run, outcome="returned"))
    assert again.payload == "1"


# After a cancel.


@pytest.mark.parametrize("outcome", [name for name in life.OUTCOME_NUMBERS if name != "succeeded"])
def test_a_job_that_was_asked_to_stop_is_cancelled(outcome: str) -> None:
    """However its attempt ends, but by success."""
    bench, executor, run = running()
    bench.cancel(run.id)
    executor.finish(run, outcome=outcome)
    assert bench.state_of(run.id) == ["cancelled"]
    assert runs_of(bench.wait(20_000)) == []


def test_a_job_that_succeeds_all_the_same_has_succeeded() -> None:
    """It was asked too late."""
    bench, executor, run = running()
    bench.cancel(run.id)
    executor.finish(run, result="1")
    assert bench.state_of(run.id) == ["succeeded"]


def test_a_run_that_cancels_itself_is_cancelled() -> None:
    """Nobody has asked, but the runner says that it stopped."""
    bench, executor, run = running()
    executor.finish(run, outcome="cancelled")
    assert bench.state_of(run.id) == ["cancelled"]


# What is freed and told.


@pytest.mark.parametrize("outcome", life.OUTCOME_NUMBERS)
def test_every_outcome_frees_its_slot(outcome: str) -> None:
    """The next job gets the slot in the same turn."""
    bench = ShardBench()
    executor = bench.executor(slots=1)
    bench.submit(a_job("first", retry=a_policy(retries=0)), a_job("next", priority=1))
    (run,) = runs_of(bench.said)
    assert run.payload == "next"
    said = executor.finish(run, outcome=outcome)
    assert len(runs_of(said)) == 1
    assert bench.state.links.by_peer[executor.peer].used == {"process": 1}


def test_who_waits_hears_how_it_ended() -> None:
    """After the commit, once, and not before the last attempt."""
    bench, executor, run = running()
    assert bench.hear(CLIENT, Await(SHARD, 5, [run.id], False)) == []
    assert only(executor.finish(run, outcome="returned"), Ended) == []
    second = runs_of(bench.said)[-1]
    bench.log.hold_commits()
    assert only(executor.finish(second, result='"x"'), Ended) == []
    bench.log.release_commits()
    assert only(executor.finish(second), Ended) == [Ended(SHARD, 0, [[run.id, "succeeded", '"x"', None, 2, None]])]
    assert only(executor.finish(second), Ended) == []


def test_a_plain_success_is_written_as_the_long_way_would_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly every result takes a short way, which must give the same row and count the same."""

    def ended() -> tuple[list[dict[str, Any]], int]:
        bench, executor, run = running()
        executor.finish(run, started_ms=5, finished_ms=9, result='"done"')
        return finishes(bench), bench.state.counts["attempts_succeeded"]

    short = ended()
    monkeypatch.setattr(finishing, "_NOTHING", ["no result says this"])
    assert ended() == short
