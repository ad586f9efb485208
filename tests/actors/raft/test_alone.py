"""One voter: no messages, no waiting."""

import pytest
from raft_net import GROUP, Net

from mainspring.actors.raft.news import Elected, LeaderChanged


def test_it_leads_at_the_first_wake():
    """No timeout is waited for; what it commits is what it has synced."""
    net = Net(("a",))
    node = net["a"]
    node.log.wake(net.now)
    assert node.log.news() == [LeaderChanged(GROUP, 1, None), Elected(GROUP, 1, "alone"), LeaderChanged(GROUP, 1, "a")]
    assert node.log.leads(GROUP)
    assert node.log.committed(GROUP) == 0
    node.turn()
    assert node.log.committed(GROUP) == 1
    node.log.append(GROUP, b"one")
    assert node.log.committed(GROUP) == 1
    node.turn()
    assert node.done() == [b"one"]
    assert net.wire == []
    assert node.log.wake_at() is None


def test_each_life_has_an_epoch_of_its_own():
    """A restart leads in a later term, even if the last one was never used."""
    net = Net(("a",))
    epochs: list[int] = []
    for _ in range(4):
        net["a"].turn()
        epochs.append(net["a"].log.leader(GROUP)[0])
        net.restart("a")
    assert epochs == sorted(set(epochs))


def test_the_log_of_a_single_node_goes_on():
    """A store that another engine has written to: its epochs are terms, its entries the log."""
    net = Net(("a", "b", "c"))
    for node in net.running:
        node.crash()
        node.disk.put(GROUP, 7, b"before")
        node.disk.sync()
        node.start()
    net.put(b"after")
    assert net["a"].done() == [b"before", b"after"]
    assert net["a"].log.leader(GROUP)[0] > 7


def test_nobody_campaigns_by_a_call():
    """Members elect."""
    net = Net(("a",))
    with pytest.raises(AssertionError, match="elect"):
        net["a"].log.campaign(GROUP)
    with pytest.raises(AssertionError, match="campaign first"):
        net["a"].log.append(GROUP, b"x")
