"""The identity of a data directory is made once, and never guessed."""

import json
import os
from pathlib import Path

import pytest

from mainspring.nodes.processes.identity import (
    IdentityDamaged,
    cluster_of,
    keep_name,
    load_identity,
    next_life,
    save_cluster,
)  # fmt: skip

GOOD = {"format": 1, "cluster": "0" * 32, "node": "f" * 32}


def test_it_is_made_once(tmp_path: Path) -> None:
    """Two random numbers must be made, and found again; another directory must have others."""
    first = load_identity(tmp_path, name="a")
    assert load_identity(tmp_path, name="b") == first, "the name is noted by keep_name alone"
    assert first.name == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["identity.json"]
    (tmp_path / "other").mkdir()
    other = load_identity(tmp_path / "other")
    ids = [*first[:2], *other[:2]]
    assert len(set(ids)) == 4
    assert all(len(id) == 32 and int(id, 16) >= 0 for id in ids)


def test_it_is_on_the_disk_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file must be synced before it gets its name, and its folder after."""
    seen: list[tuple[bool, bool]] = []
    sync = os.fsync

    def spied(fd: int) -> None:
        seen.append((Path(f"/proc/self/fd/{fd}").resolve().is_dir(), (tmp_path / "identity.json").exists()))
        sync(fd)

    monkeypatch.setattr(os, "fsync", spied)
    load_identity(tmp_path)
    assert seen == [(False, False), (True, True)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no JSON object"),
        (b"{", "is no JSON object"),
        (b"\xff", "is no JSON object"),
        (b"[]", "is no JSON object"),
        (b" " * 5000, "is no JSON object"),
        (json.dumps({**GOOD, "format": 2}).encode(), "has the format 2, not 1: use the version that wrote it, or"),
        (b"{}", "has the format null, not 1"),
        (json.dumps({**GOOD, "cluster": "F" * 32}).encode(), "cluster is not 32 hexadecimal digits"),
        (json.dumps({**GOOD, "cluster": "0" * 31}).encode(), "cluster is not 32 hexadecimal digits"),
        (json.dumps({**GOOD, "node": 7}).encode(), "node is not 32 hexadecimal digits"),
        (json.dumps({"format": 1, "cluster": "0" * 32}).encode(), "node is not 32 hexadecimal digits"),
        (json.dumps({**GOOD, "name": 7}).encode(), "name is not the name of a node"),
        (json.dumps({**GOOD, "name": "a\n"}).encode(), "name is not the name of a node"),
        (json.dumps({**GOOD, "name": "a" * 201}).encode(), "name is not the name of a node"),
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, content: bytes, told: str) -> None:
    """The error must name file, fault and mend."""
    path = tmp_path / "identity.json"
    path.write_bytes(content)
    with pytest.raises(IdentityDamaged) as caught:
        load_identity(tmp_path)
    assert str(caught.value).startswith(f"{path}: {told}")
    assert str(caught.value).endswith("put it back from a backup of the data directory")
    assert path.read_bytes() == content


def test_first_members_find_the_same_cluster(tmp_path: Path) -> None:
    """Each by itself, in whatever order they are listed; others find another one, and who is alone draws it."""
    rows = [[name, f"ipc://{name}", f"ipc://{name}.sock", 1] for name in "abc"]
    id = cluster_of(rows, 4, is_joining=False)
    assert id is not None
    assert id == cluster_of(rows[::-1], 4, is_joining=False)
    assert len({id, cluster_of(rows, 5, is_joining=False), cluster_of(rows[:2], 4, is_joining=False)}) == 3
    assert cluster_of(rows[:1], 4, is_joining=False) is None
    assert load_identity(tmp_path, id).cluster == id
    assert load_identity(tmp_path, "f" * 32).cluster == id


def test_a_node_that_joins_learns_its_cluster_once(tmp_path: Path) -> None:
    """Its own id stays; the cluster's is empty before."""
    fresh = load_identity(tmp_path, cluster_of([], 4, is_joining=True))
    assert fresh.cluster == ""
    save_cluster(tmp_path, "c" * 32)
    assert load_identity(tmp_path) == fresh._replace(cluster="c" * 32)
    with pytest.raises(AssertionError):
        save_cluster(tmp_path, "d" * 32)


def test_a_member_keeps_its_name(tmp_path: Path) -> None:
    """It has voted under it: the settings of another one are refused, and nothing is changed."""
    begun = load_identity(tmp_path, name="a")
    with pytest.raises(ValueError, match="is the data of member a, and the settings say x: set name") as caught:
        keep_name(tmp_path, begun, "x", is_member=True)
    assert str(caught.value).startswith(f"{tmp_path} is the data")
    assert load_identity(tmp_path) == begun


def test_who_has_voted_for_nobody_may_be_named_anew(tmp_path: Path) -> None:
    """A lone node, and one that waits; the file then says the new name, and the ids stay."""
    begun = load_identity(tmp_path, name="a")
    keep_name(tmp_path, begun, "x", is_member=False)
    assert load_identity(tmp_path) == begun._replace(name="x")


@pytest.mark.parametrize("is_member", [True, False])
def test_an_older_file_gets_the_name(tmp_path: Path, is_member: bool) -> None:
    """Versions before wrote none: whoever starts next is believed."""
    (tmp_path / "identity.json").write_text(json.dumps(GOOD))
    old = load_identity(tmp_path, name="a")
    assert old.name == ""
    keep_name(tmp_path, old, "a", is_member=is_member)
    assert load_identity(tmp_path) == old._replace(name="a")


def test_each_life_has_a_greater_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the clock goes back; a file that cannot be read is made anew."""
    first = next_life(tmp_path)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert next_life(tmp_path) == first + 1
    (tmp_path / "incarnation").write_text("nonsense")
    assert next_life(tmp_path) == 1
