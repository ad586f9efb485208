"""`mainspring shards verify|backup|restore|rebuild`: what is printed for people and programs, and the exit status."""

import json
import sqlite3
from pathlib import Path

import pytest
from stored_node import StoredNode

from mainspring.nodes.cli import app

SHARD_0 = "tasks_default_shard_0.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a stopped node with two shards."""
    return StoredNode(tmp_path / "data", count=2).work(4).close()


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Runs the program; gives status, stdout and stderr."""
    status = app.run(["shards", *words])
    return status, *capsys.readouterr()


def test_verify(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Status 0 and one line if all is whole; status 1 and what, where, meaning and mend if it is not."""
    status, out, err = cli(capsys, "verify", str(folder))
    assert (status, err) == (0, "")
    assert out.startswith("no damage found (2 shard files, ")
    assert len(out.splitlines()) == 1
    connection = sqlite3.connect(folder / SHARD_0)
    connection.execute("UPDATE lanes SET ready = 1000")
    connection.commit()
    connection.close()
    status, out, _ = cli(capsys, "verify", "--data", str(folder))
    lines = out.splitlines()
    assert status == 1
    assert lines[0].startswith(f"damage: {folder / SHARD_0}: lanes, row 1: 0 jobs are ready, the lane counts 1000")
    assert lines[1].startswith("  means: ")
    assert "mainspring shards rebuild" in lines[2]
    assert lines[-1].startswith("damaged (")
    status, out, _ = cli(capsys, "verify", str(folder / SHARD_0), "--json")
    told = json.loads(out)
    assert (status, told["damaged"], told["findings"][0]["kind"]) == (1, True, "count")
    assert told["findings"][0].keys() == {"level", "kind", "what", "where", "means", "mend"}


def test_verify_of_several_paths(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    """Files, logs and backups in one call; what cannot be checked is named."""
    assert cli(capsys, "backup", str(tmp_path / "copy.tar"), "--data", str(folder))[0] == 0
    paths = [str(folder / SHARD_0), str(folder / "log"), str(tmp_path / "copy.tar")]
    status, out, _ = cli(capsys, "verify", *paths)
    assert status == 0
    assert "not checked: " in out
    assert "no damage found (1 shard files, " in out


def test_backup_and_restore(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    """One line each, with what an operator must know; the same as an object for programs."""
    status, out, _ = cli(capsys, "backup", str(tmp_path / "copy"), "--data", str(folder))
    assert status == 0
    assert out.startswith(f"backed up to {tmp_path / 'copy'}: 2 shards, ")
    again = tmp_path / "again"
    status, out, _ = cli(capsys, "restore", str(tmp_path / "copy"), str(again))
    assert status == 0
    assert len(out.splitlines()) == 1
    for words in ("are gone", "runs again", "the epoch is raised to", "executors from before are refused"):
        assert words in out
    status, out, _ = cli(capsys, "backup", str(tmp_path / "copy-2"), "--data", str(again), "--json")
    told = json.loads(out)
    assert (status, told["format"], len(told["files"])) == (0, 1, 3)
    status, out, _ = cli(capsys, "restore", str(tmp_path / "copy-2"), str(tmp_path / "third"), "--json")
    told = json.loads(out)
    assert (status, [shard["shard"] for shard in told["shards"]]) == (0, [0, 1])


def test_rebuild(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A line a shard, which says where the old file is; an array for programs."""
    status, out, _ = cli(capsys, "rebuild", "--data", str(folder), "--shard", "1")
    assert status == 0
    assert out.startswith(f"built {folder / 'tasks_default_shard_1.db'} from nothing, up to entry ")
    assert "; the old file is " in out
    status, out, _ = cli(capsys, "rebuild", "--data", str(folder), "--json")
    assert (status, [row["shard"] for row in json.loads(out)]) == (0, [0, 1])


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["verify", "nix"], 1, "there is no nix; give a data folder, a shard file, a log folder or a backup"),
        (["verify", ".", "--data", "."], 2, "--data and PATH are both given"),
        (["backup", "copy", "--data", "."], 1, ". does not hold one file of each shard"),
        (["backup"], 2, "missing argument"),
        (["restore", "nix", "again"], 1, "nix is no backup"),
        (["restore", "nix"], 2, "missing argument"),
        (["rebuild", "--data", "."], 1, ". has no log to build from"),
        (["rebuild", "--shard", "-1", "--data", "."], 2, "invalid value for '--shard'"),
    ],
)
def test_faults_are_told(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    status: int,
    told: str,
) -> None:
    """Status 2 for what was typed, 1 for what was not found; one line, with the mend."""
    monkeypatch.chdir(tmp_path)
    found, out, err = cli(capsys, *words)
    assert (found, out) == (status, "")
    assert told in err
    assert len(err.splitlines()) == 1
