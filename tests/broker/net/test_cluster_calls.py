"""Operators' questions reach every member, and changes reach the leaders."""

from pathlib import Path

from fake_members import FakeMembers, a_group

from mainspring.broker.net.cluster_calls import ClusterCalls

QUICK_MS = 150


def test_one_endpoint_leads_to_all_members(tmp_path: Path) -> None:
    """Whoever is asked first names the others, and each is asked once."""
    with FakeMembers(tmp_path, "abc", shards=3) as members, ClusterCalls([members.url("b")]) as talk:
        picture = talk.look()
        assert sorted(picture.shown) == ["a", "b", "c"]
        assert sorted(members.asked) == ["a", "b", "c"]
    assert (picture.silent, picture.lost, picture.refused) == ({}, [], {})
    assert picture.leaders() == {0: "a", 1: "b", 2: "c"}
    assert list(picture.members()) == ["a", "b", "c"]
    assert picture.best(1)["followers"][0] == {"name": "a", "match": 100, "silent_ms": 20, "state": "live"}


def test_a_silent_member_is_named(tmp_path: Path) -> None:
    """Nobody waits for it longer than for an answer; what a dead endpoint is, nobody knows."""
    nobody = f"ipc://{tmp_path}/nobody"
    with FakeMembers(tmp_path, "abc") as members, ClusterCalls([nobody, members.url("a")]) as talk:
        members.silent = {"c"}
        picture = talk.look(QUICK_MS)
        assert picture.silent == {"c": members.url("c")}
        assert picture.lost == [nobody]
        members.silent = set()
        assert sorted(talk.look(QUICK_MS).shown) == ["a", "b", "c"]


def test_a_node_that_does_not_know_the_question_is_told(tmp_path: Path) -> None:
    """Its refusal is kept with its text."""
    with FakeMembers(tmp_path, "a") as members, ClusterCalls([members.url("a")]) as talk:
        members.refusing = {"a"}
        picture = talk.look()
        assert picture.refused == {members.url("a"): "no such message"}
        assert (picture.shown, picture.lost) == ({}, [])


def test_of_two_leaders_the_later_one_counts(tmp_path: Path) -> None:
    """One that was cut off may go on to take itself for the leader."""
    with FakeMembers(tmp_path, "abc") as members, ClusterCalls([members.url("a")]) as talk:
        members.groups["b"] = [a_group(0, "leader", "b", members.rows, epoch=5)]
        picture = talk.look()
    assert picture.leaders() == {0: "b"}
    assert picture.best(0)["epoch"] == 5


def test_a_change_goes_to_each_leader(tmp_path: Path) -> None:
    """A leader is asked for its own shards alone, and its codes are kept by shard."""
    with FakeMembers(tmp_path, "ab", shards=3) as members, ClusterCalls([members.url("b")]) as talk:
        members.answer = lambda name, act: [
            [shard, "done" if name == "a" else "under_way", name] for shard in act.shards
        ]
        found = talk.act("remove", "c", [0, 1, 2], talk.look())
        assert found == {0: ("done", "a"), 1: ("under_way", "b"), 2: ("done", "a")}
        assert sorted((name, act.action, act.name, act.shards) for name, act in members.acts) == [
            ("a", "remove", "c", [0, 2]),
            ("b", "remove", "c", [1]),
        ]


def test_a_shard_without_a_leader_changes_nothing(tmp_path: Path) -> None:
    """Nobody is asked for it, and it is told."""
    with FakeMembers(tmp_path, "ab") as members, ClusterCalls([members.url("b")]) as talk:
        members.groups["a"] = [a_group(0, "candidate", None, members.rows)]
        assert talk.act("drain", "a", [0], talk.look()) == {0: ("not_here", "it has no leader now")}
        assert members.acts == []


def test_a_leader_that_refuses_the_message_is_told(tmp_path: Path) -> None:
    """A refusal is no silence."""
    with FakeMembers(tmp_path, "ab") as members, ClusterCalls([members.url("b")]) as talk:
        picture = talk.look()
        members.refusing = {"a"}
        assert talk.act("drain", "a", [0], picture) == {0: ("refused", "no such message")}
