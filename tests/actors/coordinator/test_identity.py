"""Who a peer is, its hello says: a second one that claims the same is refused or takes its place, and corrupts nothing.

The machine checks all its relations after each turn of the bench.
"""

import pytest
from builders import a_hello
from shard_bench import SHARD, Executor, ShardBench, only, runs_of

from mainspring.broker.wire.messages import (
    Credit,
    ExecutorWelcome,
    Finished,
    FinishedAck,
    Goodbye,
    HelloNeeded,
    Refused,
    Renew,
)  # fmt: skip

OTHER = b"another connection"

KNOWN = [[SHARD, 1]]
"""What an executor says that knows the leader of this epoch."""


def busy() -> tuple[ShardBench, Executor]:
    """A shard whose executor runs a job."""
    bench = ShardBench()
    executor = bench.executor(slots=2)
    bench.submit()
    return bench, executor


def test_an_older_hello_from_elsewhere_is_passed_over() -> None:
    """The same number, or a lower one, changes nothing: neither the link nor what it holds."""
    bench, executor = busy()
    (run,) = runs_of(bench.said)
    executor.hello(held=[run])
    for number in (1, 2):
        assert bench.hear(OTHER, a_hello(7, link=number)) == []
    assert bench.state.counts["hellos_stale"] == 2
    assert bench.state_of(run.id) == ["running"]
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


def test_a_newer_hello_from_elsewhere_takes_over_what_it_holds() -> None:
    """An executor that has connected anew keeps its leases; its old connection is told to say hello."""
    bench, executor = busy()
    (run,) = runs_of(bench.said)
    said = bench.hear(
        OTHER, a_hello(7, link=2, held=[[SHARD, run.id, run.attempt, run.epoch, run.index]], epochs=KNOWN)
    )
    assert [welcome.lost for welcome in only(said, ExecutorWelcome)] == [[]]
    assert bench.state.counts["executors_superseded"] == 1
    assert only(executor.renew(), HelloNeeded) == [HelloNeeded(SHARD, 1)]
    executor.finish(run)
    assert bench.state_of(run.id) == ["running"], "the old connection has no say any more"
    assert bench.state.counts["finishes_unlinked"] == 1
    bench.hear(OTHER, executor.finished(run))
    assert bench.state_of(run.id) == ["succeeded"]


def test_a_newer_hello_that_holds_nothing_gives_the_job_back_once() -> None:
    """Even if somebody lies about who he is, the job has one lease at a time, and one finish counts."""
    bench, executor = busy()
    (run,) = runs_of(bench.said)
    bench.hear(OTHER, a_hello(7, link=2, epochs=KNOWN), Credit(SHARD, 2, [["process", 1]]))
    first, second = runs_of(bench.said)
    assert (second.id, second.peer) == (run.id, OTHER)
    assert (first.epoch, first.index) < (second.epoch, second.index)
    executor.hello()  # with a number that OTHER has used: passed over
    executor.link = 5
    executor.hello(held=[first])
    assert only(bench.said, ExecutorWelcome)[-1].lost == [[first.id, first.attempt]], "its lease is void: stop it"
    executor.finish(first)
    assert bench.state.counts["finishes_stale"] == 1
    assert bench.state_of(run.id) in (["ready"], ["running"])


def test_a_connection_has_one_incarnation() -> None:
    """Another one on the same connection is refused, and the first goes on."""
    bench, executor = busy()
    (run,) = runs_of(bench.said)
    (refused,) = only(bench.hear(executor.peer, a_hello(8, link=1)), Refused)
    assert refused.code == "malformed"
    assert "open one of your own" in refused.text
    assert bench.state.counts["hellos_forged"] == 1
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


def test_two_executors_of_one_name_are_two() -> None:
    """A name is for people; leases belong to incarnations."""
    bench, executor = busy()
    (run,) = runs_of(bench.said)
    twin = bench.executor(incarnation=8, slots=1)
    twin.finish(run)
    assert bench.state_of(run.id) == ["running"]
    assert len(bench.state.links) == 2
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


def test_only_its_holder_ends_a_lease() -> None:
    """Another executor that knows the whole fence is told to forget it, and nothing has changed."""
    bench, executor = busy()
    (run,) = runs_of(bench.said)
    thief = bench.executor("executor-2", incarnation=8, slots=1)
    said = thief.finish(run, outcome="failed", error="forged")
    assert only(said, FinishedAck) == [FinishedAck(SHARD, thief.batch)]
    assert bench.state.counts["finishes_forged"] == 1
    assert bench.state_of(run.id) == ["running"]
    executor.finish(run)
    assert bench.state_of(run.id) == ["succeeded"]


def test_a_client_that_speaks_as_an_executor_is_counted() -> None:
    """Without a hello there is no link: results, credit and heartbeats of a stranger do nothing."""
    bench, executor = busy()
    (run,) = runs_of(bench.said)
    finished = executor.finished(run)
    bench.hear(OTHER, Finished(SHARD, 1, finished.results), Credit(SHARD, 1, [["process", 9]]), Goodbye(7))
    assert only(bench.hear(OTHER, Renew(SHARD, 1, 5, 0, [])), HelloNeeded)
    counts = bench.state.counts
    assert [counts[f"{what}_unlinked"] for what in ("finishes", "credits", "renews")] == [1, 1, 1]
    assert bench.state_of(run.id) == ["running"]
    bench.hear(executor.peer, Goodbye(99))
    assert counts["goodbyes_forged"] == 1
    assert bench.state_of(run.id) == ["running"]


def test_what_is_replayed_is_taken_once() -> None:
    """The same Submit and the same Finished again: one job, one end; and an old link number is void."""
    bench, executor = busy()
    submit = bench.a_submit()
    bench.hear(b"client", submit, submit)
    first, second = runs_of(bench.said)
    assert bench.state.image.next_sequence == 3, "two jobs in all"
    finished = executor.finished(first, second)
    bench.hear(executor.peer, finished, finished)
    assert bench.state.counts["finishes_stale"] == 2
    executor.hello()
    bench.hear(executor.peer, Credit(SHARD, 1, [["process", 1_000]]))
    assert bench.state.counts["credits_unlinked"] == 1
    assert bench.state_of(first.id, second.id) == ["succeeded", "succeeded"]


@pytest.mark.parametrize(
    "known", [[], [[SHARD, 0]], [[SHARD + 1, 1]]], ids=["nothing", "an older one", "another shard"]
)
def test_a_hello_that_does_not_know_this_leader_denies_nothing(known: list[list[int]]) -> None:
    """It may have been said before a Run of the leader before came: it is told the epoch, and says it again."""
    bench, _ = busy()
    (run,) = runs_of(bench.said)
    said = bench.hear(OTHER, a_hello(7, link=2, epochs=known))
    assert [one.message for one in said] == [HelloNeeded(SHARD, 1)]
    assert bench.state_of(run.id) == ["running"]
    assert bench.state.links.by_incarnation[7].number == 1, "the link is as it was"
    assert len(only(bench.hear(OTHER, a_hello(7, link=3, epochs=KNOWN)), ExecutorWelcome)) == 1


def test_a_hello_that_knows_a_later_leader_is_passed_over() -> None:
    """This coordinator leads no more, and is about to hear so."""
    bench, executor = busy()
    assert bench.hear(executor.peer, a_hello(7, link=9, epochs=[[SHARD, 2]])) == []
    assert bench.state.counts["hellos_beyond"] == 1


def test_a_hello_that_comes_again_after_its_link_has_lapsed_opens_none() -> None:
    """A link number is used once: a Run that is still under way to the old link must not be taken on a new one."""
    bench = ShardBench(lease_ttl_ms=1_000)
    executor = bench.executor()
    hello = a_hello(7, link=1, epochs=KNOWN)
    bench.wait(2_000)
    assert not bench.state.links.by_incarnation
    assert bench.hear(executor.peer, hello) == []
    assert not bench.state.links.by_incarnation
