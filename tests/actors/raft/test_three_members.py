"""Three members elect a leader, replicate, and go on when one of them dies."""

from raft_net import GROUP, Net


def test_a_leader_is_elected_and_its_entries_are_applied_by_all():
    """The plain case."""
    net = Net()
    leader = net.elect()
    net.put(b"one", b"two")
    net.put(b"three")
    assert [node.done() for node in net.running] == [[b"one", b"two", b"three"]] * 3
    assert {node.log.leader(GROUP) for node in net.running} == {(leader.log.leader(GROUP)[0], leader.name)}


def test_the_others_go_on_when_the_leader_dies():
    """A crash of the leader costs one election; nothing that was committed is lost, and it comes back as a follower."""
    net = Net()
    first = net.put(b"one")
    first.crash()
    second = net.elect()
    assert second is not first
    net.put(b"two")
    net.restart(first.name)
    net.put(b"three")
    assert [node.done() for node in net.running] == [[b"one", b"two", b"three"]] * 3
