"""A read is true if a quorum has said, after it came, that this member still led."""

from raft_member import Played
from raft_net import GROUP, Net

from mainspring.broker.wire.messages import Append


def test_a_round_is_confirmed_by_a_quorum():
    """One heartbeat to each follower, for all reads of a turn; the first answer of two is enough."""
    played = Played()
    played.lead()
    for name in "bc":
        played.answer(name, 1, beat=1)
    played.said()
    number = played.log.begin_round(GROUP)
    assert played.log.begin_round(GROUP) == number
    assert played.log.confirmed(GROUP) < number
    sent = [(to, message) for to, message in played.said() if isinstance(message, Append)]
    assert [(to, message.round, message.entries) for to, message in sent] == [("b", number, []), ("c", number, [])]
    played.answer("c", 1, beat=number)
    assert played.log.confirmed(GROUP) == number
    assert played.log.begin_round(GROUP) > number


def test_an_answer_to_an_earlier_message_confirms_nothing():
    """It may have left before somebody else was elected."""
    played = Played()
    played.lead()
    played.answer("b", 1, beat=1)
    before = played.last_append("b")
    number = played.log.begin_round(GROUP)
    played.said()
    played.answer("b", 1, beat=before.round)
    assert played.log.confirmed(GROUP) < number


def test_entries_of_the_same_turn_are_the_round():
    """No heartbeat beside an Append that leaves anyway."""
    played = Played()
    played.lead()
    for name in "bc":
        played.answer(name, 1, beat=1)
    played.said()
    number = played.log.begin_round(GROUP)
    played.log.append(GROUP, b"x")
    sent = [message for _, message in played.said() if isinstance(message, Append)]
    assert [(message.round, len(message.entries)) for message in sent] == [(number, 1), (number, 1)]


def test_a_leader_that_is_cut_off_confirms_nothing():
    """It may think that it leads, but no read of it is answered."""
    net = Net()
    leader = net.put(b"one")
    net.isolate(leader.name)
    number = leader.log.begin_round(GROUP)
    net.run(10_000)
    assert leader.log.confirmed(GROUP) < number
    assert not leader.log.leads(GROUP)


def test_a_quorum_of_one_is_always_sure():
    """There is nobody to ask."""
    net = Net(("a",))
    node = net.elect()
    assert node.log.begin_round(GROUP) <= node.log.confirmed(GROUP)


def test_rounds_do_not_wait_for_those_who_were_removed():
    """A member that becomes the only voter is sure at once."""
    net = Net(("a", "b"))
    leader = net.put(b"one")
    other = next(node for node in net.running if node is not leader)
    other.crash()
    leader.log.wake(net.now)
    number = leader.log.begin_round(GROUP)
    net.restart(other.name)
    leader.log.change_members(GROUP, [row for row in leader.log.members(GROUP) if row[0] == leader.name])
    other.crash()
    net.run(100)
    assert leader.log.confirmed(GROUP) >= number


def test_an_answer_of_an_earlier_leadership_confirms_nothing():
    """Rounds go on counting when the same member is elected again."""
    played = Played()
    first = played.lead()
    number = played.log.begin_round(GROUP)
    played.said()
    played.wait(10_000)
    played.said()
    assert not played.log.leads(GROUP)
    played.lead()
    assert played.log.begin_round(GROUP) > number
    played.answer("b", 1, term=first)
    assert played.log.confirmed(GROUP) < number
