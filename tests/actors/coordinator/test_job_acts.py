"""Retry, skip and discard by hand: what follows, who is told, who is named, and what is refused."""

from typing import Any

import pytest
from builders import a_job, a_policy
from job_stage import Stage, codes, do
from shard_bench import CLIENT, OPERATOR, SHARD, Executor, Said, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.coordinator.settings import Retention
from mainspring.actors.events import Drain, Storage
from mainspring.actors.limits import ACTS_BACK_MAX
from mainspring.actors.turn import catch_up
from mainspring.broker.wire.limits import IDS_MAX, NAME_CHARS_MAX, REASON_CHARS_MAX
from mainspring.broker.wire.messages import (
    Await,
    CancelRun,
    Ended,
    Finished,
    JobActed,
    Refused,
)  # fmt: skip
from mainspring.chaos.small_limits import small_limits


def refusals(said: list[Said]) -> list[str]:
    """The codes of the refusals."""
    return [refused.code for refused in only(said, Refused)]


# Retry.


def test_nothing_is_left_of_the_past() -> None:
    """What was counted, and the times by which it had to start and to end, are over; its attempts go on."""
    stage = Stage()
    stage.run(deadline_ms=50, expires_ms=40)
    stage.finish("failed", error="boom")
    bench = stage.bench
    assert bench.state_of(stage.id) == ["dead"]
    bench.wait(5_000)
    assert codes(bench.act("retry", stage.id)) == ["retried"]
    assert bench.rows_of(stage.id) == [[stage.id, "ready", None, None, 1, None]]
    (run,) = runs_of(stage.executor.credit(1))
    assert (run.attempt, run.left_ms) == (2, None)
    stage.finish("failed", error="boom")
    assert bench.state_of(stage.id) == ["retrying"], "its one retry is there again"


def test_who_waits_for_a_job_that_lives_again_waits() -> None:
    """From the answer on it is live for everybody, though no row says so yet."""
    stage = Stage()
    stage.dead()
    bench = stage.bench
    bench.store.locked = True
    assert codes(bench.act("retry", stage.id)) == ["retried"]
    assert bench.hear(CLIENT, Await(SHARD, 5, [stage.id], False)) == []
    assert codes(bench.cancel(stage.id)) == ["cancelled"]
    assert [message.jobs[0][1] for message in only(bench.said, Ended)][-1] == "cancelled"


def test_a_timer_of_the_past_does_not_fire() -> None:
    """A job made ready before its time fails; its retry is not brought forward by the timer that it had."""
    bench = ShardBench()
    executor = bench.executor(slots=1, tasks=None)
    (id,) = bench.submit(a_job(delay_ms=5_000, retry=a_policy(retries=3, base_ms=60_000)))
    assert codes(bench.act("retry", id)) == ["retried"]
    (run,) = runs_of(bench.said)
    executor.finish(run, outcome="failed")
    assert runs_of(bench.wait(59_999)) == []
    assert len(runs_of(bench.wait(1))) == 1


@pytest.mark.parametrize("retry_ms", [1_000, 5_000, 60_000])
@pytest.mark.parametrize("times", [1, 2])
def test_timers_of_several_lives(retry_ms: int, times: int) -> None:
    """However often it is made ready by hand, it fires at its last time alone, before or after those of the past."""
    bench = ShardBench()
    executor = bench.executor(slots=1)
    (id,) = bench.submit(a_job(delay_ms=5_000, retry=a_policy(retries=9, base_ms=retry_ms, factor=1.0)))
    for _ in range(times):
        assert codes(bench.act("retry", id)) == ["retried"]
        executor.finish(runs_of(bench.said)[-1], outcome="failed")
        bench.wait(10)
    assert runs_of(bench.wait(retry_ms - 11)) == []
    assert len(runs_of(bench.wait(1))) == 1


def test_a_cancelled_job_lives_again_without_its_timer() -> None:
    """It was due later when it was cancelled; now it is ready, and that timer is nobody's."""
    bench = ShardBench()
    executor = bench.executor(slots=1)
    (id,) = bench.submit(a_job(delay_ms=5_000, retry=a_policy(base_ms=60_000)))
    bench.cancel(id)
    bench.act("retry", id)
    (run,) = runs_of(bench.said)
    executor.finish(run, outcome="failed")
    assert runs_of(bench.wait(59_999)) == []
    assert len(runs_of(bench.wait(1))) == 1


def test_many_live_again_in_their_order() -> None:
    """A lane that has given its tail back reads them from disk, oldest first, whatever its reader has passed."""
    with small_limits({"HEADS_MAX": 4, "REFILL_BELOW": 1, "REFILL_JOBS": 2}):
        bench = ShardBench()
        executor = bench.executor(slots=0)
        ids = bench.submit(*[a_job()] * 30)
        bench.cancel(*ids[::3])
        assert codes(bench.act("retry", *ids[::3])) == ["retried"] * 10
        executor.credit(1)
        ran: list[int] = []
        for _ in ids:
            run = runs_of(bench.said)[-1]
            ran.append(run.id)
            executor.finish(run)
        assert sorted(ran) == ids
        assert bench.state_of(*ids) == ["succeeded"] * 30


@pytest.mark.parametrize("code", ["draining", "disk_full"])
def test_a_shard_that_takes_no_jobs_revives_none(code: str) -> None:
    """To retry makes work, as a submit does; to put aside makes none."""
    stage = Stage()
    stage.dead()
    bench = stage.bench
    bench.member.inbox.append(Drain() if code == "draining" else Storage(True))
    assert refusals(bench.act("retry", stage.id)) == [code]
    assert codes(bench.act("discard", stage.id)) == ["discarded"]


def test_a_full_queue_revives_none() -> None:
    """All of them fit, or none lives again; what is ready already takes no room."""
    bench = ShardBench(backlog_jobs_max=3)
    executor = bench.executor(slots=3)
    ids = bench.submit(*[a_job()] * 3)
    executor.credit(0)
    executor.finish(*runs_of(bench.said), outcome="failed", verdict="no_retry")
    (waiting,) = bench.submit(a_job(delay_ms=9_000))
    assert refusals(bench.act("retry", *ids, waiting)) == ["queue_full"]
    assert bench.state_of(*ids) == ["dead"] * 3
    assert codes(bench.act("retry", *ids[:2], waiting)) == ["retried"] * 3


def test_the_same_request_gets_the_same_answer() -> None:
    """A forced retry that comes again because its answer was lost runs nothing a second time."""
    stage = Stage()
    stage.succeeded()
    bench = stage.bench
    assert codes(bench.act("retry", stage.id, force=True, request=77)) == ["retried"]
    (run,) = runs_of(stage.executor.credit(1))
    stage.executor.finish(run, result="2")
    assert codes(bench.act("retry", stage.id, force=True, request=77)) == ["retried"]
    assert bench.state_of(stage.id) == ["succeeded"]
    assert codes(bench.act("retry", stage.id, force=True, request=78)) == ["retried"]


# Skip.


def test_who_is_told_to_skip_hears_it_again() -> None:
    """With each repetition and each heartbeat; a cancel in between changes nothing, and a restart forgets nothing."""
    stage = Stage()
    stage.run()
    bench, (run,) = stage.bench, runs_of(stage.bench.said)
    wanted = CancelRun(SHARD, 1, [[run.id, 1]])
    assert only(bench.act("skip", run.id, force=True), CancelRun) == [wanted]
    assert only(bench.cancel(run.id), CancelRun) == [wanted]
    assert only(stage.executor.renew(), CancelRun) == [wanted]
    bench.restart()
    stage.executor.hello(held=[run])
    assert only(stage.executor.renew(), CancelRun) == [CancelRun(SHARD, 2, [[run.id, 1]])]
    stage.executor.finish(run, outcome="cancelled")
    assert bench.state_of(run.id) == ["skipped"]


def test_one_that_succeeds_all_the_same_is_not_skipped() -> None:
    """It was told too late."""
    stage = Stage()
    stage.told_to_skip()
    stage.finish("succeeded")
    assert stage.bench.state_of(stage.id) == ["succeeded"]


def test_who_waits_hears_that_it_was_skipped() -> None:
    """As of any end."""
    stage = Stage()
    stage.scheduled()
    stage.bench.hear(CLIENT, Await(SHARD, 1, [stage.id], False))
    assert only(stage.bench.act("skip", stage.id), Ended) == [
        Ended(SHARD, 0, [[stage.id, "skipped", None, None, 0, None]])
    ]


# The audit.


@pytest.mark.parametrize(
    ("state", "act", "row"),
    [
        ("dead", "retry", ["job retried", "dead", "ready"]),
        ("scheduled", "retry", ["job retried", "scheduled", "ready"]),
        ("succeeded", "retry!", ["job retried", "succeeded", "ready"]),
        ("ready", "skip", ["job skipped", "ready", "skipped"]),
        ("ahead", "skip", ["job skipped", "running", "skipped"]),
        ("running", "skip!", ["job skipped", "running", "running, asked to stop"]),
        ("expired", "skip", ["job skipped", "expired", "skipped"]),
        ("cancelled", "discard", ["job discarded", "cancelled", "discarded"]),
    ],
)
def test_what_is_done_by_hand_is_audited(state: str, act: str, row: list[str]) -> None:
    """Who, what, from which state to which, and why; in the entry of the change itself."""
    stage = Stage()
    getattr(stage, state)()
    do(stage.bench, act, stage.id)
    action, before, after = row
    assert stage.bench.ops(entries.AUDIT) == [[entries.AUDIT, [["ann", action, "3-1", before, after, "to see"]]]]
    kinds = {op[0] for op in stage.bench.entries()[-1].ops}
    assert entries.AUDIT in kinds
    assert len(kinds) > 1, "it stands alone"


@pytest.mark.parametrize(
    ("state", "act"), [("ready", "retry"), ("running", "skip"), ("dead", ""), ("succeeded", "skip")]
)
def test_what_changes_nothing_is_not_audited(state: str, act: str) -> None:
    """Nobody did anything."""
    stage = Stage()
    getattr(stage, state)()
    if act:
        do(stage.bench, act, stage.id)
    assert stage.bench.ops(entries.AUDIT) == []


def test_old_audit_rows_go() -> None:
    """Also in a shard that has no schedules, and after a restart."""
    stage = Stage()
    stage.dead()
    stage.bench.wait(61_000)
    assert stage.bench.ops(entries.TICKS_END) == []
    stage.bench.act("discard", stage.id)
    stage.bench.wait(61_000)
    assert len(stage.bench.ops(entries.TICKS_END)) == 1
    stage.bench.restart()
    stage.bench.wait(61_000)
    assert len(stage.bench.ops(entries.TICKS_END)) == 2


# Retention.


def until_retention(bench: ShardBench, executor: Executor, finished: Finished) -> None:
    """Ends jobs, and stops when their PRUNE is decided and the store is locked."""
    bench.put(executor.peer, finished)
    bench.turn()
    assert catch_up(bench.member, bench.log)
    bench.store.locked = True
    bench.run()
    assert len(bench.ops(entries.PRUNE)) == 1


def test_an_act_waits_for_retention_that_is_not_applied() -> None:
    """Which jobs a PRUNE takes, nobody knows before the rows have it: the act is decided behind it, on what is left."""
    with small_limits({"PRUNE_JOBS": 4}):
        stage = Stage(retention=Retention(finished_jobs_max=2))
        bench, executor = stage.bench, stage.executor
        executor.credit(9)
        ids = bench.submit(*[a_job()] * 6)
        finished = executor.finished(*runs_of(bench.said), outcome="failed", verdict="no_retry")
        executor.credit(0)
        until_retention(bench, executor, finished)
        assert bench.act("retry", *ids) == []
        decided = len(bench.ops(entries.PRUNE))
        bench.wait(61_000)
        assert len(bench.ops(entries.PRUNE)) == decided, "retention has gone on meanwhile"
        bench.store.locked = False
        assert codes(bench.wait(1_100)) == ["not_found"] * 4 + ["retried"] * 2
        assert bench.state_of(*ids) == ["not_found"] * 4 + ["ready"] * 2
        bench.wait(61_000)
        assert len(bench.ops(entries.PRUNE)) > decided or bench.state.image.finished == 0


def test_an_act_that_comes_again_while_it_waits_is_done_once() -> None:
    """Whoever has no answer yet asks again; both copies get the first one's answer, and no second life follows."""
    with small_limits({"PRUNE_JOBS": 1}):
        stage = Stage(retention=Retention(finished_jobs_max=1))
        bench, executor = stage.bench, stage.executor
        executor.credit(2)
        ids = bench.submit(*[a_job()] * 2)
        finished = executor.finished(*runs_of(bench.said), outcome="failed", verdict="no_retry")
        executor.credit(0)
        until_retention(bench, executor, finished)
        for _ in range(2):
            assert bench.act("retry", ids[1], request=77) == []
        bench.store.locked = False
        assert [answer.codes for answer in only(bench.wait(1_100), JobActed)] == [[[ids[1], "retried"]]] * 2
        assert len(bench.ops(entries.REVIVE)) == 1


def test_too_many_acts_wait() -> None:
    """The rest is refused, and nothing of it is done."""
    with small_limits({"PRUNE_JOBS": 1}):
        stage = Stage(retention=Retention(finished_jobs_max=0))
        stage.run()
        (run,) = runs_of(stage.bench.said)
        stage.executor.credit(0)
        until_retention(stage.bench, stage.executor, stage.executor.finished(run))
        for _ in range(ACTS_BACK_MAX):
            assert stage.bench.act("discard", stage.id) == []
        assert refusals(stage.bench.act("discard", stage.id)) == ["overloaded"]
        stage.bench.store.locked = False
        catch_up(stage.bench.member, stage.bench.log)
        stage.bench.turn()
        assert len(stage.bench.member.reads) == 1, "each may name ten thousand jobs"
        assert [codes([one]) for one in stage.bench.wait(1_100)] == [["not_found"]] * ACTS_BACK_MAX


# What is refused.


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ids": [0]}, "invalid_query"),
        ({"ids": [2**53]}, "invalid_query"),
        ({"ids": [1] * (IDS_MAX + 1)}, "batch_too_large"),
        ({"action": "repair"}, "invalid_query"),
        ({"by": ""}, "invalid_query"),
        ({"by": "x" * (NAME_CHARS_MAX + 1)}, "invalid_query"),
        ({"reason": "x" * (REASON_CHARS_MAX + 1)}, "invalid_query"),
    ],
)
def test_acts_that_make_no_sense_are_refused(changes: dict[str, Any], code: str) -> None:
    """Ids, action, names and reasons have bounds; nothing is done."""
    stage = Stage()
    stage.dead()
    message = stage.bench.an_act("retry", stage.id)
    for name, value in changes.items():
        setattr(message, name, value)
    assert refusals(stage.bench.hear(OPERATOR, message)) == [code]
    assert stage.bench.state_of(stage.id) == ["dead"]


def test_ids_of_elsewhere_are_not_found() -> None:
    """One that is not given yet, one of another shard, one twice."""
    stage = Stage()
    stage.dead()
    said = stage.bench.act("retry", stage.id, stage.bench.id(10**9), 5, stage.id)
    (answer,) = only(said, JobActed)
    assert answer.codes == [[stage.id, "retried"], [stage.bench.id(10**9), "not_found"], [5, "not_found"]]
