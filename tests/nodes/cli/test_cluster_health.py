"""What `mainspring cluster` finds wrong, and what it says to do about it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_members import FakeMembers, a_group

from mainspring.broker.net.cluster_calls import ClusterCalls
from mainspring.nodes.cli.cluster_health import Finding, findings


@pytest.fixture
def members(tmp_path: Path) -> Iterator[FakeMembers]:
    """Three members with two shards."""
    with FakeMembers(tmp_path, "abc", shards=2) as made:
        yield made


def told(members: FakeMembers) -> list[Finding]:
    """Returns what is found."""
    with ClusterCalls([members.url("a")]) as talk:
        return findings(talk.look(150))


def test_a_member_that_only_its_leader_does_not_hear(members: FakeMembers) -> None:
    """The way between the members is what is broken."""
    members.groups["a"][0][-1] = [["b", 100, 20, "live"], ["c", 88, 12_000, "silent"]]
    (finding,) = told(members)
    assert finding.what == "a has not heard c for 12.0 s in shard 0"
    assert finding.do == f"look whether {members.rows[2][1]} can be reached from a"


def test_a_shard_without_a_leader(members: FakeMembers) -> None:
    """Whether too few are there, or they have not agreed yet, makes another mend."""
    for name in "abc":
        members.groups[name][0] = a_group(0, "candidate", None, members.rows)
    assert [(one.level, one.what) for one in told(members)] == [
        ("fault", "shard 0 has no leader at this moment, though 3 of 3 voters answer")
    ]
    members.silent = {"b", "c"}
    whats = {one.what: one.do for one in told(members)}
    assert whats["shard 0 has no leader: 1 of 3 voters answer, 2 are needed"].startswith("start b, c;")


def test_a_leader_that_was_cut_off_is_named(members: FakeMembers) -> None:
    """It may go on to take itself for one."""
    members.groups["b"][0] = a_group(0, "leader", "b", members.rows, epoch=5)
    (finding,) = told(members)
    assert finding.what == "a takes itself for the leader of shard 0 under epoch 4; b leads under 5"


def test_members_that_catch_up_are_no_fault(members: FakeMembers) -> None:
    """A learner, a copy under way and a slow member are told, and the status stays 0."""
    rows = [*members.rows[:2], [*members.rows[2][:3], 0]]
    followers = [["b", 50_000, 20, "live"], ["c", 0, 20, "snapshot"]]
    members.groups["a"][0] = a_group(0, "leader", "a", rows, last=60_000, followers=followers)
    found = told(members)
    assert {one.level for one in found} == {"note"}
    assert [one.what for one in found] == [
        "b lacks 10000 entries of shard 0",
        "c is being sent a copy of shard 0",
        "c does not vote in shard 0 yet",
        "2 members vote, which bears no more failures than 1 do",
    ]


def test_a_member_that_has_lost_entries(members: FakeMembers) -> None:
    """It may not vote, which is one failure less that the cluster bears."""
    members.groups["c"][1] = a_group(1, "behind", "b", members.rows)
    (finding,) = told(members)
    assert finding.what == "c may not vote in shard 1: it lacks entries that it once had"


def test_a_change_that_was_broken_off(members: FakeMembers) -> None:
    """A member of some shards only is a fault, whose mend is to repeat the command."""
    row = ["d", "ipc:///run/d.member", f"{members.url('c')}d", 1]
    members.groups["a"][0] = a_group(0, "leader", "a", [*members.rows, row])
    whats = [one.what for one in told(members)]
    assert "d is a member in some shards only (not in 1)" in whats
    assert "4 members vote, which bears no more failures than 3 do" in whats


def test_nodes_of_different_clusters(members: FakeMembers) -> None:
    """A URL that mixes clusters must not look like one of them."""
    members.cluster["b"] = "d" * 32
    (finding,) = told(members)
    assert finding.what.startswith("these nodes are of different clusters: a of cccc")


def test_a_node_that_was_removed_and_runs(members: FakeMembers) -> None:
    """It does no harm, and holds nothing that is of use: the reader is told what to do with it."""
    for shard, leader in ((0, "a"), (1, "b")):
        members.groups[leader][shard] = a_group(shard, "leader", leader, members.rows[:2], followers=[])
    with ClusterCalls([members.url("a"), members.url("c")]) as talk:
        found = findings(talk.look(150))
    assert ("note", "c runs, and is no member of this cluster") in [finding[:2] for finding in found]
    assert "delete its data folder" in next(one.do for one in found if one.what.startswith("c runs"))
    members.cluster["c"] = "d" * 32
    with ClusterCalls([members.url("a"), members.url("c")]) as talk:
        whats = [one.what for one in findings(talk.look(150))]
    assert not any(what.startswith("c runs") for what in whats), "it is of another cluster, and that is told"


def test_shards_that_know_a_member_at_different_places(members: FakeMembers) -> None:
    """The files of the first members differed where nothing compares them."""
    rows = [*members.rows[:2], [*members.rows[2][:2], "ipc:///elsewhere", 1]]
    members.groups["b"][1] = a_group(1, "leader", "b", rows)
    whats = [one.what for one in told(members)]
    assert any(what.startswith("the shards do not agree where c is reached: ") for what in whats)
    assert any(what.endswith(" and ipc:///elsewhere in 1") for what in whats)
