"""A member that has lost what it had acknowledged has no vote before it has it again."""

import pytest
from raft_member import Played, append
from raft_net import GROUP, Net

from mainspring.actors.log import LogDamaged
from mainspring.broker.wire.messages import PreVote, Vote


def test_a_disk_that_lost_entries_gives_no_vote():
    """The store says what it once held: until then neither votes nor campaigns."""
    net = Net()
    net.put(b"one", b"two", b"three")
    leader = net.elect()
    other = next(node for node in net.running if node is not leader)
    other.crash()
    other.disk.lose(GROUP, 3)
    other.applied[GROUP] = other.applied[GROUP][:2]
    other.start()
    assert other.log.view(GROUP, net.now)["role"] == "behind"
    term = leader.log.leader(GROUP)[0]
    other.log.received("x", PreVote(GROUP, term + 5, 99, 99), net.now)
    other.log.received("x", Vote(GROUP, term + 5, 99, 99, False), net.now)
    net.isolate(other.name)
    net.run(5_000)
    assert other.log.snapshot()[str(GROUP)]["vote"] is None
    net.heal()
    net.put(b"four")
    assert other.log.view(GROUP, net.now)["role"] == "follower"


def test_a_shard_that_is_ahead_of_its_log_gives_no_vote():
    """The log must hold at least what the shard file shows."""
    net = Net()
    net.put(b"one", b"two", b"three")
    leader = net.elect()
    other = next(node for node in net.running if node is not leader)
    other.crash()
    other.disk = type(other.disk)(segment_entries=4)
    other.start()
    assert other.log.view(GROUP, net.now)["role"] == "behind"
    net.put(b"four")
    assert other.done() == [b"one", b"two", b"three", b"four"]
    assert other.log.view(GROUP, net.now)["role"] == "follower"


def test_the_leader_notices_and_the_follower_keeps_its_debt():
    """An old copy of the disk, put back while the leader leads: the follower learns what it was known to hold."""
    net = Net()
    net.put(b"one", b"two")
    leader = net.elect()
    other, third = [node for node in net.running if node is not leader]
    third.crash()
    leader.log.append(GROUP, b"three")
    leader.turn()
    assert net.run(1_000, lambda: b"three" in other.done()), "it is committed by these two"
    other.crash()
    other.disk.lose(GROUP, 3)
    other.disk._group(GROUP).acknowledged = 0  # the note went back with the rest
    other.applied[GROUP] = other.applied[GROUP][:2]
    other.start()
    net.lose = lambda item: item.to == other.name and len(item.frame) > 40  # only heartbeats come through
    assert net.run(1_000, lambda: bool(other.log.snapshot()[str(GROUP)]["debt"]))
    debt = other.log.snapshot()[str(GROUP)]["debt"]
    leader.crash()
    net.restart(other.name)
    assert other.log.snapshot()[str(GROUP)]["debt"] == debt, "it survives a restart"
    net.restart(third.name)
    net.run(10_000)
    assert net.leader() is None, "the two could elect one another, and would forget entry three"
    net.lose = lambda item: False
    net.restart(leader.name)
    net.put(b"four")
    assert [node.done() for node in net.running] == [[b"one", b"two", b"three", b"four"]] * 3
    assert other.log.snapshot()[str(GROUP)]["debt"] == 0


def test_a_follower_in_debt_pays_by_entries_that_are_durable():
    """It votes again as soon as its disk holds what it owed."""
    played = Played()
    played.ask("b", append(1, (0, 0), (1, b"x"), (1, b"y")))
    played.ask("b", append(1, (4, 1), match=4))
    assert played.state["debt"] == 4
    played.ask("b", append(1, (2, 1), (1, b"z"), match=4))
    played.said()
    assert played.state["debt"] == 4
    played.ask("b", append(1, (3, 1), (1, b"z"), match=4))
    played.said()
    assert played.state["debt"] == 0


def test_a_stale_refusal_does_not_look_like_a_loss():
    """A refusal of an Append that left before the follower's last answer came is old news."""
    played = Played()
    played.lead(entries=3)
    played.answer("b", 4, beat=3)
    played.said()
    played.answer("b", 1, beat=2, is_ok=False)
    assert played.last_append("b").match == 4


def test_a_refusal_of_a_later_append_is_a_loss():
    """Then the leader no longer counts what the follower had acknowledged, and sends it again."""
    played = Played()
    term = played.lead(entries=3)
    played.answer("b", 4, beat=3)
    played.said()
    beat = played.last_append("b")
    played.answer("b", 2, beat=beat.round, is_ok=False)
    sent = [message for to, message in played.said() if to == "b"]
    assert [(message.prev_index, message.match, len(message.entries)) for message in sent] == [(2, 2, 2)]
    played.answer("b", 4, beat=beat.round)
    assert played.last_append("b").match == 2, "that answer is from before the loss"
    played.answer("b", 4, beat=beat.round + 5)
    assert played.last_append("b").match == 4
    assert played.log.leader(GROUP) == (term, "a")


def test_a_lone_voter_that_has_lost_entries_does_not_start():
    """Nobody else could have them."""
    net = Net(("a",))
    net.put(b"one", b"two")
    net["a"].crash()
    net["a"].disk.lose(GROUP, 2)
    with pytest.raises(LogDamaged, match="held it up to entry 3"):
        net["a"].start()


def test_members_that_come_back_empty_one_after_the_other_can_lead_again():
    """Who the members are stands in the log itself, also if nobody was ever taken in or removed."""
    net = Net()
    leader = net.put(*[b"%d" % number for number in range(9)])
    for node in [node for node in net.running if node is not leader]:
        node.crash()
        node.disk, node.applied, node.genesis = type(node.disk)(segment_entries=4), {}, []
        node.start()
        assert net.run(5_000, lambda node=node: node.done() == leader.done())
    leader.crash()
    assert net.elect() is not leader
