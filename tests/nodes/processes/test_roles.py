"""Who is elected serves once its rows are complete, who is deposed forgets at once, and all guests hear of it."""

import logging

import pytest
from cluster_bench import ClusterBench, a_row

from mainspring.actors.events import Passed, PeerGone
from mainspring.actors.raft.news import Deposed, Elected, LeaderChanged, MembersChanged, SnapshotInstalled
from mainspring.broker.wire.messages import ClusterMap, HelloNeeded, PreVote
from mainspring.nodes.processes.guests import GUESTS_MAX

GUEST, OTHER = b"\0guest", b"\0other"


def elect(bench: ClusterBench, group: int = 1, epoch: int = 2) -> None:
    """Member a is elected."""
    bench.engine.campaign(group)
    bench.engine.leaders[group] = (epoch, "a")
    bench.tell(Elected(group, epoch, "silence"), LeaderChanged(group, epoch, "a"))


def leading() -> ClusterBench:
    """A bench whose only shard is led here, with one guest."""
    bench = ClusterBench()
    bench.guests.came(GUEST)
    elect(bench)
    bench.way.taken()
    return bench


def test_a_shard_is_led_once_all_is_committed_and_applied() -> None:
    """Then, and not before, guests are asked to say hello."""
    bench = ClusterBench()
    bench.guests.came(GUEST)
    bench.engine.hold_commits()
    bench.log(1, 5)
    bench.engine.commit_up_to(1, 3)
    elect(bench)
    (member,) = bench.members
    assert bench.roles.is_taking_over
    assert [type(message) for _, message in bench.way.taken()] == [ClusterMap]
    bench.apply(member)
    bench.tell()
    assert member.machine is None
    bench.engine.release_commits()
    bench.tell()
    assert member.machine is None
    bench.apply(member)
    bench.tell()
    assert member.machine is not None
    assert member.machine.state.epoch == 2
    assert not bench.roles.is_taking_over
    (told, asked) = bench.way.taken()
    assert told[0] == GUEST
    assert isinstance(told[1], ClusterMap)
    assert told[1].leaders == [[0, 2, "a"]]
    assert asked == (GUEST, HelloNeeded(0, 2))
    assert all(each.machine is not None for each in bench.members)
    assert bench.roles.elections == {0: 1}


def test_a_shard_that_waits_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log says for what: for other members, or for a lock that somebody holds."""

    def warned() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]

    bench = ClusterBench()
    bench.engine.is_fit = False
    bench.log(1, 2)
    elect(bench)
    with caplog.at_level(logging.WARNING, "mainspring.coordinator"):
        for _ in range(3):
            bench.later(1500)
            bench.tell()
    assert len(warned()) == 1
    assert "lock" in warned()[0]
    other = ClusterBench()
    other.engine.hold_commits()
    other.log(1, 2)
    other.engine.commit_up_to(1, 1)
    elect(other)
    other.later(3000)
    with caplog.at_level(logging.WARNING, "mainspring.coordinator"):
        other.tell()
    assert "too few members answer" in warned()[1]


def test_a_shard_whose_rows_stand_still_is_handed_over() -> None:
    """Somebody holds the file's lock here; where rows are still being applied, or entries lack, nothing is moved."""
    bench = ClusterBench()
    bench.log(1, 2)
    elect(bench)
    bench.later(1900)
    bench.tell()
    assert not bench.engine.moves
    bench.later(200)
    bench.tell()
    assert bench.engine.moves == [(1, None)]
    bench.later(1000)
    bench.tell()
    assert len(bench.engine.moves) == 1, "it is given time"
    other = ClusterBench()
    other.engine.hold_commits()
    other.log(1, 5)
    other.engine.commit_up_to(1, 3)
    elect(other)
    other.later(2100)
    other.tell()
    assert not other.engine.moves, "no other member has what this one lacks"


def test_who_is_deposed_forgets_at_once() -> None:
    """The machine, and what it had not committed; guests hear who leads now."""
    bench = leading()
    (member,) = bench.members
    member.inbox.append("something")
    bench.engine.leaders[1] = (3, "b")
    bench.tell(Deposed(1, 2), LeaderChanged(1, 3, "b"))
    assert member.machine is None
    assert not member.inbox
    ((peer, told),) = bench.way.taken()
    assert peer == GUEST
    assert isinstance(told, ClusterMap)
    assert told.leaders == [[0, 3, "b"]]
    assert not all(each.machine is not None for each in bench.members)
    assert bench.roles.where(0) == "shard 0 is led by b"


def test_who_is_deposed_before_it_has_served_never_serves() -> None:
    """An election that another one has overtaken leaves nothing behind."""
    bench = ClusterBench()
    bench.log(1, 2)
    elect(bench)
    assert bench.roles.where(0) == "shard 0 is being taken over here"
    bench.engine.leaders[1] = (3, None)
    bench.tell(Deposed(1, 2))
    bench.apply(bench.members[0])
    bench.tell()
    assert bench.members[0].machine is None
    assert bench.roles.where(0) == "shard 0 has no leader at the moment"


def test_entries_of_the_engine_are_told_to_the_machine() -> None:
    """A change of members between two turns; who does not lead here reads it from the log."""
    bench = leading()
    (member,) = bench.members
    rows = [a_row("a"), a_row("b")]
    bench.engine.rows[1] = rows
    bench.tell(MembersChanged(1, rows, 7))
    assert member.inbox[0] == Passed(7)
    assert member.unapplied[-1][0] == 7
    assert bench.others.rows == rows
    ((_, told),) = bench.way.taken()
    assert isinstance(told, ClusterMap)
    assert told.members == [["a", "ipc://a.sock"], ["b", "ipc://b.sock"]]
    follower = ClusterBench()
    follower.tell(MembersChanged(1, rows, 0))
    assert not follower.members[0].inbox


def test_a_copy_of_the_shard_takes_the_place_of_what_was_to_be_applied() -> None:
    """Entries that the copy holds are not applied again."""
    bench = ClusterBench()
    (member,) = bench.members
    member.unapplied.append((1, None))  # type: ignore[arg-type]  # nobody looks at it
    bench.tell(SnapshotInstalled(1, 2))
    assert not member.unapplied


def test_other_members_are_heard_in_order() -> None:
    """What somebody has said last counts before the loss of its connection."""
    bench = ClusterBench()
    vote = PreVote(1, 2, 3, 4)
    bench.others.coming.append(("b", vote))
    bench.others.broken.append("b")
    bench.tell()
    assert bench.engine.heard == [("b", vote)]
    assert bench.engine.gone == ["b"]


def test_a_stop_hands_over_what_is_led_here() -> None:
    """It is done when others lead, or when it has taken as long as it may."""
    bench = ClusterBench(shards=2)
    elect(bench, 1)
    bench.engine.leaders[2] = (4, "c")
    assert not bench.roles.has_left(bench.now)
    assert bench.engine.moves == [(1, None)]
    bench.engine.leaders[1] = (3, None)
    assert not bench.roles.has_left(bench.later(1))
    bench.engine.leaders[1] = (3, "b")
    assert bench.roles.has_left(bench.later(1))
    stuck = leading()
    stuck.engine.is_fit = False
    assert not stuck.roles.has_left(stuck.now)
    assert stuck.roles.wake_ns() == stuck.roles.leave_ns
    assert stuck.roles.has_left(stuck.later(1001))
    lonely = leading()
    lonely.others.up = set()
    assert lonely.roles.has_left(lonely.now)
    idle = ClusterBench()
    assert idle.roles.has_left(idle.now)
    assert idle.engine.moves == []


def test_a_node_without_room_hands_over_and_does_not_insist() -> None:
    """Others may have room; if they have none, shards must not go round and round."""
    bench = ClusterBench(shards=2)
    elect(bench, 1)
    bench.engine.leaders[2] = (4, "c")
    bench.engine.is_fit = False
    bench.roles.spare(bench.now)
    bench.engine.is_fit = True
    bench.roles.spare(bench.now)
    assert bench.engine.moves == [(1, None), (1, None)], "nobody was fit at first"
    bench.roles.spare(bench.later(1_000))
    assert len(bench.engine.moves) == 2
    bench.roles.spare(bench.later(60_000))
    assert len(bench.engine.moves) == 3


def test_guests_that_are_gone_are_forgotten() -> None:
    """The machines hear of it; who takes its leave is forgotten without."""
    bench = leading()
    bench.guests.came(OTHER)
    bench.way.deaf.add(OTHER)
    bench.members[0].inbox.clear()
    bench.guests.tell([bench.roles.map()])
    assert bench.members[0].inbox == [PeerGone(OTHER)]
    assert len(bench.guests) == 1
    bench.guests.left(GUEST)
    bench.guests.left(GUEST)
    assert len(bench.guests) == 0
    for number in range(GUESTS_MAX + 1):
        bench.guests.came(b"%d" % number)
    assert len(bench.guests) == GUESTS_MAX
