"""A node shows the groups as it sees them, and changes members of those that it leads."""

import pytest
from cluster_bench import ClusterBench, a_row

from mainspring.broker.wire.cluster_messages import GROUP_COLUMNS
from mainspring.broker.wire.messages import ClusterAct, ClusterActed, ClusterAsk, ClusterShown
from mainspring.chaos.memory_log import MemoryLog
from mainspring.nodes.processes.cluster_desk import ClusterDesk, view_alone

ROW = a_row("d", 0)


def act(bench: ClusterBench, action: str, name: str, *endpoints: str, shards: tuple[int, ...] = ()) -> dict[int, str]:
    """Asks for an act; returns the codes by shard."""
    asked = ClusterAct(5, "me", action, list(shards), name, *(endpoints or ("", "")))
    answer = bench.desk.answer(asked, bench.now)
    assert isinstance(answer, ClusterActed)
    assert answer.request == 5
    assert all(text for _, _, text in answer.codes)
    return {shard: code for shard, code, _ in answer.codes}


@pytest.fixture
def bench() -> ClusterBench:
    """Three shards: one led here, one by b, one by nobody."""
    made = ClusterBench(shards=3)
    made.engine.leaders = {1: (2, "a"), 2: (3, "b"), 3: (4, None)}
    return made


def test_every_shard_is_shown(bench: ClusterBench) -> None:
    """As the engine sees it, with what the rows hold."""
    bench.log(1, 3)
    bench.apply(bench.members[0])
    shown = bench.desk.answer(ClusterAsk(9), bench.now)
    assert isinstance(shown, ClusterShown)
    assert (shown.request, shown.node, shown.cluster, shown.incarnation) == (9, "a", "c" * 32, 7)
    first, second, third = (dict(zip(GROUP_COLUMNS, row, strict=True)) for row in shown.groups)
    assert (first["shard"], first["role"], first["applied"], first["last"]) == (0, "leader", 3, 3)
    assert (second["shard"], second["leader"], second["epoch"]) == (1, "b", 3)
    assert third["leader"] is None


def test_a_node_that_is_alone_shows_itself() -> None:
    """It leads all its shards; nothing can be done with its members."""
    bench, log = ClusterBench(), MemoryLog()
    epoch = log.campaign(1)
    view = view_alone("a", log, log.epoch, 12)
    desk = ClusterDesk("a", lambda: "id", 0, dict(enumerate(bench.members)), view)
    shown = desk.answer(ClusterAsk(1), bench.now)
    assert isinstance(shown, ClusterShown)
    (group,) = (dict(zip(GROUP_COLUMNS, row, strict=True)) for row in shown.groups)
    assert (group["role"], group["leader"], group["epoch"], group["election"]) == ("leader", "a", epoch, "alone")
    acted = desk.answer(ClusterAct(1, "me", "add", [], "b", "", ""), bench.now)
    assert isinstance(acted, ClusterActed)
    assert acted.codes[0][1] == "refused"
    assert "[cluster]" in acted.codes[0][2]


def test_a_member_is_added_where_this_node_leads(bench: ClusterBench) -> None:
    """It learns first; to ask again says how far it is."""
    endpoints = ROW[1:3]
    assert act(bench, "add", "d", *endpoints) == {0: "under_way", 1: "not_here", 2: "not_here"}
    assert bench.engine.rows[1][-1] == ROW
    assert act(bench, "add", "d", *endpoints, shards=(0,)) == {0: "under_way"}
    bench.engine.rows[1][-1] = [*ROW[:3], 1]
    assert act(bench, "add", "d", *endpoints, shards=(0,)) == {0: "done"}
    assert act(bench, "add", "d", "ipc://x", "ipc://y", shards=(0,)) == {0: "refused"}


def test_what_is_no_member_is_refused(bench: ClusterBench) -> None:
    """A name, endpoints, an act and a shard have to be such."""
    assert act(bench, "add", "", "ipc://x", "ipc://y", shards=(0,)) == {0: "refused"}
    assert act(bench, "add", "a\n", "ipc://x", "ipc://y", shards=(0,)) == {0: "refused"}
    assert act(bench, "add", "d", "ipc://x", "", shards=(0,)) == {0: "refused"}
    assert act(bench, "dance", "d", shards=(0,)) == {0: "refused"}
    assert act(bench, "add", "d", *ROW[1:3], shards=(9,)) == {9: "refused"}
    bench.engine.refusal = "a change is under way"
    assert act(bench, "add", "d", *ROW[1:3], shards=(0,)) == {0: "refused"}


def test_a_member_is_removed(bench: ClusterBench) -> None:
    """Also this node itself; the last one stays."""
    assert act(bench, "remove", "c", shards=(0,)) == {0: "under_way"}
    assert [row[0] for row in bench.engine.rows[1]] == ["a", "b"]
    assert act(bench, "remove", "c", shards=(0,)) == {0: "done"}
    assert act(bench, "remove", "a", shards=(0,)) == {0: "under_way"}
    assert act(bench, "remove", "b", shards=(0,)) == {0: "refused"}


def test_shards_are_handed_over(bench: ClusterBench) -> None:
    """To a member, or to the best one; what is so already is done."""
    assert act(bench, "transfer", "b") == {0: "under_way", 1: "done", 2: "not_here"}
    assert bench.engine.moves == [(1, "b")]
    assert act(bench, "transfer", "x", shards=(0,)) == {0: "refused"}
    assert act(bench, "drain", "a") == {0: "under_way", 1: "done", 2: "not_here"}
    assert bench.engine.moves[1:] == [(1, None)]
    assert act(bench, "drain", "c", shards=(0,)) == {0: "done"}
    bench.engine.is_fit = False
    assert act(bench, "transfer", "c", shards=(0,)) == {0: "refused"}
