"""Heartbeats, and the end of runs whose lease nobody renews: dead before it is over."""

from typing import Any

import pytest
from builders import a_run
from cluster_maps import a_map
from executor_bench import MS, PEER, TASKS, TTL_MS, ExecutorBench, Said
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.actors.events import PeerGone
from mainspring.actors.executor.acts import CancelOn, KillChild, RunOn, SpawnChild
from mainspring.actors.executor.events import ChildReady, Connected
from mainspring.actors.executor.settings import FENCE_MARGIN_MS
from mainspring.broker.wire.messages import (
    ExecutorWelcome,
    HelloNeeded,
    Renew,
    Renewed,
    Run,
)  # fmt: skip

GRACE_MS = 1_000
OTHER = b"other coordinator"


def unwelcomed(**fields: Any) -> ExecutorBench:
    """An executor whose children are up and whose hello nobody has answered."""
    bench = ExecutorBench(**{"process_slots": 2, "kill_grace_ms": GRACE_MS, **fields})
    said = bench.turn()
    while spawned := said.acted(SpawnChild):
        said = bench.turn(*[ChildReady(act.child, TASKS, []) for act in spawned])
    return bench


@pytest.fixture
def bench() -> ExecutorBench:
    """An executor with two process children and an open link."""
    bench = unwelcomed()
    bench.welcome()
    return bench


@pytest.mark.parametrize(("ttl_ms", "every_ms"), [(10_000, 1_000), (60_000, 1_000), (2_000, 200)])
def test_a_heartbeat_comes_every_second_or_every_tenth_of_the_lease(ttl_ms: int, every_ms: int) -> None:
    """Whichever is shorter; it carries the time at which it was sent."""
    bench = unwelcomed()
    bench.welcome(lease_ttl_ms=ttl_ms)
    said = bench.wait(5 * every_ms, renewing=True)
    assert said.times(Renew) == [every_ms * n for n in range(1, 6)]
    assert [renew.sent_ms - 5_000 for renew in said.only(Renew)] == said.times(Renew)


FENCE_MS = TTL_MS - GRACE_MS - FENCE_MARGIN_MS


def test_runs_end_before_a_lease_that_nobody_renews(bench: ExecutorBench) -> None:
    """They are told so early that they can be killed before it is over, with half a second to spare."""
    bench.run(1, 2, 3)
    bench.run(11, task="io")
    said = bench.wait(FENCE_MS - 1)
    assert {run for act in said.acted(CancelOn) for run in act.run_ids} == set()
    said = bench.wait(1)
    assert {run for act in said.acted(CancelOn) for run in act.run_ids} == {bench.run_ids[id] for id in (1, 2, 11)}
    assert {act.reason for act in said.acted(CancelOn)} == {"lease_lost"}
    said = bench.wait(GRACE_MS)
    assert {act.child for act in said.acted(KillChild)} == {1, 2, 3}
    assert max(said.times(KillChild)) <= TTL_MS - FENCE_MARGIN_MS


def test_what_was_fenced_is_reported_as_returned(bench: ExecutorBench) -> None:
    """If the coordinator still holds the lease, it must learn that nothing runs under it any more."""
    bench.run(1)
    bench.wait(FENCE_MS)
    bench.ends(1, outcome="cancelled")
    bench.hear(HelloNeeded(0, 1))
    assert bench.welcome().outcomes() == {1: "returned"}


def test_a_late_run_of_a_fenced_lease_does_not_start(bench: ExecutorBench) -> None:
    """A Run that lay in a frozen socket goes back at once."""
    bench.wait(FENCE_MS)
    said = bench.run(1)
    assert said.acted(RunOn) == []
    assert said.outcomes() == {1: "returned"}


def test_answered_heartbeats_keep_runs_going(bench: ExecutorBench) -> None:
    """For hours."""
    bench.run(1)
    assert bench.wait(3_600_000, renewing=True).acted(CancelOn) == []


def test_a_lease_counts_from_when_the_heartbeat_was_sent(bench: ExecutorBench) -> None:
    """An answer that took five seconds gives five seconds less."""
    bench.run(1)
    said = bench.wait(6_000)
    first = said.only(Renew)[0]
    bench.hear(Renewed(0, 1, 1, first.sent_ms))
    until_ms = 1_000 + FENCE_MS
    assert bench.wait(until_ms - 6_000 - 1).acted(CancelOn) == []
    assert len(bench.wait(1).acted(CancelOn)) == 1


@pytest.mark.parametrize("wrong", [{"link": 0}, {"link": 2}, {"epoch": 0}, {"epoch": 2}, {"shard": 1}], ids=str)
def test_an_answer_of_another_link_or_epoch_renews_nothing(bench: ExecutorBench, wrong: dict[str, int]) -> None:
    """Only the coordinator that was said hello to holds the lease."""
    bench.run(1)
    for _ in range(8):
        for renew in bench.wait(1_000).only(Renew):
            values = {"shard": 0, "link": 1, "epoch": 1, **wrong}
            bench.hear(Renewed(values["shard"], values["link"], values["epoch"], renew.sent_ms))
    assert len(bench.wait(FENCE_MS - 8_000).acted(CancelOn)) == 1


def test_a_welcome_renews_from_the_hello(bench: ExecutorBench) -> None:
    """A new link begins with a whole lease, counted from when the hello was sent."""
    bench.run(1)
    bench.wait(5_000)
    bench.hear(HelloNeeded(0, 1))
    bench.wait(500)
    bench.welcome()
    assert bench.wait(FENCE_MS - 500 - 1).acted(CancelOn) == []
    assert len(bench.wait(1).acted(CancelOn)) == 1


def test_a_short_lease_gives_half_of_itself_to_the_end() -> None:
    """With a lease shorter than twice grace and margin, runs are still killed before it is over."""
    bench = unwelcomed()
    bench.welcome(lease_ttl_ms=1_000)
    bench.run(1)
    said = bench.wait(1_000)
    assert said.times(CancelOn) == [500]
    assert said.times(KillChild)[0] <= 1_000 - 250


def test_the_fence_shortens_a_grace_that_is_under_way() -> None:
    """A run that was told to end just before the fence is dead in time as well."""
    bench = unwelcomed(kill_grace_ms=5_000)
    bench.welcome(lease_ttl_ms=2_000)
    bench.run(1)
    bench.wait(990)
    bench.cancel(1)
    said = bench.wait(1_010)
    assert said.acted(KillChild) == [KillChild(1)]
    assert said.times(KillChild)[0] <= 2_000 - FENCE_MARGIN_MS


def test_each_shards_leases_end_by_themselves() -> None:
    """The one whose leader answers keeps its runs."""
    bench = unwelcomed(peers=(PEER, OTHER))
    links = {link.peer: link.number for link in bench.state.links.values()}
    bench.hear(ExecutorWelcome(0, 1, "test", 2, links[PEER], TTL_MS, []))
    bench.hear(ExecutorWelcome(1, 4, "test", 2, links[OTHER], TTL_MS, []), peer=OTHER)
    bench.hear(Run(0, links[PEER], 1, 1, 9, [a_run(1)]))
    bench.hear(Run(1, links[OTHER], 1, 4, 9, [a_run(2)]), peer=OTHER)
    bench.hear(a_map("b", {0: (1, "a"), 1: (4, "b")}), peer=OTHER)
    bench.hear(a_map("a", {0: (1, "a"), 1: (4, "b")}))
    ended: list[int] = []
    for _ in range(9):
        said = bench.wait(1_000)
        ended += [run for act in said.acted(CancelOn) for run in act.run_ids]
        for _, peer, renew in said.messages:
            if isinstance(renew, Renew) and peer == OTHER:
                bench.hear(Renewed(1, renew.link, 4, renew.sent_ms), peer=OTHER)
    assert ended == [bench.run_ids[1]]


class Watched:
    """An executor whose children do as they are told, and die when they are killed."""

    def __init__(self) -> None:
        self.bench = unwelcomed()
        self.bench.welcome()
        self.renew: Renew | None = None
        self.until_ns = self.bench.elapsed_ns + TTL_MS * MS

    def follow(self, said: Said) -> None:
        """Notes the last heartbeat, and lets children die and come up."""
        for renew in said.only(Renew):
            self.renew = renew
        for act in said.acted(KillChild):
            self.follow(self.bench.dies(act.child))
        for spawned in said.acted(SpawnChild):
            self.follow(self.bench.turn(ChildReady(spawned.child, TASKS, [])))

    def take(self, what: str, value: int) -> Said:
        """Takes one step."""
        bench = self.bench
        held = sorted(id for id, _ in bench.state.held)
        running = [id for id in held if bench.state.held[id, 1].child is not None]
        if what == "run":
            return bench.run(len(bench.run_ids) + 1_000 * (value + 1), task=["echo", "io"][value % 2])
        if what == "wait":
            return bench.wait(value)
        if what == "answer" and self.renew is not None and self.renew.link == bench.link.number:
            self.until_ns = max(self.until_ns, (self.renew.sent_ms + TTL_MS) * MS)
            return bench.hear(Renewed(0, self.renew.link, bench.epoch, self.renew.sent_ms))
        if what == "cancel" and held:
            return bench.cancel(held[value % len(held)])
        if what == "end" and running:
            return bench.ends(running[value % len(running)])
        if what == "hello":
            self.follow(bench.hear(HelloNeeded(0, 1)))
            self.until_ns = max(self.until_ns, bench.elapsed_ns + TTL_MS * MS)
            return bench.welcome()
        return bench.turn(PeerGone(PEER), Connected(PEER)) if what == "gone" else bench.turn()

    def busy(self) -> set[int]:
        """The children that have runs."""
        pools = self.bench.state.pools.values()
        return {child.number for pool in pools for child in pool.children.values() if child.runs}


WORDS = ["run", "run", "run", "wait", "answer", "cancel", "end", "hello", "gone"]


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 4_000)), max_size=30))
def test_nothing_runs_when_a_lease_is_over(steps: list[tuple[str, int]]) -> None:
    """Whatever was said before a silence: when the last answered lease ends, no child has a run any more."""
    watched = Watched()
    for what, value in steps:
        watched.follow(watched.take(what, value))
        if watched.bench.elapsed_ns >= watched.until_ns:
            break
    left_ms = (watched.until_ns - watched.bench.elapsed_ns) / MS
    while left_ms > 0:
        watched.follow(watched.bench.wait(min(left_ms, 20)))
        left_ms = (watched.until_ns - watched.bench.elapsed_ns) / MS
    assert not watched.busy(), "they run beyond the lease"
