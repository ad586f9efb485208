"""A first member whose disk is empty: the group begins, or a disk is gone. It may forget nothing in either case."""

import pytest
from raft_member import Played, append
from raft_net import GROUP, Net, Node

from mainspring.actors.raft.hard_state import UNKNOWN_DEBT
from mainspring.broker.wire.messages import Append, Appended, PreVote, Vote, Voted


def wipe(node: Node) -> None:
    """Takes disk and shard of a node away, and starts it with the settings that it began with."""
    if node.engine is not None:
        node.crash()
    node.disk, node.applied = type(node.disk)(segment_entries=4), {}
    node.start()


def role(net: Net, node: Node) -> str:
    """What an operator is shown."""
    return node.log.view(GROUP, net.now)["role"]


def test_an_empty_disk_helps_to_elect_nobody_who_lacks_what_it_has_forgotten():
    """One of the two that held an acknowledged entry begins again with nothing, and the other one is down."""
    net = Net()
    leader = net.put(b"one")
    wiped, late = [node for node in net.running if node is not leader]
    net.isolate(late.name)
    leader.log.append(GROUP, b"two")
    leader.turn()
    assert net.run(1_000, lambda: b"two" in leader.done()), "it is committed by these two"
    leader.crash()
    wipe(wiped)
    net.heal()
    net.run(20_000)
    assert net.leader() is None
    net.restart(leader.name)
    net.put(b"three")
    assert [node.done() for node in net.running] == [[b"one", b"two", b"three"]] * 3
    assert [role(net, node) for node in net.running if node is not net.leader()] == ["follower"] * 2


def test_two_that_hold_everything_go_on_without_an_empty_disk():
    """The third one gets it all again, votes again, and may lead."""
    net = Net()
    leader = net.put(b"one")
    wiped = next(node for node in net.running if node is not leader)
    wipe(wiped)
    leader.crash()
    net.run(20_000)
    assert net.leader() is None, "one that holds it all is no quorum"
    net.restart(leader.name)
    net.put(b"two")
    assert wiped.done() == [b"one", b"two"]
    net.elect().crash()
    net.put(b"three")


@pytest.mark.parametrize("names", ["ab", "abc", "abcd", "abcde"])
def test_a_group_begins_on_empty_disks(names: str):
    """A quorum that holds nothing elects one of its own, and everybody is a full member soon."""
    net = Net(names)
    leader = net.put(b"one")
    net.run(500)
    debts = [node.log.snapshot()[str(GROUP)]["debt"] for node in net.running]
    assert debts == [0] * len(names)
    if len(names) > 2:
        leader.crash()
        assert net.elect() is not leader


def test_a_group_begins_without_one_of_its_members():
    """It comes later, gets what the others have, and votes from then on."""
    net = Net()
    late = net["a"]
    late.crash()
    leader = net.put(b"one")
    wipe(late)
    net.put(b"two")
    assert late.done() == [b"one", b"two"]
    leader.crash()
    assert net.elect() is not leader


def test_a_new_member_votes_for_whoever_holds_nothing():
    """Whoever holds an entry may be one of those that have forgotten less than this disk has."""
    played = Played(is_new=True)
    assert not played.ask("b", PreVote(GROUP, 1, 1, 1)).is_granted
    assert played.ask("b", Vote(GROUP, 1, 1, 1, False)) == Voted(GROUP, 1, False)
    assert played.ask("c", PreVote(GROUP, 2, 0, 0)).is_granted
    assert played.ask("c", Vote(GROUP, 2, 0, 0, False)) == Voted(GROUP, 2, True)


def test_who_is_elected_by_new_members_owes_nothing():
    """It has counted a quorum that holds nothing; that is kept before anything leaves."""
    played = Played(is_new=True)
    played.lead()
    assert played.state["debt"] == 0
    played.restart()
    assert (played.state["debt"], played.state["is_behind"]) == (0, False)


def test_whoever_voted_for_the_first_leader_owes_nothing():
    """Its first entry is taken at once, for it needs this one to commit it."""
    played = Played(is_new=True)
    played.ask("b", Vote(GROUP, 1, 0, 0, False))
    played.restart()
    assert played.ask("b", append(1, (0, 0), (1, b"x"))) == Appended(GROUP, 1, 1, 1, True)
    assert played.state["debt"] == 0
    assert played.ask("c", Vote(GROUP, 2, 1, 1, True)).is_granted


def test_whoever_did_not_vote_for_the_first_leader_waits_for_a_commit():
    """It takes no entry before one is committed, and has no vote before it has that one, too."""
    played = Played(is_new=True)
    assert played.ask("b", append(1, (0, 0), (1, b"x"))) == Appended(GROUP, 1, 1, 0, True)
    assert played.log.last_index(GROUP) == 0
    assert played.ask("b", append(1, (0, 0), (1, b"x"), commit=2, beat=2)) == Appended(GROUP, 1, 2, 1, True)
    assert (played.state["debt"], played.log.view(GROUP, played.net.now)["role"]) == (UNKNOWN_DEBT, "behind")
    assert not played.ask("c", Vote(GROUP, 2, 9, 1, True)).is_granted
    played.ask("b", append(2, (1, 1), (1, b"y"), (2, b"z"), commit=3))
    assert not played.state["is_behind"]


def test_a_shard_without_its_log_is_not_new():
    """The shard file shows that this member has held something."""
    played = Played(is_new=True)
    played.node.crash()
    played.node.disk = type(played.node.disk)(segment_entries=4)
    played.node.applied[GROUP] = [b"x"]
    played.node.start()
    assert not played.ask("c", Vote(GROUP, 2, 0, 0, False)).is_granted
    played.wait(10_000)
    assert played.said() == []


def test_the_first_commit_is_told_at_once():
    """Nobody waits for a heartbeat to hear that the leader's first entry is committed."""
    played = Played(is_new=True)
    played.lead()
    played.answer("b", 1)
    told = [(to, message.commit) for to, message in played.said() if isinstance(message, Append)]
    assert told == [("b", 1), ("c", 1)]
    assert [message for _, message in played.said() if isinstance(message, Append)] == []


def test_a_node_that_was_alone_is_not_new():
    """Its log becomes the group's, whether the engine has kept a state of it or not."""
    net = Net(())
    node = net.take_in("a")
    node.crash()
    node.genesis = [["a", "ipc://a", "ipc://a-clients", 1]]
    node.disk = type(node.disk)(segment_entries=4)
    node.disk.put(GROUP, 1, b"alone")
    node.disk.sync()
    node.start()
    node.turn()
    assert node.log.leads(GROUP)
    assert node.done() == [b"alone"]
