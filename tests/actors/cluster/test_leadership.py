"""Who is elected serves once its rows are complete, who is deposed forgets at once, and all guests hear of it."""

import pytest
from cluster_bench import MS, ClusterBench, a_row

from mainspring.actors.cluster.leadership import LEAVE_NS, HandsOver, Leads, Waits
from mainspring.actors.events import Passed
from mainspring.actors.raft.news import Deposed, Elected, LeaderChanged, MembersChanged, SnapshotInstalled
from mainspring.broker.wire.messages import ClusterMap, HelloNeeded, Message

GUEST = b"\0guest"


def leading() -> ClusterBench:
    """A bench whose only shard is led here, with one guest."""
    bench = ClusterBench()
    bench.guests.came(GUEST)
    bench.elect()
    bench.way.taken()
    return bench


def told(bench: ClusterBench) -> list[Message]:
    """What the guest has been told since the last call."""
    sent = bench.way.taken()
    assert {peer for peer, _ in sent} <= {GUEST}
    return [message for _, message in sent]


def test_a_shard_is_led_once_all_is_committed_and_applied() -> None:
    """Then, and not before, guests are asked to say hello."""
    bench = ClusterBench()
    bench.guests.came(GUEST)
    bench.engine.hold_commits()
    bench.log(1, 5)
    bench.engine.commit_up_to(1, 3)
    assert bench.elect() == [Elected(1, 2, "silence"), LeaderChanged(1, 2, "a")]
    (member,) = bench.members
    assert bench.leadership.is_taking_over
    assert [type(message) for message in told(bench)] == [ClusterMap]
    bench.apply(member)
    assert bench.hear() == []
    bench.engine.release_commits()
    assert bench.hear() == []
    assert member.machine is None
    bench.apply(member)
    bench.later(7)
    assert bench.hear() == [Leads(0, 2, "silence", 7 * MS)]
    assert member.machine is not None
    assert member.machine.state.epoch == 2
    assert not bench.leadership.is_taking_over
    shown, asked = told(bench)
    assert isinstance(shown, ClusterMap)
    assert shown.leaders == [[0, 2, "a"]]
    assert asked == HelloNeeded(0, 2)
    assert bench.leadership.elections == {0: 1}


def test_several_shards_are_taken_over_each_by_itself() -> None:
    """One whose rows are not there yet holds up no other; each asks for its own hellos."""
    bench = ClusterBench(shards=2)
    bench.guests.came(GUEST)
    bench.log(1, 2)
    bench.elect(1)
    told(bench)
    happened = bench.elect(2, epoch=5)
    assert happened[-1] == Leads(1, 5, "silence", 0)
    assert bench.leadership.is_taking_over
    assert [each.machine is not None for each in bench.members] == [False, True]
    assert told(bench)[1:] == [HelloNeeded(1, 5)]
    bench.apply(bench.members[0])
    assert bench.hear() == [Leads(0, 2, "silence", 0)]


def test_a_shard_that_waits_says_so_once() -> None:
    """For what: for other members, or for whoever holds its rows."""
    bench = ClusterBench()
    bench.engine.is_fit = False
    bench.log(1, 2)
    bench.elect()
    happened = []
    for _ in range(4):
        bench.later(1_500)
        happened += bench.hear()
    assert happened == [Waits(0, is_committed=True)]
    other = ClusterBench()
    other.engine.hold_commits()
    other.log(1, 2)
    other.engine.commit_up_to(1, 1)
    other.elect()
    other.later(3_000)
    assert other.hear() == [Waits(0, is_committed=False)]


def test_a_shard_whose_rows_stand_still_is_handed_over() -> None:
    """Somebody holds the file's lock here; where rows are still being applied, or entries lack, nothing is moved."""
    bench = ClusterBench()
    bench.log(1, 2)
    bench.elect()
    bench.later(1_900)
    assert bench.hear() == []
    bench.later(200)
    assert bench.hear() == [Waits(0, is_committed=True), HandsOver(0)]
    assert bench.engine.moves == [(1, None)]
    bench.later(1_000)
    assert bench.hear() == [], "it is given time"
    assert len(bench.engine.moves) == 1
    other = ClusterBench()
    other.engine.hold_commits()
    other.log(1, 5)
    other.engine.commit_up_to(1, 3)
    other.elect()
    other.later(2_100)
    other.hear()
    assert not other.engine.moves, "no other member has what this one lacks"


def test_who_is_deposed_forgets_at_once() -> None:
    """The machine, and what it had not committed; guests hear who leads now."""
    bench = leading()
    (member,) = bench.members
    member.inbox.append("something")
    bench.engine.leaders[1] = (3, "b")
    bench.hear(Deposed(1, 2), LeaderChanged(1, 3, "b"))
    assert member.machine is None
    assert not member.inbox
    (shown,) = told(bench)
    assert isinstance(shown, ClusterMap)
    assert shown.leaders == [[0, 3, "b"]]


def test_who_is_deposed_before_it_has_served_never_serves() -> None:
    """An election that another one has overtaken leaves nothing behind."""
    bench = ClusterBench()
    bench.log(1, 2)
    bench.elect()
    assert bench.directory.where(0) == "shard 0 is being taken over here"
    bench.engine.leaders[1] = (3, None)
    bench.hear(Deposed(1, 2))
    bench.apply(bench.members[0])
    assert bench.hear() == []
    assert bench.members[0].machine is None
    assert bench.directory.where(0) == "shard 0 has no leader at the moment"
    bench.engine.leaders[1] = (4, "c")
    assert bench.directory.where(0) == "shard 0 is led by c"


def test_that_nobody_leads_is_not_told() -> None:
    """Guests could do nothing about it; who leads next, they hear."""
    bench = leading()
    bench.hear(LeaderChanged(1, 3, None))
    assert told(bench) == []
    bench.hear(LeaderChanged(1, 3, "b"), LeaderChanged(1, 4, "c"))
    assert [type(message) for message in told(bench)] == [ClusterMap]


def test_entries_of_the_engine_are_told_to_the_machine() -> None:
    """A change of members between two turns; who does not lead here reads it from the log."""
    bench = leading()
    (member,) = bench.members
    rows = [a_row("a"), a_row("b")]
    bench.engine.rows[1] = rows
    bench.hear(MembersChanged(1, rows, 7))
    assert member.inbox[0] == Passed(7)
    assert member.unapplied[-1][0] == 7
    (shown,) = told(bench)
    assert isinstance(shown, ClusterMap)
    assert shown.members == [["a", "ipc://a.sock"], ["b", "ipc://b.sock"]]
    follower = ClusterBench()
    follower.hear(MembersChanged(1, rows, 0))
    assert not follower.members[0].inbox


def test_a_copy_of_the_shard_takes_the_place_of_what_was_to_be_applied() -> None:
    """Entries that the copy holds are not applied again."""
    bench = ClusterBench()
    (member,) = bench.members
    member.unapplied.append((1, None))  # type: ignore[arg-type]  # nobody looks at it
    bench.hear(SnapshotInstalled(1, 2))
    assert not member.unapplied


def test_who_leaves_hands_over_what_it_leads() -> None:
    """It asks again until somebody else leads, or until it has taken as long as it may."""
    bench = ClusterBench(shards=2)
    bench.elect(1)
    bench.engine.leaders[2] = (4, "c")
    bench.engine.is_fit = False
    assert bench.leadership.leave(bench.now) == [0]
    assert not bench.leadership.has_left(bench.now, is_alone=False)
    assert not bench.leadership.has_left(bench.later(1), is_alone=False)
    assert bench.engine.moves == [(1, None), (1, None)]
    bench.engine.leaders[1] = (3, None)
    assert not bench.leadership.has_left(bench.later(1), is_alone=False)
    bench.engine.leaders[1] = (3, "b")
    assert bench.leadership.has_left(bench.later(1), is_alone=False)
    assert len(bench.engine.moves) == 2


@pytest.mark.parametrize(("after_ms", "is_alone"), [(0, True), (LEAVE_NS // MS, False)])
def test_nobody_waits_for_ever_for_a_successor(after_ms: int, *, is_alone: bool) -> None:
    """Without anybody connected not at all, else for a second, of which the process is woken."""
    bench = leading()
    bench.engine.is_fit = False
    bench.leadership.leave(bench.now)
    assert not bench.leadership.has_left(bench.now, is_alone=False)
    assert bench.leadership.wake_ns() == bench.leadership.leave_ns == bench.now.elapsed_ns + LEAVE_NS
    assert bench.leadership.has_left(bench.later(after_ms), is_alone=is_alone)


def test_a_node_without_room_hands_over_and_does_not_insist() -> None:
    """Others may have room; if they have none, shards must not go round and round."""
    bench = ClusterBench(shards=2)
    bench.elect(1)
    bench.engine.leaders[2] = (4, "c")
    bench.engine.is_fit = False
    assert bench.leadership.spare(bench.now) == [], "nobody was fit at first"
    bench.engine.is_fit = True
    assert bench.leadership.spare(bench.now) == [0]
    assert bench.engine.moves == [(1, None), (1, None)]
    assert bench.leadership.spare(bench.later(1_000)) == []
    assert bench.leadership.spare(bench.later(60_000)) == [0]
    assert len(bench.engine.moves) == 3
