"""Rows that lag behind: what memory knows of entries that are not applied yet outlives those that are."""

import pytest
from builders import a_job, a_policy, a_result
from shard_bench import CLIENT, SHARD, Leased, Said, ShardBench, only, runs_of

from mainspring.actors.limits import HORIZON_MS
from mainspring.broker.wire.messages import Cancel, Cancelled, Finished, Submitted

FAR = a_job(delay_ms=2 * HORIZON_MS)


@pytest.fixture
def bench() -> ShardBench:
    """A shard with an executor that has one slot; commits are held from now on."""
    bench = ShardBench(key_ttl_ms=10)
    bench.executor(slots=1)
    bench.log.hold_commits()
    return bench


def last(bench: ShardBench) -> int:
    """The index of the last entry."""
    return bench.log.last_index(bench.member.group)


def commit(bench: ShardBench, index: int) -> list[Said]:
    """Lets entries up to `index` be committed and applied."""
    bench.log.commit_up_to(bench.member.group, index)
    bench.put(b"nobody", Cancel(SHARD, 0, []))
    return bench.run()


def a_finished(run: Leased, outcome: str) -> Finished:
    """A Finished of one run."""
    return Finished(SHARD, 1, [a_result(run.id, run.attempt, epoch=run.epoch, index=run.index, outcome=outcome)])


def test_a_job_that_was_cancelled_stays_so(bench: ShardBench) -> None:
    """Its submit is applied, its cancel is not: the rows still call it live, and memory knows better."""
    bench.put(CLIENT, bench.a_submit(FAR))
    bench.run()
    taken = last(bench)
    bench.cancel(bench.id(1))
    commit(bench, taken)
    assert bench.store.applied == taken
    bench.put(CLIENT, Cancel(SHARD, 9, [bench.id(1)]))
    bench.run()
    said = commit(bench, last(bench))
    assert [one.codes[0][1] for one in only(said, Cancelled) if one.codes] == ["cancelled", "finished"]


def test_a_key_that_was_taken_again_belongs_to_the_later_job(bench: ShardBench) -> None:
    """The first job's entry is applied, the second's is not."""
    bench.put(CLIENT, bench.a_submit(a_job(key="k")))
    bench.run()
    first = last(bench)
    bench.wait(10)
    bench.put(CLIENT, bench.a_submit(a_job(key="k")))
    bench.run()
    commit(bench, first)
    bench.put(CLIENT, bench.a_submit(a_job(key="k")))
    bench.run()
    answers = only(commit(bench, last(bench)), Submitted)
    assert [answer.existing for answer in answers] == [[], [[0, bench.id(2)]]]


def test_a_job_that_came_back_is_leased_once(bench: ShardBench) -> None:
    """Its first end is applied, its second lease is not: the rows call it ready, and it runs."""
    bench.put(CLIENT, bench.a_submit())
    bench.run()
    (run,) = runs_of(commit(bench, last(bench)))
    bench.put(run.peer, a_finished(run, "returned"))
    bench.run()
    commit(bench, last(bench))
    assert [again.attempt for again in runs_of(bench.said)] == [1, 2]


def test_a_retry_that_is_not_applied_is_not_forgotten(bench: ShardBench) -> None:
    """The job fails while only its submit is applied; its wait ends at its time all the same."""
    bench.put(CLIENT, bench.a_submit(a_job(retry=a_policy(base_ms=100))))
    bench.run()
    taken = last(bench)
    (run,) = runs_of(commit(bench, taken))
    bench.put(run.peer, a_finished(run, "failed"))
    bench.run()
    commit(bench, taken)
    bench.wait(99)
    commit(bench, last(bench))
    assert len(runs_of(bench.said)) == 1
    bench.wait(1)
    commit(bench, last(bench))
    assert [again.attempt for again in runs_of(bench.said)] == [1, 2]
