"""The folders of drills: whose they are, and what of dead ones goes."""

import os
from pathlib import Path

import pytest

from mainspring.chaos.drills import folders
from mainspring.chaos.drills.names import Names


def test_what_dead_drills_have_left_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead drill's folder with all in it; nothing of a living one, and nothing of anybody else."""
    monkeypatch.setattr(folders, "is_process_alive", lambda pid: pid == os.getpid())
    dead, alive, other = Names("0a1b2c", 41).of(folders.ROLE), Names("0a1b2c").of(folders.ROLE), "mainspring-data"
    for name in (dead, alive, other):
        (tmp_path / name / "n1").mkdir(parents=True)
    assert folders.clean(tmp_path) == [dead]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([alive, other])


def test_a_folder_leaves_room_for_sockets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Unix socket's path has at most 107 bytes."""
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = folders.make(Names("0a1b2c", 1_234_567))
    assert folder.is_dir()
    assert len(f"/tmp/{folder.name}/n10/data/coordinator.sock") < 107
    folders.remove(folder)
    assert not folder.exists()


def test_what_is_mounted_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what lies in the folder, in the order of the mounts."""
    table = tmp_path / "mounts"
    points = ("/proc", "/tmp/d/n1", "/tmp/d/n1/data", "/tmp/da/n1")
    table.write_text("".join(f"x {point} tmpfs rw 0 0\n" for point in points))
    monkeypatch.setattr(folders, "_MOUNTS", table)
    assert folders.mounted(Path("/tmp/d")) == [Path("/tmp/d/n1"), Path("/tmp/d/n1/data")]
