"""The identity of a data directory is made once, and never guessed."""

import json
import os
from pathlib import Path

import pytest

from mainspring.nodes.processes.identity import IdentityDamaged, load_identity

GOOD = {"format": 1, "cluster": "0" * 32, "node": "f" * 32}


def test_it_is_made_once(tmp_path: Path) -> None:
    """Two random numbers must be made, and found again; another directory must have others."""
    first = load_identity(tmp_path)
    assert load_identity(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["identity.json"]
    (tmp_path / "other").mkdir()
    other = load_identity(tmp_path / "other")
    assert len({*first, *other}) == 4
    assert all(len(id) == 32 and int(id, 16) >= 0 for id in first)


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
