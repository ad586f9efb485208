"""An executor and several coordinators: each shard has one leader at a time, and what is held outlives a change."""

from itertools import pairwise

import pytest
from cluster_maps import a_map
from executor_bench import TTL_MS
from executor_stage import GRACE_MS, MEMBERS, PEERS, A, B, C, Stage, to

from mainspring.actors.events import Drain, PeerGone
from mainspring.actors.executor.acts import CancelOn, Connect, Disconnect, Exit, Note, Ready, RunOn
from mainspring.actors.executor.events import Connected
from mainspring.actors.executor.settings import FENCE_MARGIN_MS, HELLO_AGAIN_MS, READY_WAIT_MS, RESEND_AFTER_MS
from mainspring.broker.wire.messages import (
    CancelRun,
    Credit,
    ExecutorHello,
    ExecutorWelcome,
    Finished,
    FinishedAck,
    Goodbye,
    HelloNeeded,
    Refused,
    Renew,
    Renewed,
)


@pytest.fixture
def stage() -> Stage:
    """An executor that A has welcomed to the one shard; B and C have answered with maps."""
    stage = Stage()
    stage.up()
    return stage


def test_a_map_is_an_answer(stage: Stage) -> None:
    """No node is asked again while the leader answers heartbeats, which go to it alone."""
    bench = stage.bench
    for _ in range(30):
        said = bench.wait(1_000)
        assert to(said, ExecutorHello) == []
        assert to(said, Renew) == [A]
        (renew,) = said.only(Renew)
        bench.hear(Renewed(0, renew.link, 5, renew.sent_ms), peer=A)


def test_hellos_to_all_name_all_that_is_held() -> None:
    """Whoever comes to lead a shard can settle its leases."""
    stage = Stage(shards=2)
    stage.leaders[1] = (3, "b")
    stage.answer()
    stage.welcome(A, 0)
    stage.welcome(B, 1, 3)
    stage.run(A, 1)
    stage.run(B, 2, shard=1, epoch=3)
    stage.bench.ends(1)
    said = stage.elect(C, 6)
    assert to(said, ExecutorHello) == [C]
    assert sorted(stage.bench.hello(said).held) == [[0, 1, 1, 5, 41], [1, 2, 1, 3, 41]]


def test_a_new_leader_takes_over(stage: Stage) -> None:
    """Runs go on, results of the old leader's leases go to the new one at once, under their batches and fences."""
    bench = stage.bench
    stage.run(A, 1, 2)
    (first,) = bench.ends(1).only(Finished)
    stage.elect(B, 6)
    said = stage.welcome(B, epoch=6)
    assert to(said, Finished) == [B]
    assert said.only(Finished) == [first]
    assert to(said, Credit) == [B]
    assert said.acted(CancelOn) == []
    said = bench.ends(2)
    assert to(said, Finished) == [B]
    assert [(row.epoch, row.index) for row in said.results()] == [(5, 41)]
    assert [finished.batch for finished in said.only(Finished)] == [2]


def test_what_a_new_leader_calls_lost_ends(stage: Stage) -> None:
    """Nobody hears of it."""
    stage.run(A, 1)
    stage.elect(B, 6)
    said = stage.welcome(B, epoch=6, lost=[[1, 1]])
    assert [act.reason for act in said.acted(CancelOn)] == ["lease_lost"]
    assert stage.bench.ends(1, outcome="cancelled").results() == []


def test_the_old_leaders_welcome_after_the_new_ones(stage: Stage) -> None:
    """It ends nothing, opens nothing, and its runs are void."""
    bench = stage.bench
    stage.run(A, 1)
    bench.hear(HelloNeeded(0, 5), peer=A)
    stage.elect(B, 6)
    stage.welcome(B, epoch=6)
    assert stage.welcome(A, epoch=5, lost=[[1, 1]]).acts == []
    assert stage.run(A, 7).acts == []
    assert stage.run(A, 7, epoch=6).acts == [], "it is not the leader's link"
    assert len(stage.run(B, 8, epoch=6).acted(RunOn)) == 1
    assert bench.state.counts["runs_void"] == 2


def test_an_old_leaders_acknowledgement_is_true(stage: Stage) -> None:
    """It rests on what is committed: the batch is not sent to the new one, and its number is not used again."""
    bench = stage.bench
    stage.run(A, 1, 2)
    bench.ends(1)
    stage.elect(B, 6)
    bench.hear(FinishedAck(0, 1), peer=A)
    assert stage.welcome(B, epoch=6).only(Finished) == []
    assert [finished.batch for finished in bench.ends(2).only(Finished)] == [2]
    bench.hear(FinishedAck(0, 2), peer=B)
    assert bench.hello(bench.hear(HelloNeeded(0, 5), peer=B)).held == []


def test_only_the_leader_renews(stage: Stage) -> None:
    """The old one's answers prolong nothing from the moment at which the new one is known."""
    bench = stage.bench
    stage.run(A, 1)
    (renew,) = bench.wait(1_000).only(Renew)
    bench.hear(a_map("c", {0: (6, "b")}, MEMBERS), peer=C)
    bench.hear(Renewed(0, renew.link, 5, renew.sent_ms), peer=A)
    fence_ms = TTL_MS - GRACE_MS - FENCE_MARGIN_MS
    said = bench.wait(fence_ms - 1_000)
    assert len(said.acted(CancelOn)) == 1
    assert said.only(Renew) == []


def test_runs_go_on_while_nobody_leads(stage: Stage) -> None:
    """Until the lease is over; results wait, and the fence reports to whoever leads next."""
    bench = stage.bench
    stage.run(A, 1, 2)
    bench.turn(PeerGone(A))
    assert bench.ends(1).only(Finished) == []
    said = bench.wait(TTL_MS - GRACE_MS - FENCE_MARGIN_MS)
    assert said.only(Finished) == []
    assert len(said.acted(CancelOn)) == 1
    bench.ends(2, outcome="cancelled")
    stage.elect(C, 7)
    assert stage.welcome(C, epoch=7).outcomes() == {1: "succeeded", 2: "returned"}


def test_other_nodes_are_asked_while_a_shard_has_no_leader(stage: Stage) -> None:
    """Every few seconds, and no more once somebody leads."""
    bench = stage.bench
    bench.turn(PeerGone(A))
    asked = {B: 0, C: 0}
    for _ in range(4 * 15):
        said = bench.wait(HELLO_AGAIN_MS / 4)
        for peer in to(said, ExecutorHello):
            if peer != A:
                asked[peer] += 1
                bench.hear(stage.map(peer), peer=peer)
    assert all(13 <= count <= 17 for count in asked.values())
    stage.elect(B, 6)
    stage.welcome(B, epoch=6)
    said = bench.wait(HELLO_AGAIN_MS - 100)
    assert C not in to(said, ExecutorHello)


def test_a_leader_that_answers_nothing_is_looked_for_elsewhere(stage: Stage) -> None:
    """Its host may be cut off, with no connection broken."""
    said = stage.bench.wait(2 * HELLO_AGAIN_MS)
    assert set(to(said, ExecutorHello)) == {B, C}


def two_shards() -> Stage:
    """An executor that A has welcomed to the first shard, and B to the second; C has answered."""
    stage = Stage(shards=2)
    stage.leaders[1] = (3, "b")
    stage.answer()
    stage.welcome(A, 0)
    stage.welcome(B, 1, 3)
    return stage


def test_a_node_that_leads_one_shard_keeps_its_link_when_another_is_without() -> None:
    """A hello would begin it anew, and void what is on its way."""
    bench = two_shards().bench
    bench.hear(a_map("a", {0: (5, None), 1: (3, "b")}, MEMBERS), peer=A)
    assert B not in to(bench.wait(HELLO_AGAIN_MS), ExecutorHello)
    bench.hear(a_map("b", {0: (6, "b"), 1: (3, "b")}, MEMBERS), peer=B)
    assert B in to(bench.wait(2 * HELLO_AGAIN_MS), ExecutorHello), "it leads that shard, and its ask was lost"


def test_a_node_that_leads_one_shard_is_asked_for_another_by_the_word_of_a_third() -> None:
    """All that it has said itself of its second shard may have been lost."""
    stage = two_shards()
    bench = stage.bench
    bench.hear(a_map("c", {0: (6, "b"), 1: (3, "b")}, MEMBERS), peer=C)
    assert B in to(bench.wait(2 * HELLO_AGAIN_MS), ExecutorHello)
    bench.hear(a_map("b", {0: (6, None), 1: (3, "b")}, MEMBERS), peer=B)
    stage.welcome(B, 1, 3)
    assert B not in to(bench.wait(2 * HELLO_AGAIN_MS), ExecutorHello), "it knows best that it leads no more"


def test_a_leader_that_says_that_it_leads_no_more_is_left(stage: Stage) -> None:
    """By its map or by a refusal, which is no fault that an operator should read."""
    bench = stage.bench
    said = bench.hear(Refused(0, 0, 0, "not_here", "shard 0 is led by b"), peer=A)
    assert said.acted(Note) == []
    assert bench.wait(1_000).only(Renew) == []
    stage.elect(A, 6)
    stage.welcome(A, epoch=6)
    bench.hear(a_map("a", {0: (7, "c")}, MEMBERS), peer=A)
    assert bench.wait(1_000).only(Renew) == []


def test_an_older_map_changes_nothing(stage: Stage) -> None:
    """Nor one that names nobody, of another node."""
    bench = stage.bench
    for leader in ((4, "b"), (5, "a"), (6, None)):
        bench.hear(a_map("c", {0: leader}, MEMBERS), peer=C)
    assert to(bench.wait(1_000), Renew) == [A]


def test_a_leader_that_was_deposed_again_is_not_followed(stage: Stage) -> None:
    """It asks for a hello, and answers with a map."""
    bench = stage.bench
    stage.run(A, 1)
    said = stage.elect(B, 6)
    assert to(said, ExecutorHello) == [B]
    stage.leaders[0] = (7, "c")
    bench.hear(stage.map(B), peer=B)
    stage.elect(C, 7)
    assert to(stage.welcome(C, epoch=7), Credit) == [C]
    assert stage.welcome(B, epoch=6).messages == []
    assert len(stage.run(C, 2, epoch=7).acted(RunOn)) == 1


def test_a_cancel_counts_by_its_epoch(stage: Stage) -> None:
    """One of the old leader is passed over once the new one is known."""
    bench = stage.bench
    stage.run(A, 1, 2)
    stage.elect(B, 6)
    stage.welcome(B, epoch=6)
    assert bench.hear(CancelRun(0, 5, [[1, 1]]), peer=A).acts == []
    assert len(bench.hear(CancelRun(0, 6, [[2, 1]]), peer=B).acted(CancelOn)) == 1


def test_it_is_ready_when_all_shards_have_welcomed_it() -> None:
    """Or, where one has no leader, a moment after somebody has answered."""
    stage = Stage(shards=2)
    assert stage.bench.hear(stage.map(B), peer=B).acted(Ready) == []
    assert stage.welcome(A, 0).acted(Ready) == []
    assert stage.welcome(A, 1).acted(Ready) == [Ready()]
    stage = Stage()
    stage.leaders[0] = (5, None)
    assert stage.bench.hear(stage.map(A), peer=A).acted(Ready) == []
    assert stage.bench.wait(READY_WAIT_MS).times(Ready) == [READY_WAIT_MS]


def test_credit_is_shared_among_the_shards() -> None:
    """A shard keeps its part while it has no leader."""
    stage = Stage(shards=2, process_slots=4)
    stage.leaders[1] = (3, "b")
    stage.answer()
    stage.welcome(A, 0)
    stage.welcome(B, 1, 3)
    stage.bench.turn(PeerGone(A))
    windows = stage.bench.wait(1_000).credit()
    assert windows is not None
    assert windows["process"] == 2


def test_members_are_connected_to_and_left() -> None:
    """They hear a hello as soon as they are there; a shard that one has led is led by nobody then."""
    stage = Stage(peers=(A,))
    bench = stage.bench
    assert bench.hear(stage.map(A), peer=A).acted(Connect) == [Connect(B), Connect(C)]
    bench.turn(PeerGone(B), PeerGone(C))
    assert to(bench.turn(Connected(B), Connected(C)), ExecutorHello) == [B, C]
    stage.elect(B, 6)
    stage.welcome(B, epoch=6)
    fewer = {"a": "tcp://a:1", "c": "tcp://c:1"}
    bench.hear(a_map("c", {0: (6, "b")}, fewer), peer=C)
    said = bench.hear(a_map("a", {0: (6, "b")}, fewer), peer=A)
    assert said.acted(Disconnect) == [Disconnect(B)]
    assert bench.state.shards[0].link is None
    assert stage.bench.hear(HelloNeeded(0, 5), peer=B).messages == []


def test_another_cluster_is_passed_over(stage: Stage) -> None:
    """Its maps and its welcomes; the log hears of it once."""
    bench = stage.bench
    strange = a_map("x", {0: (9, "x")}, {"x": "tcp://x:1"}, cluster="other")
    said = bench.hear(strange, strange, peer=C)
    assert [act.level for act in said.acted(Note)] == ["warning"]
    assert said.acted(Connect) == []
    message = ExecutorWelcome(0, 9, "other", 1, stage.number(C), TTL_MS, [])
    assert len(bench.hear(message, peer=C).acted(Note)) == 1
    assert to(bench.wait(1_000), Renew) == [A]


def test_a_cluster_that_is_known_is_followed_whoever_speaks_first() -> None:
    """A node of a cluster of its own, by a mistake in its file, must not take the executors of all others along."""
    stage = Stage(cluster="test")
    said = stage.bench.hear(a_map("c", {0: (9, "c")}, MEMBERS, cluster="other"), peer=C)
    assert [act.level for act in said.acted(Note)] == ["warning"]
    stage.welcome(A)
    assert stage.bench.state.shards[0].link is stage.bench.state.links[A]


def test_the_same_node_by_another_way_is_one_too_many(stage: Stage) -> None:
    """The link that is open stays; the other one is quiet."""
    bench = stage.bench
    bench.hear(HelloNeeded(0, 5), peer=B)
    said = stage.welcome(B, epoch=5)
    assert said.messages == []
    assert B not in to(bench.wait(1_500), ExecutorHello)


def test_a_slow_way_is_given_time() -> None:
    """Each hello voids the answers to those before it, so they come ever more seldom."""
    bench = Stage(peers=(A,)).bench
    times = bench.wait(40 * RESEND_AFTER_MS).times(ExecutorHello)
    gaps = [round(after - before) for before, after in pairwise(times)]
    assert gaps[:5] == [1_000, 1_000, 2_000, 4_000, 8_000]
    assert set(gaps[5:]) == {8_000}


def test_a_drain_ends_when_the_leader_has_everything(stage: Stage) -> None:
    """Goodbye goes to all, for any of them may lead when it comes."""
    bench = stage.bench
    stage.run(A, 1)
    bench.turn(Drain())
    stage.elect(B, 6)
    assert bench.ends(1).acted(Exit) == []
    said = stage.welcome(B, epoch=6)
    assert said.outcomes() == {1: "succeeded"}
    assert said.acted(Exit) == []
    said = bench.hear(FinishedAck(0, 1), peer=B)
    assert to(said, Goodbye) == list(PEERS)
    assert said.acted(Exit) == [Exit()]


def test_a_hello_names_the_other_connections() -> None:
    """What was said on them last, for they may lead to the same node; one that is lost brings nothing any more."""
    stage = Stage()
    stage.up()
    stage.bench.turn(PeerGone(C))
    (hello,) = stage.bench.turn(Connected(B)).only(ExecutorHello)
    assert hello.links == [stage.number(A)]
