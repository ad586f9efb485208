"""A leader hands over, asked to or to the member that should lead."""

from raft_member import Played, append
from raft_net import GROUP, Net

from mainspring.actors.raft.settings import RaftSettings
from mainspring.broker.wire.messages import Append, TimeoutNow, Vote


def test_a_leader_hands_over_at_once():
    """The next one leads within a few round trips, nobody waits for a timeout, and nothing is lost."""
    net = Net()
    leader = net.put(b"one")
    to = next(node for node in net.running if node is not leader)
    assert leader.log.transfer(GROUP, to.name)
    assert net.run(20, lambda: to.log.leads(GROUP))
    assert not leader.log.leads(GROUP)
    net.put(b"two")
    assert [node.done() for node in net.running] == [[b"one", b"two"]] * 3


def test_without_a_name_the_best_follower_gets_it():
    """The one that holds the most."""
    net = Net()
    leader = net.put(b"one")
    assert leader.log.transfer(GROUP, None)
    assert net.run(20, lambda: net.leader() not in (None, leader))


def test_nobody_fit():
    """A follower that is silent or unknown is not handed anything, and who does not lead cannot hand over."""
    net = Net()
    leader = net.put(b"one")
    others = [node for node in net.running if node is not leader]
    assert not others[0].log.transfer(GROUP, leader.name)
    assert not leader.log.transfer(GROUP, "nobody")
    assert not leader.log.transfer(GROUP, leader.name)
    others[0].crash()
    net.run(1_000)
    assert not leader.log.transfer(GROUP, others[0].name)
    assert leader.log.transfer(GROUP, others[1].name)
    assert leader.log.transfer(GROUP, others[1].name), "to ask again changes nothing"
    assert not leader.log.transfer(GROUP, others[0].name), "one at a time"


def test_what_is_appended_meanwhile_is_held_back():
    """The next leader must hold all that any follower holds; what comes later waits until it is given up."""
    played = Played()
    played.lead()
    for name in "bc":
        played.answer(name, 1)
    played.said()
    played.log.append(GROUP, b"one")
    played.said()
    assert played.log.transfer(GROUP, "b")
    assert played.log.append(GROUP, b"two") == 3
    said = played.said()
    assert not any(isinstance(message, TimeoutNow) for _, message in said), "it lacks entry 2 as far as is known"
    assert not any(message.entries for _, message in said if isinstance(message, Append))
    played.answer("b", 2)
    assert [to for to, message in played.said() if isinstance(message, TimeoutNow)] == ["b"]
    played.wait(played.net.settings.transfer_ms)
    sent = {to: message.entries for to, message in played.said() if isinstance(message, Append)}
    assert [len(entries) for entries in sent.values()] == [1, 1]


def test_it_is_told_again():
    """The message may be lost on the way."""
    played = Played()
    played.lead()
    played.answer("b", 1)
    played.said()
    assert played.log.transfer(GROUP, "b")
    assert any(isinstance(message, TimeoutNow) for _, message in played.said())
    assert not any(isinstance(message, TimeoutNow) for _, message in played.said())
    played.wait(played.net.settings.election_ms)
    assert any(isinstance(message, TimeoutNow) for _, message in played.said())


def test_only_the_leader_may_ask_for_it():
    """Whoever else says so, or in another term, is not heard."""
    played = Played()
    played.ask("b", append(3))
    played.hear("c", TimeoutNow(GROUP, 3))
    played.hear("b", TimeoutNow(GROUP, 2))
    assert not any(isinstance(message, Vote) for _, message in played.said())
    played.hear("b", TimeoutNow(GROUP, 3))
    votes = [message for _, message in played.said() if isinstance(message, Vote)]
    assert [(vote.term, vote.is_transfer) for vote in votes] == [(4, True), (4, True)]


def test_leaders_move_to_the_member_that_the_group_prefers():
    """After a while in good order each group is led where it should be."""
    net = Net(groups=(1, 2, 3), settings=RaftSettings(rebalance_ms=2_000))
    for group in (1, 2, 3):
        net.elect(group)
    net.restart("b")
    net.run(6_000)
    assert {group: node.name for group in (1, 2, 3) if (node := net.leader(group))} == {1: "b", 2: "c", 3: "a"}


def test_under_load_it_still_hands_over():
    """Entries that never stop do not keep the next leader from holding all that others hold."""
    net = Net()
    leader = net.put(b"one")
    to = next(node for node in net.running if node is not leader)
    assert leader.log.transfer(GROUP, to.name)
    for number in range(20):
        if leader.log.leads(GROUP):
            leader.log.append(GROUP, b"%d" % number)
        leader.turn()
        net.run(1)
    assert to.log.leads(GROUP)


def test_what_was_held_back_does_not_outvote_the_next_leader():
    """With one of three down, the next leader needs the old one's vote: what nobody else ever got goes."""
    net = Net()
    leader = net.put(b"one")
    to, third = [node for node in net.running if node is not leader]
    third.crash()
    assert leader.log.transfer(GROUP, to.name)
    for number in range(5):
        if leader.log.leads(GROUP):
            leader.log.append(GROUP, b"%d" % number)
        leader.turn()
        net.run(1)
    assert net.run(20, lambda: to.log.leads(GROUP))
    net.run(1_000)
    assert leader.blobs() == to.blobs()
    assert to.log.leader(GROUP) == (2, to.name), "at the first try"
