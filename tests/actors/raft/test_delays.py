"""A slow network is no broken one: somebody leads, and goes on leading."""

import pytest
from raft_net import GROUP, Net


@pytest.mark.parametrize("names", ["abc", "abcde"])
@pytest.mark.parametrize("seed", range(4))
def test_half_a_second_of_delay(names: str, seed: int):
    """With 400 to 600 ms each way a leader emerges within 15 s, stays, and commits at about one round trip."""
    net = Net(names, seed=seed, delay_ms=(400, 600))
    leader = net.elect(ms=15_000)
    net.run(10_000, step_ms=5)
    assert net.leader() is leader
    leader.log.append(GROUP, b"x")
    leader.turn()
    assert net.run(1_500, lambda: b"x" in leader.done())


def test_a_member_that_was_cut_off_disturbs_nobody():
    """It asks in vain while it is away, and comes back in the same term."""
    net = Net()
    leader = net.put(b"one")
    other = next(node for node in net.running if node is not leader)
    term = leader.log.leader(GROUP)
    net.isolate(other.name)
    net.run(10_000)
    net.heal()
    net.run(2_000)
    assert leader.log.leader(GROUP) == other.log.leader(GROUP) == term


def test_a_leader_that_cannot_be_heard_is_replaced():
    """Its own messages are lost, those to it are not: the others elect another one, and it learns of that."""
    net = Net()
    leader = net.put(b"one")
    others = [node.name for node in net.running if node is not leader]
    net.cut = {(leader.name, name) for name in others}
    assert net.run(3_000, lambda: net.leader() not in (None, leader))
    assert net.run(3_000, lambda: not leader.log.leads(GROUP))


def test_a_leader_that_hears_nobody_steps_down():
    """The others hear it, so they wait; it gives up when no quorum has answered for long."""
    net = Net()
    leader = net.put(b"one")
    net.cut = {(node.name, leader.name) for node in net.running if node is not leader}
    assert net.run(net.settings.check_quorum_ms + 200, lambda: not leader.log.leads(GROUP))
    assert net.run(3_000, lambda: net.leader() not in (None, leader))


def test_the_same_seed_gives_the_same_story():
    """Nothing but the seed and the messages decides."""
    stories: list[object] = []
    for _ in range(2):
        net = Net("abcde", seed=9, delay_ms=(1, 40))
        net.put(b"one")
        net.restart(net.elect().name)
        net.put(b"two")
        stories.append((net.leaders, net.history, net.elapsed_ns))
    assert stories[0] == stories[1]


@pytest.mark.parametrize("names", ["abc", "abcde"])
@pytest.mark.parametrize("seed", range(6))
def test_a_broken_connection_is_answered_by_one_election(names: str, seed: int):
    """Those who are left ask one after the other, so that no votes are split."""
    net = Net(names, seed=seed, delay_ms=(1, 4))
    leader = net.put(b"one")
    epoch = leader.log.leader(GROUP)[0]
    leader.crash()
    for node in net.running:
        node.log.disconnected(leader.name, net.now)
    assert net.run(60, lambda: net.leader() is not None)
    assert net.elect().log.leader(GROUP)[0] == epoch + 1
