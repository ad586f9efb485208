"""Heartbeats hold leases, silence ends them, and Runs that were never seen are found."""

import pytest
from builders import a_job
from shard_bench import SHARD, Leased, ShardBench, only, runs_of

from mainspring.actors import entries
from mainspring.actors.events import PeerGone
from mainspring.actors.jobs import lifecycle as life
from mainspring.actors.limits import LEASE_SLACK
from mainspring.broker.wire.messages import (
    HelloNeeded,
    Message,
    Renew,
    Renewed,
)  # fmt: skip

TTL_MS = 10_000
LAPSE_MS = int(TTL_MS * LEASE_SLACK)


@pytest.fixture
def bench() -> ShardBench:
    """A shard whose leases last ten seconds."""
    return ShardBench(lease_ttl_ms=TTL_MS)


def outcomes(bench: ShardBench) -> list[str]:
    """How the attempts ended that the log knows of, in order."""
    return [life.OUTCOMES[row[2]] for op in bench.ops(entries.FINISH) for row in op[2]]


def one_running(bench: ShardBench, **fields: int) -> Leased:
    """Submits one job and returns its run."""
    bench.submit(a_job(**fields))
    return runs_of(bench.said)[-1]


# Heartbeats and leases.


def test_a_heartbeat_is_answered_at_once(bench: ShardBench) -> None:
    """It echoes the time that it was sent, promises nothing, and writes nothing."""
    executor = bench.executor()
    last = bench.log.last_index(bench.member.group)
    bench.log.hold_commits()
    assert only(executor.renew(), Renewed) == [Renewed(SHARD, 1, 1, 123)]
    assert bench.log.last_index(bench.member.group) == last


@pytest.mark.parametrize("link", [0, 2])
def test_a_heartbeat_of_another_link_needs_a_hello(bench: ShardBench, link: int) -> None:
    """As does one of a stranger."""
    executor = bench.executor()
    assert [one.message for one in bench.hear(executor.peer, Renew(SHARD, link, 5, 0, []))] == [HelloNeeded(SHARD, 1)]
    assert [one.message for one in bench.hear(b"stranger", Renew(SHARD, 1, 5, 0, []))] == [HelloNeeded(SHARD, 1)]


def test_a_silent_executor_loses_its_leases(bench: ShardBench) -> None:
    """1.1 times the lease after its last heartbeat, to the millisecond, and not before."""
    executor = bench.executor(slots=1)
    bench.executor("executor-2", incarnation=8, slots=0)
    run = one_running(bench)
    bench.wait(5_000)
    executor.renew()
    bench.wait(LAPSE_MS - 1)
    assert bench.state_of(run.id) == ["running"]
    bench.wait(1)
    assert bench.state_of(run.id) == ["ready"]
    assert outcomes(bench) == ["lost"]
    assert len(bench.state.links) == 0, "both were silent"


def test_heartbeats_keep_everything(bench: ShardBench) -> None:
    """However long a job runs."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    for _ in range(20):
        bench.wait(LAPSE_MS - 1)
        assert len(only(executor.renew(), Renewed)) == 1
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
def test_a_step_of_the_wall_ends_no_lease(bench: ShardBench, step_ms: int) -> None:
    """Leases run on elapsed time."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    bench.step_wall(step_ms)
    bench.wait(LAPSE_MS - 1)
    assert bench.state_of(run.id) == ["running"]
    bench.wait(1)
    assert bench.state_of(run.id) == ["ready"]
    assert executor.peer not in bench.state.links.by_peer


def test_a_dropped_connection_ends_no_lease(bench: ShardBench) -> None:
    """It only stops new work; the lease decides."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    bench.member.inbox.append(PeerGone(executor.peer))
    bench.wait(LAPSE_MS - 1)
    assert bench.state_of(run.id) == ["running"]
    assert only(executor.renew(), Renewed)
    bench.wait(LAPSE_MS - 1)
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


def test_who_was_given_up_must_say_hello(bench: ShardBench) -> None:
    """A late finish is not acknowledged, a late heartbeat is asked for a hello, and that names what is lost."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    bench.wait(LAPSE_MS)
    assert only(executor.finish(run), Message) if False else executor.finish(run) == []
    assert [one.message for one in executor.renew(0)] == [HelloNeeded(SHARD, 1)]
    assert executor.lost(executor.hello(held=[run])) == [[run.id, 1]]


def test_leases_found_at_a_start_last_from_then_on(bench: ShardBench) -> None:
    """Each counts as renewed at the start; an executor that never says hello loses its jobs after that."""
    bench.executor(slots=1)
    run = one_running(bench)
    bench.wait(9_000)
    bench.restart()
    bench.wait(LAPSE_MS - 1)
    assert bench.state_of(run.id) == ["running"]
    bench.wait(1)
    assert bench.state_of(run.id) == ["ready"]
    assert outcomes(bench) == ["lost"]


def test_leases_found_at_a_start_are_claimed_by_a_hello(bench: ShardBench) -> None:
    """From then on heartbeats hold them, beyond the time that the start gave."""
    executor = bench.executor(slots=1)
    run = one_running(bench)
    bench.restart()
    bench.wait(5_000)
    assert executor.lost(executor.hello(held=[run])) == []
    for _ in range(4):
        bench.wait(5_000)
        executor.renew()
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


# Runs that were missed.


def test_runs_that_are_never_seen_need_a_hello(bench: ShardBench) -> None:
    """Three heartbeats that do not show a Run sent before an earlier one; the hello settles which never came."""
    executor = bench.executor(slots=2)
    one_running(bench)
    answers = [only(executor.renew(seen=0), HelloNeeded) for _ in range(4)]
    assert answers == [[], [], [], [HelloNeeded(SHARD, 1)]]
    executor.hello()
    assert len(runs_of(executor.credit(2))) == 1
    assert outcomes(bench) == ["returned"]


def test_runs_under_way_need_no_hello(bench: ShardBench) -> None:
    """With a Run sent before each heartbeat and seen at the next, nothing is missed."""
    executor = bench.executor(slots=100)
    for seen in range(20):
        one_running(bench)
        assert only(executor.renew(seen=seen), HelloNeeded) == []
    assert [only(executor.renew(seen=20), Renewed) for _ in range(5)] == [[Renewed(SHARD, 1, 1, 123)]] * 5
