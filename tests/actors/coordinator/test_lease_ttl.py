"""`lease_ttl_ms` changes between two leaders: what the one before has granted is waited for."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from builders import a_job
from shard_bench import SHARD, Executor, Leased, ShardBench, runs_of

from mainspring.actors.entries import LEASE_TTL, NOOP, Entry, Op, encode_entry
from mainspring.chaos.memory_log import MemoryLog

LONG_MS = 10_000
SHORT_MS = 1_000


def began(bench: ShardBench) -> list[Op]:
    """The ops of the first entry of this life."""
    return next(entry.ops for entry in reversed(bench.entries()) if entry.ops[0] == [NOOP])


def next_life(bench: ShardBench, lease_ttl_ms: int, *, keep_rows: bool = False) -> None:
    """Another leader, or the same node after an edit of its file."""
    bench.settings = replace(bench.settings, lease_ttl_ms=lease_ttl_ms)
    bench.restart(keep_rows=keep_rows)


def running(lease_ttl_ms: int) -> tuple[ShardBench, Executor, Leased]:
    """One job that runs at an executor."""
    bench = ShardBench(lease_ttl_ms=lease_ttl_ms)
    executor = bench.executor(slots=1)
    bench.submit(a_job())
    return bench, executor, runs_of(bench.said)[-1]


def attempt_after(bench: ShardBench, other: Executor, ms: int, *, until_ms: int = 20_000) -> list[int]:
    """Lets time pass while another executor lives; asserts that it gets nothing before `ms`, and returns attempts."""
    assert runs_of(other.said) == []
    for at_ms in range(100, until_ms, 100):
        bench.wait(100)
        other.renew()
        found = runs_of(bench.said, other.peer)
        assert not found or at_ms >= ms, f"attempt {found[-1].attempt} after {at_ms} ms"
        if found:
            return [run.attempt for run in found]
    return []


@pytest.mark.parametrize("keep_rows", [False, True], ids=["a restart", "a failover"])
def test_a_shorter_time_is_not_that_of_older_leases(keep_rows: bool) -> None:
    """The executor is out of reach and trusts its lease for the old time: nobody gets the job before that is over."""
    bench, _, _ = running(LONG_MS)
    next_life(bench, SHORT_MS, keep_rows=keep_rows)
    assert attempt_after(bench, bench.executor("other", incarnation=9), LONG_MS * 11 // 10) == [2]


def test_who_was_heard_once_may_still_trust_the_older_time() -> None:
    """The welcome of the new leader may be lost: a silent link does not lapse before older leases are over."""
    bench, executor, run = running(LONG_MS)
    next_life(bench, SHORT_MS)
    executor.hello(held=[run])
    assert attempt_after(bench, bench.executor("other", incarnation=9), LONG_MS * 11 // 10) == [2]


def test_a_job_leased_anew_is_trusted_for_the_older_time() -> None:
    """No lease was open at the change; the executor still has the older time from what it was told last."""
    bench = ShardBench(lease_ttl_ms=LONG_MS)
    executor = bench.executor(slots=1)
    next_life(bench, SHORT_MS)
    executor.hello()
    executor.credit(1)
    bench.submit(a_job())
    assert len(runs_of(bench.said, executor.peer)) == 1
    assert attempt_after(bench, bench.executor("other", incarnation=9), LONG_MS * 11 // 10) == [2]


def test_the_older_time_is_over_in_the_end() -> None:
    """Then the log says the shorter one, once, and later leaders and silent executors are waited for so long only."""
    bench, executor, run = running(LONG_MS)
    next_life(bench, SHORT_MS)
    executor.hello(held=[run])
    for _ in range(21):
        bench.wait(500)
        executor.renew()
        assert bench.state.image.lease_ttl_ms == LONG_MS
    bench.wait(500)
    executor.renew()
    assert bench.ops(LEASE_TTL) == [[LEASE_TTL, LONG_MS], [LEASE_TTL, SHORT_MS]]
    bench.restart()
    assert bench.ops(LEASE_TTL)[2:] == []
    assert attempt_after(bench, bench.executor("other", incarnation=9), SHORT_MS, until_ms=1_300) == [2]


def test_an_idle_shard_says_so_as_well() -> None:
    """The machine wants the turn in which the older time is over, though there is no lease and no executor."""
    bench = ShardBench(lease_ttl_ms=LONG_MS)
    next_life(bench, SHORT_MS)
    bench.wait(LONG_MS * 11 // 10)
    assert bench.entries()[-1].ops == [[LEASE_TTL, SHORT_MS]]


def test_a_shorter_time_that_was_not_reached_counts_for_nobody() -> None:
    """Leaders follow one another sooner than the older time is over: each waits for it from its own start."""
    bench, _, _ = running(LONG_MS)
    for _ in range(3):
        next_life(bench, SHORT_MS)
        bench.wait(8_000)
    next_life(bench, SHORT_MS)
    assert attempt_after(bench, bench.executor("other", incarnation=9), LONG_MS * 11 // 10) == [2]


def test_a_longer_time_stands_in_the_log_before_it_is_granted() -> None:
    """In the first entry, on which every welcome rests; a later leader with the shorter one waits for it."""
    bench, executor, run = running(SHORT_MS)
    next_life(bench, LONG_MS)
    assert began(bench) == [[NOOP], [LEASE_TTL, LONG_MS]]
    executor.hello(held=[run])
    next_life(bench, SHORT_MS)
    assert began(bench) == [[NOOP]]
    assert attempt_after(bench, bench.executor("other", incarnation=9), LONG_MS * 11 // 10) == [2]


def test_the_same_time_is_said_once() -> None:
    """Restarts write nothing about it."""
    bench = ShardBench(lease_ttl_ms=LONG_MS)
    bench.restart()
    bench.restart(keep_rows=True)
    assert bench.ops(LEASE_TTL) == [[LEASE_TTL, LONG_MS]]


@pytest.mark.parametrize("ops", [[[NOOP]], []], ids=["one entry", "no entry"])
def test_a_log_that_says_nothing_of_it(ops: Sequence[Op]) -> None:
    """An older log has no such op: the setting counts, and stands in the log from then on."""
    log = MemoryLog()
    if ops:
        assert log.campaign(SHARD + 1) == 1
        log.append(SHARD + 1, encode_entry(Entry(1, 1_000, list(ops))))
        log.sync()
    bench = ShardBench(log=log, lease_ttl_ms=LONG_MS)
    assert bench.ops(LEASE_TTL) == [[LEASE_TTL, LONG_MS]]
    assert bench.state.image.lease_ttl_ms == LONG_MS
