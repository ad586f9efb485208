"""The walk over a source tree, and its direct count."""

import os
from pathlib import Path

import pytest

from mainspring.nodes.demo import tree
from mainspring.nodes.demo.tree import TreeError, read_tree


def a_tree(root: Path) -> Path:
    """Writes a few files of every kind."""
    for name, content in {
        "b.py": b"one\ntwo\n",
        "a/x.py": b"one\ntwo\n",
        "a/data.bin": bytes(range(256)),
        "a/empty.txt": b"",
        "a/__pycache__/x.cpython-311.pyc": b"no",
        "site-packages/y.py": b"no",
        "lib.so": b"no",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / "link.py").symlink_to(root / "b.py")
    return root


def test_source_files_are_counted_and_nothing_else(tmp_path: Path) -> None:
    """Compiled files, caches, installed packages and links must be left out; binary and empty files count."""
    found = read_tree(a_tree(tmp_path))
    assert [path.name for path in found.files] == ["b.py", "data.bin", "empty.txt", "x.py"]
    assert (found.bytes, found.lines, found.contents, found.unreadable) == (16 + 256, 5, 3, 0)


def test_unreadable_files_are_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that this user may not read must not become a job that fails."""
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "b.py")
    found = read_tree(a_tree(tmp_path))
    assert len(found.files) == 3
    assert found.unreadable == 1


@pytest.mark.parametrize("name", ["missing", "hollow"])
def test_a_folder_without_files_is_refused(tmp_path: Path, name: str) -> None:
    """A missing folder and an empty one must be refused with the option that mends it."""
    (tmp_path / "hollow").mkdir()
    with pytest.raises(TreeError, match="--tree"):
        read_tree(tmp_path / name)


def test_a_folder_with_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of jobs is bounded."""
    monkeypatch.setattr(tree, "FILES_MAX", 2)
    with pytest.raises(TreeError, match="more than 2 files"):
        read_tree(a_tree(tmp_path))
