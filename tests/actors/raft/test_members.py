"""Members come, learn, vote and go; one voter at a time."""

import pytest
from raft_member import Played, append
from raft_net import GROUP, Net, Node, member

from mainspring.actors.raft.members import LEADER_ENTRY, RefusedChange, members_entry
from mainspring.actors.raft.news import Deposed, MembersChanged
from mainspring.broker.wire.messages import Append, TimeoutNow


def rows_of(*names: str, learners: str = "") -> list[list[object]]:
    """Rows of members."""
    return [member(name, 0 if name in learners else 1) for name in names]


def voters(node: Node) -> set[str]:
    """Who votes, as far as this node knows."""
    return {row[0] for row in node.log.members(GROUP) if row[3]}


def test_a_new_member_learns_and_then_votes():
    """It is taken in as a learner, gets all entries, is made a voter by the leader, and all know of it."""
    net = Net()
    net.put(*[b"%d" % number for number in range(20)])
    leader = net.elect()
    newcomer = net.take_in("d")
    leader.news.clear()
    index = leader.log.change_members(GROUP, [*leader.log.members(GROUP), member("d", 0)])
    assert voters(leader) == {"a", "b", "c"}
    leader.turn()
    assert [news.index for news in leader.news if isinstance(news, MembersChanged)] == [index]
    assert net.run(5_000, lambda: all(voters(node) == {"a", "b", "c", "d"} for node in net.running))
    own = [news for news in leader.news if isinstance(news, MembersChanged)]
    assert [news.rows[-1][3] for news in own] == [0, 1]
    assert own[1].index > index
    net.put(b"last")
    assert newcomer.done() == leader.done()
    learned = [news.index for news in newcomer.news if isinstance(news, MembersChanged)]
    assert learned == [0, 0, 0], "only the leader that wrote the entry has a machine to tell"


def test_a_learner_counts_in_no_quorum_and_does_not_campaign():
    """With two voters of which one is gone nothing is committed, learner or not."""
    net = Net(("a", "b"))
    leader = net.put(b"one")
    next(node for node in net.running if node is not leader).crash()
    learner = net.take_in("z")
    leader.log.change_members(GROUP, [*leader.log.members(GROUP), member("z", 0)])
    leader.log.append(GROUP, b"two")
    leader.turn()
    net.run(1_000)
    assert learner.blobs() == [b"one", b"two"]
    assert leader.done() == learner.done() == [b"one"]
    leader.crash()
    asked: list[str] = []
    net.lose = lambda item: asked.append(item.sender) is not None
    net.run(10_000)
    assert asked == []


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (rows_of("a"), "b, c would begin or cease to vote"),
        (rows_of("a", "b", "c", "d", "e"), "d, e would"),
        (rows_of("a", "b", "d"), "c, d would"),
        (rows_of("a", "b", "c"), "already"),
        (rows_of("a", "b", "c", "c"), "name of its own"),
        ([["a"]], "a member is a row of name, member_endpoint"),
    ],
)
def test_a_change_of_more_than_one_voter_is_refused(rows: list[list[object]], text: str):
    """Two majorities, one of the members before and one of those after, must have somebody in common."""
    played = Played()
    played.lead()
    played.answer("b", 1)
    played.said()
    with pytest.raises(RefusedChange, match=text):
        played.log.change_members(GROUP, rows)


def test_one_change_at_a_time():
    """The next one waits until the last is committed, and the first one until the leader's own entry is."""
    played = Played()
    with pytest.raises(RefusedChange, match="does not lead"):
        played.log.change_members(GROUP, rows_of("a", "b"))
    played.lead()
    with pytest.raises(RefusedChange, match="only just been elected"):
        played.log.change_members(GROUP, rows_of("a", "b"))
    played.answer("b", 1)
    played.said()
    assert played.log.change_members(GROUP, rows_of("a", "b")) == 2
    with pytest.raises(RefusedChange, match="under way"):
        played.log.change_members(GROUP, rows_of("a"))
    played.said()
    played.answer("b", 2)
    assert played.log.change_members(GROUP, rows_of("a")) == 3


def test_members_count_from_the_moment_they_are_in_the_log():
    """Of two voters both must hold the entry that removed the third; the removed one's answer is nothing."""
    played = Played()
    played.lead()
    played.answer("b", 1)
    played.said()
    played.log.change_members(GROUP, rows_of("a", "b"))
    played.said()
    played.answer("c", 2)
    assert played.log.committed(GROUP) == 1
    played.answer("b", 2)
    assert played.log.committed(GROUP) == 2


def test_members_that_are_cut_off_count_no_more():
    """A follower goes back to the members before, and a restart does not bring the others back."""
    played = Played()
    four = rows_of("a", "b", "c", "d")
    played.ask("b", append(1, (0, 0), (1, b"x"), (1, members_entry(four))))
    assert played.log.members(GROUP) == four
    played.ask("c", append(2, (1, 1), (2, LEADER_ENTRY)))
    assert played.log.members(GROUP) == rows_of("a", "b", "c")
    played.restart()
    assert played.log.members(GROUP) == rows_of("a", "b", "c")


def test_a_crash_between_a_cut_and_its_sync_keeps_the_members_of_the_log():
    """The disk still has the entry, so it still counts."""
    played = Played()
    four = rows_of("a", "b", "c", "d")
    played.ask("b", append(1, (0, 0), (1, b"x"), (1, members_entry(four))))
    played.hear("c", append(2, (1, 1), (2, LEADER_ENTRY)))
    played.said(syncs=False)
    state = played.node.disk.state(GROUP)
    played.node.crash()
    played.node.disk.save_state(GROUP, state)  # the state is durable before the cut is
    played.node.disk.sync()
    played.node.start()
    assert played.log.last_index(GROUP) == 2
    assert played.log.members(GROUP) == four


def test_members_survive_a_restart_of_all():
    """They are read from what was saved, not from the genesis."""
    net = Net()
    leader = net.put(b"one")
    gone = next(node for node in net.running if node is not leader).name
    rows = [row for row in leader.log.members(GROUP) if row[0] != gone]
    leader.log.change_members(GROUP, rows)
    leader.turn()
    net.run(1_000)
    for name in net.nodes:
        net.restart(name)
    assert [voters(node) for node in net.running if node.name != gone] == [{row[0] for row in rows}] * 2
    assert net.elect().name != gone


def test_a_removed_leader_steps_down_when_that_is_committed():
    """Before, it leads on without counting itself; then another one takes over at once."""
    net = Net()
    leader = net.put(b"one")
    leader.news.clear()
    leader.log.change_members(GROUP, [row for row in leader.log.members(GROUP) if row[0] != leader.name])
    leader.turn()
    assert leader.log.leads(GROUP)
    assert net.run(400, lambda: net.leader() not in (None, leader))
    assert not leader.log.leads(GROUP)
    net.elect()
    net.run(10_000)
    assert not leader.log.leads(GROUP)
    assert len(net.leaders) == 2, "the removed one disturbs nobody"


def test_a_leader_that_is_made_a_learner_steps_down_too():
    """It does not vote any more, so it does not lead; and as a learner it is made a voter again."""
    net = Net()
    leader = net.put(b"one")
    leader.log.change_members(
        GROUP, [[*row[:3], 0] if row[0] == leader.name else row for row in leader.log.members(GROUP)]
    )
    leader.turn()
    assert net.run(2_000, lambda: net.leader() not in (None, leader))
    assert net.run(2_000, lambda: voters(leader) == {"a", "b", "c"})


def test_a_removed_follower_learns_it_and_keeps_quiet():
    """Its leader goes on sending for a while, so that it hears of its removal."""
    net = Net()
    leader = net.put(b"one")
    removed = next(node for node in net.running if node is not leader)
    leader.log.change_members(GROUP, [row for row in leader.log.members(GROUP) if row[0] != removed.name])
    leader.turn()
    assert net.run(1_000, lambda: removed.name not in voters(removed))
    net.run(10_000)
    assert removed.name not in {row[0] for row in leader.log.view(GROUP, net.now)["followers"]}
    assert len(net.leaders) == 1


def test_a_removed_follower_that_never_learned_it_disturbs_nobody():
    """It asks first, and those who hear a leader refuse without adopting its term."""
    net = Net()
    leader = net.put(b"one")
    removed = next(node for node in net.running if node is not leader)
    net.isolate(removed.name)
    leader.log.change_members(GROUP, [row for row in leader.log.members(GROUP) if row[0] != removed.name])
    leader.turn()
    net.run(8_000)
    net.heal()
    net.run(8_000)
    assert net.leader() is leader
    assert len(net.leaders) == 1


def test_a_member_that_alone_holds_its_own_removal_still_helps_to_elect():
    """Of two members the leader removes itself and dies: the other lacks the entry, and needs that one."""
    net = Net(("a", "b"))
    leader = net.put(b"one")
    other = next(node for node in net.running if node is not leader)
    net.isolate(other.name)
    leader.log.change_members(GROUP, [row for row in leader.log.members(GROUP) if row[0] == other.name])
    leader.turn()
    net.restart(leader.name)
    net.heal()
    assert net.run(10_000, lambda: other.log.leads(GROUP) and voters(other) == {other.name})


def test_a_leader_that_leaves_names_the_next():
    """The one that holds the most is told to campaign at once."""
    played = Played()
    played.lead()
    played.answer("b", 1)
    played.answer("c", 1)
    played.said()
    index = played.log.change_members(GROUP, rows_of("b", "c"))
    played.said()
    played.said()
    played.answer("c", index)
    played.answer("b", index)
    said = played.said()
    assert [to for to, message in said if isinstance(message, TimeoutNow)] == ["c"]
    assert any(isinstance(news, Deposed) for news in played.node.news)
    assert not any(isinstance(message, Append) for _, message in said)


def test_a_cluster_shrinks_to_one_and_grows_again():
    """The last voter goes on alone; others come back."""
    net = Net()
    leader = net.put(b"one")
    for name in [name for name in net.nodes if name != leader.name]:
        leader.log.change_members(GROUP, [row for row in leader.log.members(GROUP) if row[0] != name])
        last = leader.log.last_index(GROUP)
        leader.turn()
        assert net.run(2_000, lambda last=last: leader.log.committed(GROUP) >= last)
        net.nodes.pop(name)
    leader.log.append(GROUP, b"two")
    leader.turn()
    assert leader.done() == [b"one", b"two"]
    net.take_in("z")
    leader.log.change_members(GROUP, [*leader.log.members(GROUP), member("z", 0)])
    leader.turn()
    assert net.run(5_000, lambda: voters(leader) == {leader.name, "z"})
    net.put(b"three")
    assert net["z"].done() == [b"one", b"two", b"three"]


def test_who_waits_to_be_taken_in_does_nothing():
    """Without members it neither asks nor votes for itself."""
    net = Net(())
    newcomer = net.take_in("z")
    net.run(10_000)
    assert net.wire == []
    assert newcomer.log.members(GROUP) == []
    assert newcomer.log.leader(GROUP) == (0, None)
