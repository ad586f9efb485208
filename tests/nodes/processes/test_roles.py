"""What a process does about the shards that it leads: the log and the other members hear of it."""

import logging

import pytest
from cluster_bench import ClusterBench, a_row

from mainspring.actors.events import PeerGone
from mainspring.actors.raft.news import Deposed, Elected, LeaderChanged, MembersChanged, SnapshotInstalled
from mainspring.broker.wire.messages import PreVote
from mainspring.nodes.processes.guests import GUESTS_MAX

GUEST, OTHER = b"\0guest", b"\0other"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says."""
    return [record.getMessage() for record in caplog.records]


def test_the_log_tells_who_leads(caplog: pytest.LogCaptureFixture) -> None:
    """One line for each thing that happens, with the shard."""
    bench = ClusterBench()
    bench.engine.campaign(1)
    bench.engine.leaders[1] = (2, "a")
    with caplog.at_level(logging.INFO, "mainspring.coordinator"):
        bench.tell(Elected(1, 2, "silence"), LeaderChanged(1, 2, "a"))
        bench.engine.leaders[1] = (3, "b")
        bench.tell(Deposed(1, 2), LeaderChanged(1, 3, None), SnapshotInstalled(1, 9))
        bench.tell(MembersChanged(1, [a_row("a"), a_row("b", 0)], 0))
    assert lines(caplog) == [
        "elected shard=0 epoch=2 why=silence",
        "leader shard=0 epoch=2 name=a",
        "leads shard=0 epoch=2 why=silence after_ms=0",
        "leads no more shard=0 epoch=2",
        "a copy of the shard is in place shard=0 entry=9",
        "members shard=0 names=a,b(learns)",
    ]


def test_the_log_tells_that_the_node_was_taken_out(caplog: pytest.LogCaptureFixture) -> None:
    """Once; and who is being taken in, and reads of times before, was never in."""
    bench = ClusterBench()
    with caplog.at_level(logging.WARNING, "mainspring.coordinator"):
        bench.tell(MembersChanged(1, [a_row("b")], 0), MembersChanged(1, [a_row("b"), a_row("c")], 0))
        mend = "stop this node when it is so in all shards, and delete its data directory"
        assert lines(caplog) == [f"this node was taken out of the cluster shard=0; {mend}"]
        bench.tell(MembersChanged(1, [a_row("a"), a_row("b")], 0))
    assert len(lines(caplog)) == 1


def test_the_log_tells_what_a_shard_waits_for(caplog: pytest.LogCaptureFixture) -> None:
    """For a lock that somebody holds, and then it is handed over; or for other members."""
    bench = ClusterBench()
    bench.log(1, 2)
    bench.elect()
    bench.later(3_000)
    other = ClusterBench()
    other.engine.hold_commits()
    other.log(1, 2)
    other.engine.commit_up_to(1, 1)
    other.elect()
    other.later(3_000)
    with caplog.at_level(logging.WARNING, "mainspring.coordinator"):
        bench.tell()
        other.tell()
    locked, moved, alone = lines(caplog)
    assert "lock" in locked
    assert moved == "hands a shard over whose rows stand still here shard=0"
    assert "too few members answer" in alone


def test_it_connects_to_whoever_is_a_member() -> None:
    """From the start, and whenever they change."""
    bench = ClusterBench()
    assert bench.others.rows == [a_row("a"), a_row("b"), a_row("c")]
    rows = [a_row("a"), a_row("b")]
    bench.engine.rows[1] = rows
    bench.tell(MembersChanged(1, rows, 0))
    assert bench.others.rows == rows


def test_other_members_are_heard_in_order() -> None:
    """What somebody has said last counts before the loss of its connection."""
    bench = ClusterBench()
    vote = PreVote(1, 2, 3, 4)
    bench.others.coming.append(("b", vote))
    bench.others.broken.append("b")
    bench.tell()
    assert bench.engine.heard == [("b", vote)]
    assert bench.engine.gone == ["b"]


def test_a_stop_hands_over_what_is_led_here(caplog: pytest.LogCaptureFixture) -> None:
    """It is done when others lead; who is connected to nobody, or leads nothing, need not wait."""
    bench = ClusterBench(shards=2)
    bench.elect(1)
    bench.engine.leaders[2] = (4, "c")
    with caplog.at_level(logging.INFO, "mainspring.coordinator"):
        assert not bench.roles.has_left(bench.now)
        assert not bench.roles.has_left(bench.later(1))
    assert lines(caplog) == ["hands its shards over shards=0"]
    bench.engine.leaders[1] = (3, "b")
    assert bench.roles.has_left(bench.later(1))
    lonely = ClusterBench()
    lonely.elect()
    lonely.others.up = set()
    assert lonely.roles.has_left(lonely.now)
    idle = ClusterBench()
    assert idle.roles.has_left(idle.now)
    assert idle.engine.moves == []


def test_a_full_disk_hands_over_what_is_led_here(caplog: pytest.LogCaptureFixture) -> None:
    """And says so, if there is anything."""
    bench = ClusterBench()
    with caplog.at_level(logging.INFO, "mainspring.coordinator"):
        bench.roles.spare(bench.now)
        assert lines(caplog) == []
        bench.elect()
        bench.roles.spare(bench.now)
    assert lines(caplog) == ["hands its shards over, for there is no room shards=0"]
    assert bench.engine.moves == [(1, None)]


def test_guests_that_are_gone_are_forgotten() -> None:
    """The machines hear of it; who takes its leave is forgotten without."""
    bench = ClusterBench()
    bench.guests.came(GUEST)
    bench.elect()
    bench.guests.came(OTHER)
    bench.way.deaf.add(OTHER)
    bench.members[0].inbox.clear()
    bench.guests.tell([bench.directory.map()])
    assert bench.members[0].inbox == [PeerGone(OTHER)]
    assert len(bench.guests) == 1
    bench.guests.left(GUEST)
    bench.guests.left(GUEST)
    assert len(bench.guests) == 0
    for number in range(GUESTS_MAX + 1):
        bench.guests.came(b"%d" % number)
    assert len(bench.guests) == GUESTS_MAX
