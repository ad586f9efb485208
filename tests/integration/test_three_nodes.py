"""Three coordinators: one leads, what was acknowledged outlives it, and who comes back holds the same rows."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from coordinators import Caller, Cluster, Coordinator
from live_node import wait_until

from mainspring.broker.wire.messages import ClientHello, ClusterMap, HelloNeeded, Query, Refused
from mainspring.nodes.metrics.families import FAMILIES
from mainspring.nodes.storage.shard.suspicion import leave_mark


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three nodes with one shard, not started."""
    made = Cluster(tmp_path)
    yield made
    made.close()


def rows_of(node: Coordinator, shard: int = 0) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a shard's file."""
    path = node.data_dir / f"tasks_default_shard_{shard}.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: file.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in tables}


def ids_of(node: Coordinator, shard: int = 0) -> set[int]:
    """The jobs in a shard's file."""
    return {row[0] for row in rows_of(node, shard)["jobs"]}


def log_bytes(log: Path) -> int:
    """Returns the size of a log that its node may be truncating."""
    sizes = 0
    for path in log.glob("*.db"):
        with suppress(FileNotFoundError):
            sizes += path.stat().st_size
    return sizes


def settle(caller: Caller, leader: str, *names: str) -> None:
    """Waits until these nodes have applied what the leader has."""
    last = [group["last"] for group in caller.view(leader) or []]
    for name in names:
        caller.until_view(
            name, lambda groups: all(a["applied"] >= b for a, b in zip(groups, last, strict=True)), f"{name} to apply"
        )


def test_what_was_acknowledged_outlives_its_leader(cluster: Cluster) -> None:
    """A kill -9 of the leader: another one leads, has every job, and takes more; the old one catches up."""
    cluster.start()
    caller = cluster.caller()
    first = caller.leader()
    acknowledged = [id for _ in range(20) for id in caller.submit(5)]
    cluster.nodes[first].kill()
    others = cluster.caller(*(name for name in cluster.nodes if name != first))
    second = others.leader()
    assert second != first
    acknowledged += [id for _ in range(5) for id in others.submit(5)]
    assert len(set(acknowledged)) == 125
    cluster.nodes[first].start()
    caller.connect(first)
    settle(others, second)
    settle(caller, second, *cluster.nodes)
    for name, node in cluster.nodes.items():
        assert set(acknowledged) <= ids_of(node), name
    assert [node.stop() for node in cluster.nodes.values()] == [0, 0, 0], cluster.logs()
    left = {name: rows_of(node) for name, node in cluster.nodes.items()}
    assert left["a"]["jobs"] == left["b"]["jobs"] == left["c"]["jobs"]


def test_who_joins_late_gets_a_copy(tmp_path: Path) -> None:
    """What the log does not hold any more comes as a copy of the shard; the rest follows as entries."""
    cluster = Cluster(tmp_path, segment_bytes=256 * 1024, truncate_every_ms=100)
    try:
        cluster.start()
        caller = cluster.caller()
        first = caller.leader()
        acknowledged = {id for _ in range(30) for id in caller.submit(1, payload="x" * 600_000)}
        settle(caller, first, *cluster.nodes)
        log = cluster.nodes[first].data_dir / "log"
        wait_until(lambda: log_bytes(log) < 14_000_000, "truncation")
        row = cluster.row("d")
        cluster.nodes["d"] = Coordinator(tmp_path, "d", [row], is_joining=True)
        cluster.start("d")
        caller = cluster.caller()
        assert caller.act(first, "add", "d", row)[0][1] == "under_way"
        caller.until_view(first, lambda groups: row in groups[0]["members"], "d to vote")
        assert "a copy of the shard is in place" in cluster.nodes["d"].log()
        assert caller.act(first, "transfer", "d")[0][1] == "under_way"
        caller.until_view("d", lambda groups: groups[0]["role"] == "leader", "d to lead")
        acknowledged |= set(caller.submit(1))
        settle(caller, "d", "d")
        assert ids_of(cluster.nodes["d"]) == acknowledged
    finally:
        cluster.close()


def test_a_damaged_shard_file_is_fetched_again(tmp_path: Path) -> None:
    """A member whose file is damaged puts it aside, and gets a copy; one that is only suspect is checked and used."""
    cluster = Cluster(tmp_path, segment_bytes=256 * 1024, truncate_every_ms=100)
    try:
        cluster.start()
        caller = cluster.caller()
        first = caller.leader()
        acknowledged = {id for _ in range(30) for id in caller.submit(1, payload="x" * 600_000)}
        settle(caller, first, *cluster.nodes)
        damaged, suspect = (cluster.nodes[name] for name in cluster.nodes if name != first)
        log = damaged.data_dir / "log"
        wait_until(lambda: log_bytes(log) < 14_000_000, "truncation")
        for node in (damaged, suspect):
            node.kill()
            path = node.data_dir / "tasks_default_shard_0.db"
            if node is suspect:
                leave_mark(path)
            else:
                ruin(path)
            node.start()
            caller.connect(node.name)
            caller.until_view(node.name, lambda groups: groups[0]["role"] == "follower", f"{node.name} to have a vote")
            settle(caller, first, node.name)
            assert ids_of(node) == acknowledged
            assert not list(node.data_dir.glob("*.suspect"))
        assert "a shard file was damaged" in damaged.log()
        assert "a copy of the shard is in place" in damaged.log()
        assert len(list(damaged.data_dir.glob("*.db.damaged-*T??????"))) == 1
        assert "checks a shard file" in suspect.log()
        assert "a copy of the shard" not in suspect.log()
        cluster.nodes[first].kill()
        left = cluster.caller(damaged.name, suspect.name)
        second = left.leader()
        if second != damaged.name:
            assert left.act(second, "transfer", damaged.name)[0][1] == "under_way"
        left.until_view(damaged.name, lambda groups: groups[0]["role"] == "leader", "the mended one to lead")
        acknowledged |= set(left.submit(1))
        settle(left, damaged.name, suspect.name)
        assert rows_of(damaged)["jobs"] == rows_of(suspect)["jobs"]
        assert ids_of(damaged) == acknowledged
    finally:
        cluster.close()


def ruin(path: Path) -> None:
    """Flips a bit in the head of every page but the first."""
    with path.open("r+b") as file:
        for page in range(4096, path.stat().st_size, 4096):
            file.seek(page)
            (byte,) = file.read(1)
            file.seek(page)
            file.write(bytes([byte ^ 0x80]))


def test_a_new_leader_waits_for_its_rows(cluster: Cluster) -> None:
    """A shell that holds the shard file's lock delays it; it leads as soon as the lock is free, with every job."""
    cluster.start()
    caller = cluster.caller()
    first = caller.leader()
    acknowledged = set(caller.submit(5))
    others = [name for name in cluster.nodes if name != first]
    settle(caller, first, *others)
    shells = [sqlite3.connect(cluster.nodes[name].data_dir / "tasks_default_shard_0.db") for name in others]
    for shell in shells:
        shell.execute("BEGIN IMMEDIATE")
    cluster.nodes[first].kill()
    left = cluster.caller(*others)
    wait_until(lambda: any("held by another process" in cluster.nodes[name].log() for name in others), "the log line")
    assert not any(" leads shard=0" in cluster.nodes[name].log() for name in others)
    for shell in shells:
        shell.rollback()
        shell.close()
    acknowledged |= set(left.submit(5))
    settle(left, left.leader(), *others)
    assert all(ids_of(cluster.nodes[name]) == acknowledged for name in others)


def test_guests_hear_where_to_go(cluster: Cluster) -> None:
    """A node that leads nothing says who does, and a new leader asks all who have greeted it to do so again."""
    cluster.start()
    caller = cluster.caller()
    first = caller.leader()
    others = [name for name in cluster.nodes if name != first]
    for name in others:
        caller.connect(name, b"a")  # who calls itself as a member does is a guest all the same
        caller.until_view(name, lambda groups: groups[0]["leader"] == first, f"{name} to follow")
        caller.say(name, ClientHello(None), Query(0, 5, "jobs", {}))
        told = caller.hear(name, ClusterMap)
        assert told.shards == 1
        assert told.members == [[each, cluster.row(each)[2]] for each in cluster.nodes]
        assert told.leaders == [[0, 1, first]]
        refused = caller.hear(name, Refused)
        assert (refused.code, refused.request) == ("not_here", 5)
        assert f"shard 0 is led by {first}" in refused.text
    cluster.nodes[first].kill()
    new = cluster.caller(*others).leader()
    told = caller.hear(new, HelloNeeded)
    assert told.shard == 0
    maps = [message for name, message in caller.heard if name == new and isinstance(message, ClusterMap)]
    assert maps[-1].leaders[0][2] == new


def test_a_leader_that_stood_still_harms_nobody(cluster: Cluster) -> None:
    """While it is paused another one leads; when it goes on it follows, and what only it had is gone everywhere."""
    cluster.start()
    caller = cluster.caller()
    first = caller.leader()
    acknowledged = caller.submit(5)
    cluster.nodes[first].pause()
    others = cluster.caller(*(name for name in cluster.nodes if name != first))
    second = others.leader()
    acknowledged += others.submit(5)
    cluster.nodes[first].go_on()
    caller.connect(first)
    caller.until_view(first, lambda groups: groups[0]["leader"] == second, "the old leader to follow")
    settle(caller, second, *cluster.nodes)
    assert all(set(acknowledged) == ids_of(node) for node in cluster.nodes.values())


def test_a_stop_hands_over_first(cluster: Cluster) -> None:
    """A rolling restart costs no election timeout: each next leader was asked to lead."""
    cluster.start()
    caller = cluster.caller()
    acknowledged: list[int] = []
    for _ in range(3):
        name = caller.leader()
        acknowledged += caller.submit(3)
        assert cluster.nodes[name].stop() == 0
        others = cluster.caller(*(each for each in cluster.nodes if each != name))
        new = others.leader()
        (group,) = others.view(new) or []
        assert group["election"] == "transfer", cluster.logs()
        cluster.nodes[name].start()
        caller.connect(name)
        caller.until_view(name, lambda groups, new=new: groups[0]["leader"] == new, f"{name} to follow")
        settle(caller, new, name)
    assert set(acknowledged) <= ids_of(cluster.nodes[new])


def test_metrics_say_who_leads_and_how_far_the_others_are(cluster: Cluster) -> None:
    """Every node answers for itself."""
    cluster.start()
    caller = cluster.caller()
    first = caller.leader()
    caller.submit(3)
    for name in cluster.nodes:
        caller.until_view(name, lambda groups: groups[0]["leader"] == first, f"{name} to follow")
        told = caller.listing(name, 0, "metrics")
        assert told is not None
        rows = {(row[0], tuple(row[1])): row[2] for row in told.rows}
        assert {row[0] for row in told.rows} <= FAMILIES.keys()
        labels = ("shard", "0")
        assert rows["scheduler_raft_leader", labels] == int(name == first)
        assert rows["scheduler_raft_term", labels] == 1
        assert rows["scheduler_raft_elections_total", labels] == int(name == first)
        assert ("scheduler_log_sync_seconds", labels) in rows
        lag = [key for key in rows if key[0] == "scheduler_raft_follower_lag_entries"]
        assert len(lag) == (2 if name == first else 0)


def test_leaders_spread_by_themselves(tmp_path: Path) -> None:
    """Three shards at three nodes: after a while each leads one, whoever has come up first."""
    cluster = Cluster(tmp_path, shards=3, rebalance_ms=300)
    try:
        cluster.start()
        caller = cluster.caller()
        wait_until(lambda: len({caller.leader(shard) for shard in range(3)}) == 3, "leaders to spread")
    finally:
        cluster.close()


def test_shards_can_be_handed_over(tmp_path: Path) -> None:
    """A drained node leads no shard, and no job is lost."""
    cluster = Cluster(tmp_path, shards=3)
    try:
        cluster.start()
        caller = cluster.caller()
        leaders = [caller.leader(shard) for shard in range(3)]
        ids = [set(caller.submit(4, shard)) for shard in range(3)]
        codes = caller.act(leaders[0], "drain", leaders[0])
        assert [code for _, code, _ in codes] == ["under_way" if name == leaders[0] else "done" for name in leaders]
        caller.until_view(
            leaders[0], lambda groups: all(each["leader"] not in (None, leaders[0]) for each in groups), "a drain"
        )
        assert [code for _, code, _ in caller.act(leaders[0], "drain", leaders[0])] == ["done"] * 3
        for shard in range(3):
            new = caller.leader(shard)
            assert new != leaders[0]
            ids[shard] |= set(caller.submit(4, shard))
            assert caller.act(new, "transfer", new)[shard][1] == "done"
            settle(caller, new, *cluster.nodes)
            assert all(ids_of(node, shard) == ids[shard] for node in cluster.nodes.values())
    finally:
        cluster.close()


def test_a_node_joins_and_another_leaves(cluster: Cluster, tmp_path: Path) -> None:
    """A fourth node is taken in, holds everything, and leads when the others are gone; who is removed leads nothing."""
    cluster.start()
    caller = cluster.caller()
    first = caller.leader()
    acknowledged = set(caller.submit(5))
    row = cluster.row("d")
    cluster.nodes["d"] = Coordinator(tmp_path, "d", [row], is_joining=True)
    cluster.start("d")
    fresh = cluster.caller()
    assert fresh.act(first, "add", "d", row)[0][1] == "under_way"
    fresh.until_view(first, lambda groups: [r[0] for r in groups[0]["members"] if r[3]] == [*"abcd"], "d to vote")
    assert fresh.act(first, "add", "d", row)[0][1] == "done"
    clusters = [json.loads((node.data_dir / "identity.json").read_text())["cluster"] for node in cluster.nodes.values()]
    assert len(set(clusters)) == 1
    settle(fresh, first, "d")
    assert ids_of(cluster.nodes["d"]) == acknowledged
    assert fresh.act(first, "transfer", "d")[0][1] == "under_way"
    fresh.until_view("d", lambda groups: groups[0]["role"] == "leader", "d to lead")
    acknowledged |= set(fresh.submit(5))
    assert fresh.act("d", "remove", first)[0][1] == "under_way"
    fresh.until_view("d", lambda groups: first not in [r[0] for r in groups[0]["members"]], f"{first} to leave")
    assert fresh.act("d", "remove", first)[0][1] == "done"
    cluster.nodes[first].kill()
    cluster.nodes[next(name for name in "abc" if name != first)].kill()
    acknowledged |= set(fresh.submit(5))  # two of three are a quorum
    settle(fresh, "d", "d")
    assert ids_of(cluster.nodes["d"]) == acknowledged


def test_a_node_with_jobs_becomes_a_cluster(tmp_path: Path) -> None:
    """Alone it keeps what it has and its id; others join it and get a copy of rows and log."""
    cluster = Cluster(tmp_path, "a")
    try:
        node = cluster.nodes["a"]
        member = node.plan
        node.plan = type(member)("a", member.data_dir, member.endpoints)
        cluster.start()
        caller = cluster.caller()
        acknowledged = set(caller.submit(50))
        assert node.stop() == 0
        own = json.loads((node.data_dir / "identity.json").read_text())["cluster"]
        node.plan = member
        cluster.start()
        caller.connect("a")
        acknowledged |= set(caller.submit(50))
        for name in "bc":
            row = cluster.row(name)
            cluster.nodes[name] = Coordinator(tmp_path, name, [row], is_joining=True)
            cluster.start(name)
            caller = cluster.caller()
            # The last change may be on its way to the others still: then this one is refused for the moment.
            wait_until(
                lambda caller=caller, row=row: caller.act("a", "add", row[0], row)[0][1] == "done", f"{name} to vote"
            )
        settle(caller, "a", *cluster.nodes)
        assert all(ids_of(each) == acknowledged for each in cluster.nodes.values())
        clusters = [json.loads((each.data_dir / "identity.json").read_text()) for each in cluster.nodes.values()]
        assert {each["cluster"] for each in clusters} == {own}
        node.kill()
        others = cluster.caller("b", "c")
        assert set(others.submit(5)).isdisjoint(acknowledged)
    finally:
        cluster.close()
