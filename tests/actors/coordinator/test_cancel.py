"""Cancelling: what it means in each state, and one winner in each race."""

import pytest
from builders import a_job
from shard_bench import CLIENT, SHARD, Executor, Leased, Said, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.jobs.lifecycle import CANCELLED
from mainspring.actors.limits import HORIZON_MS
from mainspring.broker.wire.limits import IDS_MAX
from mainspring.broker.wire.messages import Await, Cancel, Cancelled, CancelRun, Ended, Refused
from mainspring.chaos.small_limits import small_limits


def codes(said: list[Said]) -> list[str]:
    """The codes of the only answer, in order."""
    (answer,) = only(said, Cancelled)
    return [code for _, code in answer.codes]


def running() -> tuple[ShardBench, Executor, Leased]:
    """A shard with one running job."""
    bench = ShardBench()
    executor = bench.executor(slots=1)
    bench.submit()
    (run,) = runs_of(bench.said)
    return bench, executor, run


@pytest.mark.parametrize("locked", [False, True], ids=["applied", "not applied"])
@pytest.mark.parametrize(
    "job", [a_job(), a_job(delay_ms=5_000), a_job(delay_ms=2 * HORIZON_MS)], ids=["ready", "scheduled", "far"]
)
def test_a_job_that_does_not_run_ends_at_once(job: list[object], locked: bool) -> None:
    """Whether memory has it or the rows alone; it never runs, and is cancelled for good."""
    bench = ShardBench()
    executor = bench.executor(slots=0)
    bench.store.locked = locked
    (id,) = bench.submit(job)
    assert codes(bench.cancel(id)) == ["cancelled"]
    assert codes(bench.cancel(id)) == ["finished"]
    executor.credit(5)
    assert runs_of(bench.wait(3 * HORIZON_MS)) == []
    bench.store.locked = False
    assert bench.state_of(id) == ["cancelled"]
    bench.restart()
    assert bench.state_of(id) == ["cancelled"]


def test_a_retrying_job_ends_at_once() -> None:
    """The attempt that it waits for does not come, and its last error is not the end's."""
    bench, executor, run = running()
    executor.finish(run, outcome="failed", error="boom")
    assert codes(bench.cancel(run.id)) == ["cancelled"]
    assert runs_of(bench.wait(10_000)) == []
    assert bench.rows_of(run.id) == [[run.id, "cancelled", None, None, 1, None]]


def test_a_running_job_is_asked() -> None:
    """Its executor is told once the question is durable; how it ends, the executor says."""
    bench, executor, run = running()
    bench.log.hold_commits()
    assert bench.cancel(run.id) == []
    bench.log.release_commits()
    said = bench.cancel(run.id)
    assert [(one.peer, one.message) for one in said] == [
        (executor.peer, CancelRun(SHARD, 1, [[run.id, 1]])),
        (CLIENT, Cancelled(SHARD, bench.request - 1, [[run.id, "asked"]])),
        (executor.peer, CancelRun(SHARD, 1, [[run.id, 1]])),
        (CLIENT, Cancelled(SHARD, bench.request, [[run.id, "asked"]])),
    ]
    assert bench.ops(entries.ASK) == [[entries.ASK, [run.id], CANCELLED]], "it is written down once"
    assert bench.state_of(run.id) == ["running"]


def test_the_question_is_repeated_with_each_heartbeat() -> None:
    """A CancelRun that was lost comes again, until the run has ended."""
    bench, executor, run = running()
    bench.cancel(run.id)
    assert only(executor.renew(), CancelRun) == [CancelRun(SHARD, 1, [[run.id, 1]])]
    executor.finish(run, outcome="cancelled")
    assert only(executor.renew(), CancelRun) == []
    assert bench.state_of(run.id) == ["cancelled"]


def test_the_question_survives_a_restart() -> None:
    """The next coordinator knows that the job was asked to stop."""
    bench, executor, run = running()
    bench.cancel(run.id)
    bench.restart()
    executor.hello(held=[run])
    assert only(executor.renew(), CancelRun) == [CancelRun(SHARD, 2, [[run.id, 1]])]
    executor.finish(run, outcome="returned")
    assert bench.state_of(run.id) == ["cancelled"]


def test_a_finish_before_the_cancel_wins() -> None:
    """In one turn, the order of the events decides."""
    bench, executor, run = running()
    bench.put(executor.peer, executor.finished(run))
    bench.put(CLIENT, Cancel(SHARD, 1, [run.id]))
    assert codes(bench.run()) == ["finished"]
    assert bench.state_of(run.id) == ["succeeded"]


def test_a_cancel_before_the_finish_is_asked_too_late() -> None:
    """The run had succeeded when it was asked."""
    bench, executor, run = running()
    bench.put(CLIENT, Cancel(SHARD, 1, [run.id]))
    bench.put(executor.peer, executor.finished(run))
    assert codes(bench.run()) == ["asked"]
    assert bench.state_of(run.id) == ["succeeded"]


def test_a_cancel_before_the_slot_wins() -> None:
    """A job that is cancelled in the turn in which a slot comes free does not start."""
    bench, executor, run = running()
    bench.submit(a_job("next"))
    bench.put(executor.peer, executor.finished(run))
    bench.put(CLIENT, Cancel(SHARD, 1, [bench.id(2)]))
    assert runs_of(bench.run()) == []
    assert bench.state_of(bench.id(2)) == ["cancelled"]


def test_each_id_is_answered_once() -> None:
    """Known and unknown, ended and twice the same."""
    bench, executor, run = running()
    (waiting,) = bench.submit()
    executor.finish(run)
    (again,) = only(bench.cancel(run.id, bench.id(99), waiting, waiting, 5), Cancelled)
    assert again.codes == [
        [run.id, "finished"], [bench.id(99), "not_found"], [waiting, "asked"], [5, "not_found"],
    ]  # fmt: skip


def test_a_job_that_ends_while_it_is_looked_up_is_not_cancelled_too() -> None:
    """The rows said that it waits; by the time of the answer it has been leased and has ended."""
    with small_limits({"HEADS_MAX": 1, "REFILL_BELOW": 1, "REFILL_JOBS": 1}):
        bench = ShardBench()
        executor = bench.executor(slots=0)
        ids = bench.submit(*[a_job()] * 3)
        bench.put(CLIENT, Cancel(SHARD, 1, ids))
        said = executor.credit(1)
        said += bench.run()
        for run in runs_of(said):
            executor.finish(run)
        assert codes(said) == ["asked", "cancelled", "cancelled"] or codes(said) == ["cancelled"] * 3
        assert all(state in {"succeeded", "cancelled"} for state in bench.state_of(*ids))


def test_who_waits_hears_of_the_cancel() -> None:
    """With the commit, as with any end."""
    bench = ShardBench()
    bench.executor(slots=0)
    (id,) = bench.submit(a_job(delay_ms=5_000))
    bench.hear(CLIENT, Await(SHARD, 1, [id], False))
    assert only(bench.cancel(id), Ended) == [Ended(SHARD, 0, [[id, "cancelled", None, None, 0, None]])]


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([0], "invalid_query"),
        ([-1], "invalid_query"),
        ([2**53], "invalid_query"),
        ([1] * (IDS_MAX + 1), "batch_too_large"),
    ],
)
def test_ids_that_make_no_sense_are_refused(ids: list[int], code: str) -> None:
    """A list that is too long, or no list of ids, changes nothing."""
    bench = ShardBench()
    (refused,) = only(bench.hear(CLIENT, Cancel(SHARD, 7, ids)), Refused)
    assert (refused.request, refused.code) == (7, code)
