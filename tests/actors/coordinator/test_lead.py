"""Jobs leased ahead of their time: released at the instant, and still waiting for it when they come back."""

from typing import Any

import pytest
from builders import a_job, a_policy
from shard_bench import START_MS, Executor, Said, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.events import PeerGone
from mainspring.actors.limits import LEAD_MS
from mainspring.broker.wire.messages import Cancelled, Run

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


def leases(bench: ShardBench) -> list[list[int]]:
    """The ids of each LEASE op."""
    return [op[3] for op in bench.ops(entries.LEASE)]


def test_a_job_is_leased_ahead_and_released_at_its_instant(bench: ShardBench) -> None:
    """The lease is committed within the lead; at the instant only the Run leaves."""
    (id,) = bench.submit(a_job("x", delay_ms=500))
    assert bench.wait(500 - LEAD_MS - 1) == []
    assert leases(bench) == []
    bench.wait(1)
    assert leases(bench) == [[id]]
    syncs = bench.log.syncs
    assert started(bench.wait(LEAD_MS - 1)) == []
    assert started(bench.wait(1)) == [("x", 500)]
    assert bench.log.syncs == syncs, "no commit stands between the instant and the Run"


def test_nobody_who_waits_is_overtaken(bench: ShardBench) -> None:
    """With older jobs waiting in its lane, or no slot, a job is not leased ahead; it queues up at its instant."""
    bench = ShardBench()
    executor = bench.executor(slots=1)
    bench.submit(a_job("first"), a_job("second"), a_job("timed", delay_ms=500))
    bench.wait(600)
    assert len(leases(bench)) == 1
    (first,) = runs_of(bench.said)
    (second,) = runs_of(executor.finish(first))
    (timed,) = runs_of(executor.finish(second))
    assert [run.payload for run in (first, second, timed)] == ["first", "second", "timed"]


def test_a_cancel_between_lease_and_instant_wins(bench: ShardBench) -> None:
    """The Run never leaves, and the slot is free again."""
    (id,) = bench.submit(a_job("x", delay_ms=500))
    bench.wait(495)
    assert leases(bench) == [[id]]
    assert only(bench.cancel(id), Cancelled)[0].codes == [[id, "cancelled"]]
    assert started(bench.wait(5_000)) == []
    assert bench.state_of(id) == ["cancelled"]
    (link,) = bench.state.links.by_peer.values()
    assert link.used == {"process": 0}


def test_a_run_released_ahead_waits_for_its_lease() -> None:
    """If the commit is late, the instant passes, and the Run leaves with the commit."""
    bench = ShardBench()
    bench.executor()
    bench.submit(a_job("x", delay_ms=500))
    bench.wait(480)
    bench.log.hold_commits()
    assert started(bench.wait(1_000)) == []
    bench.log.release_commits()
    bench.query("stat")
    assert [label for label, _ in started(bench.said)] == ["x"]


def leased_ahead(job: list[Any], *, step_ms: int = 0) -> tuple[ShardBench, Executor, int]:
    """A job 5 ms before its instant, leased ahead to an executor; the wall was stepped when it had been taken."""
    bench = ShardBench()
    executor = bench.executor()
    bench.wait(10)
    (id,) = bench.submit(job)
    bench.wait(10)
    bench.step_wall(step_ms)
    if job[6] is not None:
        bench.wait(job[6] - bench.wall_ms - 5)
    else:
        bench.wait(job[5] - 15)
    assert leases(bench) == [[id]]
    assert started(bench.said) == []
    return bench, executor, id


@pytest.mark.parametrize("job", [a_job(delay_ms=500), a_job(at_ms=START_MS + 520)], ids=["delay", "at"])
@pytest.mark.parametrize("how", ["goodbye", "hello", "gone"])
def test_a_job_that_comes_back_before_its_instant_still_waits(job: list[Any], how: str) -> None:
    """Its executor leaves, denies it or cannot be reached: it starts at its time, on another executor, not before."""
    bench, executor, id = leased_ahead(job)
    other = bench.executor("executor-2", incarnation=8)
    _leave(bench, executor, how)
    assert started(bench.wait(4)) == []
    (run,) = runs_of(bench.wait(1), other.peer)
    assert run.id == id
    assert runs_of(bench.wait(2_000)) == []


@pytest.mark.parametrize("step_ms", STEPS)
@pytest.mark.parametrize("how", ["goodbye", "hello"])
def test_a_delay_that_comes_back_ahead_keeps_its_clock(step_ms: int, how: str) -> None:
    """The wall has been set meanwhile: the rest of the delay is still 5 ms of elapsed time."""
    bench, executor, _ = leased_ahead(a_job(delay_ms=500), step_ms=step_ms)
    due_ms = 1_000 + 10 + 500
    bench.executor("executor-2", incarnation=8)
    _leave(bench, executor, how)
    ((_, at_ms),) = started(bench.wait(5_000))
    assert at_ms + 1_000 == due_ms


@pytest.mark.parametrize("how", ["goodbye", "hello"])
def test_an_instant_that_comes_back_ahead_keeps_its_clock(how: str) -> None:
    """The wall has been set back, so the stamp is past the instant; the wall is not."""
    job = a_job(at_ms=START_MS + 2_000)
    bench = ShardBench()
    executor = bench.executor()
    bench.step_wall(60_000)
    bench.wait(1_000)
    bench.step_wall(-60_000)
    (id,) = bench.submit(job)
    bench.wait(START_MS + 2_000 - bench.wall_ms - 5)
    assert leases(bench) == [[id]]
    bench.executor("executor-2", incarnation=8)
    _leave(bench, executor, how)
    bench.wait(5_000)
    (left,) = [one for one in bench.said if isinstance(one.message, Run)]
    assert left.wall_ms == START_MS + 2_000


def test_a_retry_as_long_as_its_delay_is_a_delay_of_its_own() -> None:
    """With the wall set back the retry may be due at the very instant at which the job was; it is not that instant."""
    bench = ShardBench()
    executor = bench.executor()
    bench.submit(a_job("x", delay_ms=5_000, retry=a_policy(base_ms=5_000)))
    bench.step_wall(-HOUR_MS)
    (run,) = runs_of(bench.wait(5_000))
    executor.finish(run, outcome="failed")
    assert started(bench.wait(60_000)) == [("x", 10_000)]


def test_a_run_that_was_sent_comes_back_at_once() -> None:
    """After the instant a returned job is ready, although the wall has been set back since."""
    bench = ShardBench()
    executor = bench.executor()
    bench.submit(a_job("x", delay_ms=500))
    bench.wait(100)
    bench.step_wall(-HOUR_MS)
    (run,) = runs_of(bench.wait(500))
    (again,) = runs_of(executor.finish(run, outcome="returned"))
    assert again.attempt == 2


def _leave(bench: ShardBench, executor: Executor, how: str) -> None:
    match how:
        case "goodbye":
            executor.goodbye()
        case "hello":
            executor.hello()
        case _:
            bench.member.inbox.append(PeerGone(executor.peer))
            bench.run()
