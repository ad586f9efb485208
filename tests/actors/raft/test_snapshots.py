"""A follower that needs entries which are gone gets a copy of the shard."""

import pytest
from raft_net import GROUP, Net, Node, member

from mainspring.actors.raft.hard_state import UNKNOWN_DEBT, decode_state, encode_state
from mainspring.actors.raft.news import SnapshotInstalled
from mainspring.actors.raft.settings import RaftSettings
from mainspring.broker.wire.messages import SnapshotChunk, SnapshotOffer, SnapshotTaken

SHORT = RaftSettings(rebalance_ms=0, tail_bytes=100, retain_entries=5)


def laggard(net: Net, count: int = 40) -> tuple[Node, Node]:
    """Returns the leader and a follower that was away while the log went on and was truncated."""
    leader = net.put(b"first")
    other = next(node for node in net.running if node is not leader)
    other.crash()
    for number in range(count):
        net.put(b"%d" % number)
    net.run(5_000)
    for node in net.running:
        node.log.truncate(GROUP, node.log.committed(GROUP) - 1)
    assert leader.log.first_index(GROUP) > 10
    return leader, other


def test_a_laggard_gets_a_copy_and_then_the_log():
    """It ends with the same entries as the others, and its log begins behind the copy."""
    net = Net(settings=SHORT)
    leader, other = laggard(net)
    net.restart(other.name)
    net.put(b"last")
    assert other.done() == leader.done()
    assert other.snapshots.installed == 1
    assert [news.index for news in other.news if isinstance(news, SnapshotInstalled)] == [
        other.log.first_index(GROUP) - 1
    ]
    net.restart(other.name)
    net.put(b"after a restart")
    assert other.done() == leader.done()
    assert other.snapshots.installed == 1


def test_the_copy_brings_the_members():
    """Whoever was taken in while it was away learns of them, and keeps them over a restart."""
    net = Net(settings=SHORT)
    leader, other = laggard(net)
    newcomer = net.take_in("z")
    leader.log.change_members(GROUP, [*leader.log.members(GROUP), member("z", 0)])
    leader.turn()
    assert net.run(5_000, lambda: leader.log.members(GROUP)[-1][3] == 1)
    for number in range(20):
        net.put(b"more %d" % number)
    for node in net.running:
        node.log.truncate(GROUP, node.log.committed(GROUP) - 1)
    net.restart(other.name)
    assert net.run(5_000, lambda: other.done() == leader.done())
    assert newcomer.done() == leader.done()
    assert other.log.members(GROUP) == leader.log.members(GROUP)
    net.restart(other.name)
    assert other.log.members(GROUP) == leader.log.members(GROUP)


def test_a_damaged_copy_is_refused_and_sent_again():
    """What arrived is thrown away, and the leader makes another one."""
    net = Net(settings=SHORT)
    leader, other = laggard(net)
    other.snapshots.is_damaged = True
    net.restart(other.name)
    assert net.run(
        5_000,
        lambda: any(isinstance(item.message, SnapshotTaken) and item.message.state == "refused" for item in net.wire),
    )
    assert other.snapshots.installed == 0
    other.snapshots.is_damaged = False
    assert net.run(5_000, lambda: other.done() == leader.done())


class _Dies(Exception):
    """The process ends right here."""


def test_a_crash_between_shard_and_log_of_a_deposed_leader():
    """Its log is longer than the copy, and differs: after the crash it must not take that for what is committed."""
    net = Net(settings=SHORT)
    old = net.put(b"first")
    net.isolate(old.name)
    for number in range(90):
        old.log.append(GROUP, b"never %d" % number)
    old.turn()
    net.run(6_000)
    for number in range(40):
        net.put(b"%d" % number)
    net.run(5_000)
    for node in net.running:
        if node is not old:
            node.log.truncate(GROUP, node.log.committed(GROUP) - 1)
    install = old.snapshots.install

    def dies(group: int, sha256: str) -> int:
        install(group, sha256)
        raise _Dies

    old.snapshots.install = dies
    net.heal()
    with pytest.raises(_Dies):
        net.run(5_000)
    old.snapshots.install = install
    old.crash()
    old.start()
    assert old.log.snapshot()[str(GROUP)]["is_behind"]
    leader = net.put(b"last")
    assert net.run(5_000, lambda: old.done() == leader.done())
    assert old.snapshots.installed == 2


def test_lost_pieces_are_sent_again():
    """With a third of all messages lost the copy arrives all the same."""
    net = Net(settings=SHORT, seed=3)
    leader, other = laggard(net)
    other.snapshots._chunk_bytes = 1
    net.lose = lambda item: net.random.random() < 0.3
    net.restart(other.name)
    assert net.run(60_000, lambda: other.done() == leader.done())


def test_a_new_leader_begins_again():
    """A copy that was under way ends with its leader; the next one makes its own."""
    net = Net(settings=SHORT)
    leader, other = laggard(net)
    net.lose = lambda item: isinstance(item.message, SnapshotChunk) and item.sender == leader.name
    net.restart(other.name)
    assert net.run(5_000, lambda: bool(net.take(SnapshotOffer, to=other.name)) or False)
    leader.crash()
    assert net.run(10_000, lambda: other.snapshots.installed == 1)
    net.put(b"last")
    assert other.done()[-1] == b"last"


def test_the_log_behind_a_copy_under_way_stays():
    """Truncation waits for whoever is about to need those entries."""
    net = Net(settings=SHORT)
    leader, other = laggard(net)
    net.lose = lambda item: isinstance(item.message, SnapshotChunk)
    net.restart(other.name)
    assert net.run(5_000, lambda: bool([item for item in net.wire if isinstance(item.message, SnapshotOffer)]))
    offered = next(item.message for item in net.wire if isinstance(item.message, SnapshotOffer))
    net.run(20)
    net.isolate()
    for number in range(40):
        leader.log.append(GROUP, b"%d" % number)
        leader.turn()
        net.run(2)
    leader.log.truncate(GROUP, leader.log.committed(GROUP))
    assert leader.log.first_index(GROUP) <= offered.index + 1
    net.lose = lambda item: False
    assert net.run(5_000, lambda: other.done() == leader.done())


def test_heartbeats_go_on_meanwhile():
    """The follower does not campaign while its copy is made, and the leader counts it as present."""
    net = Net(settings=SHORT)
    leader, other = laggard(net)
    leader.snapshots.is_slow = True
    net.restart(other.name)
    third = next(node for node in net.running if node not in (leader, other))
    third.crash()
    net.run(10_000)
    assert net.leader() is leader
    assert [row[3] for row in leader.log.view(GROUP, net.now)["followers"] if row[0] == other.name] == ["snapshot"]
    leader.snapshots.is_slow = False
    assert net.run(5_000, lambda: other.done() == leader.done())


def test_a_live_follower_finds_what_it_lacks():
    """The leader keeps entries for a follower that lags, up to the bound; no copy is made for it."""
    net = Net(settings=RaftSettings(rebalance_ms=0, tail_bytes=100, retain_entries=1_000))
    leader = net.put(b"first")
    other = next(node for node in net.running if node is not leader)
    net.lose = lambda item: item.to == other.name and len(item.frame) > 60
    for number in range(40):
        leader.log.append(GROUP, b"%d " % number + b"x" * 60)
        leader.turn()
        net.run(2)
    leader.log.truncate(GROUP, leader.log.committed(GROUP))
    net.lose = lambda item: False
    assert net.run(5_000, lambda: other.done() == leader.done())
    assert other.snapshots.installed == 0


@pytest.mark.parametrize("bound", [{"retain_entries": 10}, {"retain_bytes": 1024 * 1024}])
def test_what_is_kept_for_others_has_bounds(bound: dict[str, int]):
    """So many entries, or so many bytes; a follower that lags more needs a copy."""
    net = Net(settings=RaftSettings(rebalance_ms=0, tail_bytes=100, **bound))
    leader = net.put(b"first")
    other = next(node for node in net.running if node is not leader)
    net.lose = lambda item: item.to == other.name and len(item.frame) > 60
    for number in range(40):
        leader.log.append(GROUP, b"%d " % number + b"x" * 100_000)
        leader.turn()
        net.run(2)
    leader.log.truncate(GROUP, leader.log.committed(GROUP))
    assert 20 < leader.log.first_index(GROUP) <= 33


def test_what_is_offered_and_here_already_is_not_taken():
    """An offer that comes late, when the log has the entry, is answered with done."""
    net = Net(settings=SHORT)
    leader, other = laggard(net)
    net.restart(other.name)
    offers: list[object] = []

    def keep(item: object) -> bool:
        if isinstance(item.message, SnapshotOffer):  # type: ignore[attr-defined]  (an item of the wire)
            offers.append(item)
        return False

    net.lose = keep
    assert net.run(5_000, lambda: other.done() == leader.done())
    net.take()
    net.hand_over(offers[0])  # type: ignore[arg-type]  (an item of the wire)
    other.turn()
    assert [item.message.state for item in net.take(SnapshotTaken)] == ["done"]
    assert other.snapshots.installed == 1


def shortened(net: Net) -> Node:
    """Returns the leader; nobody's log reaches back to the first entry."""
    leader = net.put(b"first")
    for number in range(40):
        net.put(b"%d" % number)
    net.run(100)
    for node in net.running:
        node.log.truncate(GROUP, node.log.committed(GROUP) - 1)
        assert node.log.first_index(GROUP) > 10
    return leader


def lose_rows(net: Net, *names: str) -> None:
    """Kills members, takes their rows away and starts them on what is left: the log."""
    for name in names:
        net[name].crash()
        net[name].applied.clear()
    for name in names:
        net[name].start()


def test_lost_rows_come_as_a_copy():
    """The log alone is worth nothing: it is given up, and the member has no vote until it has everything again."""
    net = Net(settings=SHORT)
    leader = shortened(net)
    other = next(node for node in net.running if node is not leader)
    held, first = other.log.last_index(GROUP), other.log.first_index(GROUP)
    net.isolate(other.name)
    lose_rows(net, other.name)
    net.run(2_000)
    assert other.log.snapshot()[str(GROUP)]["is_behind"]
    assert other.log.committed(GROUP) == 0, "nothing of it can be applied"
    assert (other.log.first_index(GROUP), other.log.last_index(GROUP)) == (first, held), "nobody has spoken yet"
    assert other.log.view(GROUP, net.now)["role"] == "behind"
    net.heal()
    assert net.run(5_000, lambda: other.done() == leader.done())
    assert other.snapshots.installed == 1
    assert net.run(5_000, lambda: not other.log.snapshot()[str(GROUP)]["is_behind"])
    assert net.put(b"last").done() == other.done()


def test_a_debt_that_is_not_known_is_found_out_first():
    """A newcomer loses its rows before it has heard of anything committed: with an empty log it would look like new."""
    net = Net(settings=SHORT)
    leader = shortened(net)
    net.take_in("z")
    leader.log.change_members(GROUP, [*leader.log.members(GROUP), member("z", 0)])
    leader.turn()
    assert net.run(5_000, lambda: net["z"].snapshots.installed == 1)
    state = decode_state(net["z"].disk.state(GROUP))
    assert state is not None
    net["z"].disk.save_state(GROUP, encode_state(state._replace(debt=UNKNOWN_DEBT)))
    net["z"].disk.sync()
    net.isolate("z")
    lose_rows(net, "z")
    net.run(5_000)
    assert not net["z"].log.leads(GROUP)
    net.heal()
    leader = net.put(b"last")
    assert net.run(5_000, lambda: net["z"].done() == leader.done())
    assert net.run(5_000, lambda: not net["z"].log.snapshot()[str(GROUP)]["is_behind"])


def test_lost_rows_come_as_entries():
    """A leader whose log begins at the first entry sends all of it."""
    net = Net(settings=SHORT)
    leader = net.put(b"first")
    other = next(node for node in net.running if node is not leader)
    for number in range(40):
        net.put(b"%d" % number)
    other.log.truncate(GROUP, other.log.committed(GROUP) - 1)
    assert other.log.first_index(GROUP) > 10
    lose_rows(net, other.name)
    assert net.run(5_000, lambda: other.done() == leader.done())
    assert other.snapshots.installed == 0
    assert other.log.members(GROUP) == leader.log.members(GROUP)


def test_a_crash_while_the_log_is_given_up():
    """Whether the disk had the debt only, or the empty log as well: no vote, and a copy in the end."""
    for resets in (False, True):
        net = Net(settings=SHORT)
        leader = shortened(net)
        other = next(node for node in net.running if node is not leader)
        net.isolate(other.name)
        net.run(1_000)
        lose_rows(net, other.name)
        reset = other.disk.reset

        def dies(group: int, index: int, epoch: int, *, reset=reset, resets=resets, disk=other.disk) -> None:
            if resets:
                reset(group, index, epoch)
            else:
                disk.sync()
            raise _Dies

        other.disk.reset = dies
        net.heal()
        with pytest.raises(_Dies):
            net.run(5_000)
        other.disk.reset = reset
        other.crash()
        other.start()
        assert other.log.snapshot()[str(GROUP)]["is_behind"]
        assert other.log.members(GROUP) == leader.log.members(GROUP)
        net.run(5_000)
        assert net.put(b"last").done() == other.done()


def test_where_all_rows_are_lost_nobody_gives_up_the_log():
    """Nobody may lead then, and what the logs hold stays for whoever mends this by hand."""
    net = Net(settings=SHORT)
    shortened(net)
    held = {node.name: node.log.first_index(GROUP) for node in net.running}
    lose_rows(net, *net.nodes)
    net.run(20_000)
    assert net.leader() is None
    assert {node.name: node.log.first_index(GROUP) for node in net.running} == held


def test_rows_that_a_copy_brings_are_no_debt():
    """A copy shows more than its index; nobody was told that the entries between are in this log."""
    net = Net(settings=SHORT)
    leader, other = laggard(net)
    leader.snapshots.ahead = 1
    net.restart(other.name)
    assert net.run(5_000, lambda: other.snapshots.installed == 1)
    net.isolate(other.name)
    assert other.log.last_index(GROUP) < len(other.applied[GROUP])
    assert not other.log.snapshot()[str(GROUP)]["is_behind"], "it may vote"
    net.restart(other.name)
    assert not other.log.snapshot()[str(GROUP)]["is_behind"]
    other.crash()
    other.applied[GROUP].extend([b"x"] * 3)
    other.start()
    assert other.log.snapshot()[str(GROUP)]["is_behind"], "what was applied later stood in a log that is gone"
