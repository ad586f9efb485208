"""A shard file is made again from the log, without a loss; where the log is too short, that is said."""

import sqlite3
from pathlib import Path

import pytest
from stored_node import StoredNode, spoil

from mainspring.nodes.shards.backup import back_up
from mainspring.nodes.shards.rebuild import rebuild
from mainspring.nodes.shards.report import OperatorError, no_progress
from mainspring.nodes.shards.verify import verify
from mainspring.nodes.storage.log.files import OsFiles

SHARD_0, SHARD_1 = "tasks_default_shard_0.db", "tasks_default_shard_1.db"


def dump(path: Path) -> list[str]:
    """All rows of a file."""
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


def ruin(path: Path) -> None:
    """Breaks a file where SQLite cannot help noticing."""
    for offset in range(4096, path.stat().st_size, 4096):
        spoil(path, offset, 7)


def test_from_a_whole_log(tmp_path: Path) -> None:
    """The same rows as before, the old file beside it, and the other shards untouched; the node goes on."""
    folder = StoredNode(tmp_path / "data", count=2).work(6).close()
    rows = dump(folder / SHARD_0)
    other = (folder / SHARD_1).read_bytes()
    ruin(folder / SHARD_0)
    assert verify([folder], no_progress).is_damaged
    (rebuilt,) = rebuild(folder, [0], None, no_progress)
    assert dump(folder / SHARD_0) == rows
    assert (folder / SHARD_1).read_bytes() == other
    assert rebuilt.old is not None
    assert rebuilt.old.exists()
    assert verify([folder], no_progress).findings == []
    node = StoredNode(folder, count=2)
    node.shards[0].submit(3)
    node.close()
    assert verify([folder], no_progress).findings == []


def test_a_missing_file(tmp_path: Path) -> None:
    """What is gone is made again, named or not: the log knows which shards there are."""
    folder = StoredNode(tmp_path / "data", count=2).work(3).close()
    rows = dump(folder / SHARD_1)
    for shards in ([1], []):
        (folder / SHARD_1).unlink()
        rebuilt = rebuild(folder, shards, None, no_progress)
        assert (rebuilt[-1].path, rebuilt[-1].old) == (folder / SHARD_1, None)
        assert dump(folder / SHARD_1) == rows


def test_a_rebuild_that_ends_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file never stands without its WAL, which may hold what the log has dropped; a second try goes on."""
    node = StoredNode(tmp_path / "live").work(6)
    folder = node.killed(tmp_path / "data")
    node.close()
    before = {end: (folder / f"{SHARD_0}{end}").read_bytes() for end in ("", "-wal")}

    class Killed(BaseException):
        """Nothing is done any more."""

    def killed(*_args: object) -> None:
        raise Killed

    for name in ("sync_directory", "rename"):
        with monkeypatch.context() as patched:
            patched.setattr("mainspring.nodes.shards.rebuild.OsFiles", type("Dying", (OsFiles,), {name: killed}))
            with pytest.raises(Killed):
                rebuild(folder, [], None, no_progress)
        (old,) = folder.glob("*.old-*Z")
        assert {end: old.with_name(f"{old.name}{end}").read_bytes() for end in before} == before
        if (folder / SHARD_0).exists():
            assert (folder / f"{SHARD_0}-wal").read_bytes() == before["-wal"]
        else:
            assert not (folder / f"{SHARD_0}-wal").exists()
        if name == "sync_directory":
            for path in folder.glob("*.old-*"):
                path.unlink()
    rebuild(folder, [], None, no_progress)
    assert verify([folder], no_progress).findings == []


def test_a_shard_that_never_was(tmp_path: Path) -> None:
    """A file for it would keep the node from starting; nothing is made."""
    folder = StoredNode(tmp_path / "data", count=2).work(3).close()
    for number in (2, 16, -1):
        with pytest.raises(OperatorError, match=f"has no shard {number}: .* it has 0, 1"):
            rebuild(folder, [0, number], None, no_progress)
    assert sorted(path.name for path in folder.glob("*.db*")) == [SHARD_0, SHARD_1]


def short_log(tmp_path: Path, *, backup: bool) -> Path:
    """A folder whose log has been shortened; backed up before, if asked for."""
    node = StoredNode(tmp_path / "data", log_options={"segment_bytes": 20_000}).work(30)
    if backup:
        back_up(tmp_path / "data", tmp_path / "copy", lambda: {0: node.log.last_index(1)}, no_progress)
    shard = node.shards[0]
    shard.end_runs()
    node.elapsed_ns += 3 * 10**9
    shard.hear(b"client")
    shard.apply()
    node.log.truncate(1, shard.file.make_durable() - 5)
    assert node.log.first_index(1) > 1
    node.work(5)
    return node.close()


def test_a_short_log_needs_a_backup(tmp_path: Path) -> None:
    """Without one the file would lack what was dropped; it is not touched, and the entry is named."""
    folder = short_log(tmp_path, backup=False)
    before = (folder / SHARD_0).read_bytes()
    with pytest.raises(
        OperatorError, match=r"begins at entry \d+, and its file would have to begin at entry 1: .*--from"
    ):
        rebuild(folder, [], None, no_progress)
    assert (folder / SHARD_0).read_bytes() == before
    assert not list(folder.glob(".*"))


def test_a_backup_and_a_short_log(tmp_path: Path) -> None:
    """The backup's rows and the log's entries behind them are all that there was."""
    folder = short_log(tmp_path, backup=True)
    rows = dump(folder / SHARD_0)
    ruin(folder / SHARD_0)
    (rebuilt,) = rebuild(folder, [], tmp_path / "copy", no_progress)
    assert 0 < rebuilt.begun_at < rebuilt.applied
    assert dump(folder / SHARD_0) == rows
    assert verify([folder], no_progress).findings == []


def test_a_backup_that_does_not_fit(tmp_path: Path) -> None:
    """One of another cluster, and one from before the log's first entry, are refused."""
    folder = StoredNode(tmp_path / "data").work(3).close()
    other = StoredNode(tmp_path / "other").work(3).close()
    back_up(other, tmp_path / "copy", dict, no_progress)
    with pytest.raises(OperatorError, match="a backup of another cluster"):
        rebuild(folder, [], tmp_path / "copy", no_progress)
    (tmp_path / "second").mkdir()
    early = StoredNode(tmp_path / "second" / "data", log_options={"segment_bytes": 20_000}).work(2)
    back_up(tmp_path / "second" / "data", tmp_path / "early", lambda: {0: early.log.last_index(1)}, no_progress)
    shard = early.work(40).shards[0]
    shard.end_runs()
    shard.apply()
    early.log.truncate(1, shard.file.make_durable() - 2)
    early.close()
    with pytest.raises(OperatorError, match="the backup is too old"):
        rebuild(tmp_path / "second" / "data", [], tmp_path / "early", no_progress)


def test_a_node_that_runs_keeps_its_files(tmp_path: Path) -> None:
    """Two writers would ruin what is left."""
    node = StoredNode(tmp_path / "data").work(2)
    with pytest.raises(OperatorError, match="while its node is stopped"):
        rebuild(tmp_path / "data", [], None, no_progress)
    node.close()


def test_a_folder_without_a_log(tmp_path: Path) -> None:
    """There is nothing to build from."""
    with pytest.raises(OperatorError, match="has no log to build from; restore a backup"):
        rebuild(tmp_path, [], None, no_progress)
