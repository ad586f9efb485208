"""A backup has everything that was acknowledged before it began; it is whole or not there; it is put back as told."""

import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from stored_node import StoredNode, spoil_every

from mainspring.broker.wire.messages import FinishedAck
from mainspring.nodes.shards import backup as backup_module
from mainspring.nodes.shards.backup import back_up
from mainspring.nodes.shards.backup_files import verify_backup
from mainspring.nodes.shards.manifest import read_manifest
from mainspring.nodes.shards.report import OperatorError, Report, no_progress
from mainspring.nodes.shards.restore import EPOCHS_SKIPPED, IDS_SKIPPED, raised_epoch, restore
from mainspring.nodes.shards.verify import verify

SHARD_0 = "tasks_default_shard_0.db"


def nobody() -> Mapping[int, int]:
    """The barrier of a node that does not run."""
    raise AssertionError("no node runs, and one was asked")


def ids(path: Path) -> set[int]:
    """The jobs that a shard file knows."""
    connection = sqlite3.connect(path)
    found = {id for (id,) in connection.execute("SELECT id FROM v_jobs")}
    connection.close()
    return found


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The folder of a stopped node with two shards."""
    return StoredNode(tmp_path / "data", count=2).work(6).close()


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_stopped_node(stopped: Path, tmp_path: Path, name: str) -> None:
    """Folder or file, the manifest says whose it is and how far, every checksum fits, and nothing else is left."""
    manifest = back_up(stopped, tmp_path / name, nobody, no_progress)
    report = verify([tmp_path / name], no_progress)
    assert report.findings == []
    assert [shard.shard for shard in manifest.shards] == [0, 1]
    assert all(shard.finished > 40 for shard in manifest.shards)
    assert manifest.cluster == json.loads((stopped / "identity.json").read_text())["cluster"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "data"])
    assert (tmp_path / name).stat().st_mode & 0o077 == 0, "every job's arguments stand in it"
    assert read_manifest(manifest.encode(), tmp_path) == manifest
    if name == "copy":
        assert ids(tmp_path / name / SHARD_0) == ids(stopped / SHARD_0)


def test_a_killed_node(tmp_path: Path) -> None:
    """What the log holds beyond the shard file is in the backup, and the files of the node are only read."""
    node = StoredNode(tmp_path / "live").work(3)
    node.shards[0].submit(50)
    acked = set(node.shards[0].acked)
    left = node.killed(tmp_path / "data")
    node.close()
    assert not acked <= ids_of_copy(left, tmp_path)
    before = {path: path.read_bytes() for path in left.rglob("*") if path.is_file() and path.name != "lock"}
    back_up(left, tmp_path / "copy", nobody, no_progress)
    assert acked <= ids(tmp_path / "copy" / SHARD_0)
    after = {path: path.read_bytes() for path in left.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == before


def ids_of_copy(folder: Path, tmp_path: Path) -> set[int]:
    """The jobs that a shard file shows; asked of a copy, because even reading leaves a -shm behind."""
    copy = Path(shutil.copytree(folder, tmp_path / "asked"))
    return ids(copy / SHARD_0)


def test_a_running_node(tmp_path: Path) -> None:
    """The copy waits for the rows that the node names, and is of one moment while the node goes on."""
    node = StoredNode(tmp_path / "data").work(3)
    shard = node.shards[0]
    shard.submit(30)
    acked = set(shard.acked)

    def step(what: str, _done: int, _total: int) -> None:
        if "waiting for its rows" in what:
            shard.apply()
        elif "copying" in what:
            shard.submit(5)
            shard.apply()

    manifest = back_up(tmp_path / "data", tmp_path / "copy", lambda: {0: node.log.last_index(1)}, step)
    assert acked <= ids(tmp_path / "copy" / SHARD_0)
    assert not set(shard.acked) <= ids(tmp_path / "copy" / SHARD_0)
    assert manifest.shards[0].applied < node.log.last_index(1)
    node.close()


def test_rows_that_do_not_come_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard file that somebody has locked ends the wait with his trace, and leaves nothing."""
    monkeypatch.setattr(backup_module, "BEHIND_WAIT_S", 0.05)
    node = StoredNode(tmp_path / "data").work(2)
    with pytest.raises(OperatorError, match="somebody holds a lock on it"):
        back_up(tmp_path / "data", tmp_path / "copy", lambda: {0: 10**6}, no_progress)
    node.close()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_shard_that_the_node_does_not_serve(tmp_path: Path) -> None:
    """Nobody says how far its log is, so its copy might lack what was acknowledged; no backup is made."""
    node = StoredNode(tmp_path / "data", count=2).work(2)
    with pytest.raises(OperatorError, match="does not serve shard 1"):
        back_up(tmp_path / "data", tmp_path / "copy", lambda: {0: node.log.last_index(1)}, no_progress)
    node.close()
    assert not (tmp_path / "copy").exists()


def test_nothing_is_overwritten(stopped: Path, tmp_path: Path) -> None:
    """What is there stays, an empty folder included; a folder to be in must be there."""
    (tmp_path / "copy").mkdir()
    for target in ("copy", "data"):
        with pytest.raises(OperatorError, match="overwrites nothing"):
            back_up(stopped, tmp_path / target, nobody, no_progress)
    with pytest.raises(OperatorError, match="make it first"):
        back_up(stopped, tmp_path / "nix" / "copy", nobody, no_progress)


def test_a_damaged_shard_is_refused(stopped: Path, tmp_path: Path) -> None:
    """A backup that could not be restored must not look like one."""
    connection = sqlite3.connect(stopped / SHARD_0)
    connection.execute("UPDATE lanes SET ready = 99")
    connection.commit()
    connection.close()
    with pytest.raises(OperatorError, match=r"shard 0 is damaged .* `mainspring shards verify` says more"):
        back_up(stopped, tmp_path / "copy", nobody, no_progress)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_damaged_log_is_refused(stopped: Path, tmp_path: Path) -> None:
    """Without its log nobody knows whether a stopped node's rows are all there; the text names the node's own file."""
    spoil_every(stopped / "log/log-00000001.db", b"x" * 40)
    with pytest.raises(OperatorError, match="has a wrong checksum") as caught:
        back_up(stopped, tmp_path / "copy", nobody, no_progress)
    assert str(stopped) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_no_room(stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup may not take the room that the node on the same disk lives by."""

    class Room(NamedTuple):
        f_bavail: int
        f_frsize: int = 4096

    monkeypatch.setattr(os, "statvfs", lambda _path: Room(100))
    with pytest.raises(OperatorError, match=r"no room for the backup .* stay free for the node"):
        back_up(stopped, tmp_path / "copy", nobody, no_progress)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_damaged_log_is_left_out(stopped: Path, tmp_path: Path) -> None:
    """What the shard files show is saved without the log, and a node goes on from there."""
    rows = ids(stopped / SHARD_0)
    spoil_every(stopped / "log/log-00000001.db", b"x" * 40)
    back_up(stopped, tmp_path / "copy", nobody, no_progress, with_log=False)
    restore(tmp_path / "copy", tmp_path / "again", no_progress)
    node = StoredNode(tmp_path / "again", count=2)
    with pytest.raises(OperatorError, match="leave --without-log away"):
        back_up(tmp_path / "again", tmp_path / "copy-2", nobody, no_progress, with_log=False)
    node.shards[0].end_runs()
    assert rows <= ids(node.close() / SHARD_0)
    shutil.rmtree(stopped / "log")
    with pytest.raises(OperatorError, match=r"is missing; --without-log"):
        back_up(stopped, tmp_path / "copy-3", nobody, no_progress)


class Life(NamedTuple):
    """A node, backed up, that went on, was killed, and was restored elsewhere."""

    acked: set[int]
    """Before the backup."""
    old_runs: list[Any]
    """Runs of the old node that an executor still has."""
    later: set[int]
    """Jobs that were taken after the backup."""
    new: StoredNode
    epoch: int


@pytest.fixture
def restored(tmp_path: Path) -> Life:
    """The whole story, with a run under way whose lease has a row and one whose lease has none."""
    node = StoredNode(tmp_path / "data").work(3)
    shard = node.shards[0]
    shard.submit(10)
    node.elapsed_ns += 3 * 10**9
    shard.hear(b"client")
    shard.submit(10)
    shard.apply()
    acked = set(shard.acked)
    back_up(tmp_path / "data", tmp_path / "copy", lambda: {0: node.log.last_index(1)}, no_progress)
    shard.submit(10)
    later = set(shard.acked) - acked
    old_runs = list(shard.runs)
    node.killed(tmp_path / "left")
    node.close()
    found = restore(tmp_path / "copy", tmp_path / "again", no_progress)
    return Life(acked, old_runs, later, StoredNode(tmp_path / "again"), found.epoch)


def test_restored_jobs_run(restored: Life, tmp_path: Path) -> None:
    """Everything acknowledged before the backup is there; what lived runs, what ran runs again, under new fences."""
    shard = restored.new.shards[0]
    for _ in range(10):
        shard.end_runs()
        shard.apply()
    folder = restored.new.close()
    found = ids(folder / SHARD_0)
    assert restored.acked <= found
    assert not restored.later & found
    connection = sqlite3.connect(folder / SHARD_0)
    states = {state for (state,) in connection.execute("SELECT DISTINCT state FROM v_jobs")}
    connection.close()
    assert states <= {"succeeded", "retrying"}
    assert verify([folder], no_progress).findings == []


def test_old_fences_are_refused(restored: Life) -> None:
    """An executor of before may still report what it ran: nothing of it is recorded, and the new run decides."""
    shard = restored.new.shards[0]
    assert restored.old_runs
    assert all(run.epoch > restored.epoch > old.epoch for run, _ in shard.runs for old, _ in restored.old_runs)
    held = {row[0] for _, row in shard.runs} & {row[0] for _, row in restored.old_runs}
    assert held, "the story has a job that runs in both lives"
    shard.report(restored.old_runs, "failed")
    shard.apply()
    restored.new.close()
    connection = sqlite3.connect(shard.path)
    marks = ",".join("?" * len(held))
    rows = connection.execute(f"SELECT count(*) FROM v_executions WHERE job_id IN ({marks})", sorted(held))
    assert rows.fetchone() == (0,)
    connection.close()


def test_ids_are_not_given_twice(restored: Life) -> None:
    """A job that was taken after the backup is gone, and nobody else's result is shown under its id."""
    shard = restored.new.shards[0]
    shard.sequence = 10**6  # the client of the old node goes on
    shard.submit(3)
    assert min(shard.acked) > max(restored.later) + IDS_SKIPPED - 1000
    assert isinstance(shard.end_runs()[0], FinishedAck)
    restored.new.close()


def test_the_epoch_is_above_all_others() -> None:
    """By the clock; and where the clock is behind, by a distance that no number of starts goes."""
    manifest = read_manifest(MANIFEST, Path("x"))
    assert raised_epoch(manifest.shards, 1_800_000_000_000) == 1_800_000_000_000
    assert raised_epoch(manifest.shards, 5) == 7 + EPOCHS_SKIPPED


def test_a_restore_overwrites_nothing(stopped: Path, tmp_path: Path) -> None:
    """A folder with anything in it is refused; an empty one is taken."""
    back_up(stopped, tmp_path / "copy.tar", nobody, no_progress)
    with pytest.raises(OperatorError, match=r"is not empty; a restore overwrites nothing: move it away"):
        restore(tmp_path / "copy.tar", stopped, no_progress)
    (tmp_path / "empty").mkdir()
    restore(tmp_path / "copy.tar", tmp_path / "empty", no_progress)
    assert (tmp_path / "empty").stat().st_mode & 0o777 == 0o700
    assert verify([tmp_path / "empty"], no_progress).findings == []
    with pytest.raises(OperatorError, match="make it first"):
        restore(tmp_path / "copy.tar", tmp_path / "nix" / "data", no_progress)


def test_a_mount_point_is_filled(stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is a mount point keeps its name; what was put into it is whole, and nothing else is there."""
    back_up(stopped, tmp_path / "copy", nobody, no_progress)
    (tmp_path / "mount").mkdir()
    (tmp_path / "mount" / "lost+found").mkdir()
    inode = (tmp_path / "mount").stat().st_ino
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path / "mount")
    restore(tmp_path / "copy", tmp_path / "mount", no_progress)
    assert (tmp_path / "mount").stat().st_ino == inode
    names = sorted(path.name for path in (tmp_path / "mount").iterdir())
    assert names == ["identity.json", "log", "lost+found", SHARD_0, "tasks_default_shard_1.db"]
    assert verify([tmp_path / "mount"], no_progress).findings == []


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_damaged_backup_is_refused(stopped: Path, tmp_path: Path, name: str) -> None:
    """One changed byte is enough, and nothing is put in place."""
    back_up(stopped, tmp_path / name, nobody, no_progress)
    spoilt = tmp_path / name if name.endswith(".tar") else tmp_path / name / SHARD_0
    spoil_every(spoilt, b"x" * 40)
    with pytest.raises(OperatorError, match="its checksum differs"):
        restore(tmp_path / name, tmp_path / "again", no_progress)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "data"])
    report = Report()
    verify_backup(tmp_path / name, report, no_progress)
    assert report.is_damaged


def test_what_is_no_backup_is_refused(stopped: Path, tmp_path: Path) -> None:
    """A folder without a manifest, a file that is no archive, an archive without files."""
    (tmp_path / "a.tar").write_bytes(b"no archive" * 100)
    with tarfile.open(tmp_path / "b.tar", "w:") as archive:
        archive.add(stopped / "identity.json", arcname="identity.json")
    for path, told in (
        (stopped, "is no backup: it has no manifest.json"),
        (tmp_path / "a.tar", "is no .tar file"),
        (tmp_path / "b.tar", "has no manifest.json"),
    ):
        with pytest.raises(OperatorError, match=told):
            restore(path, tmp_path / "again", no_progress)
    assert not (tmp_path / "again").exists()


SHARD_ROW = {
    "shard": 0,
    "epoch": 7,
    "applied": 9,
    "stamp_ms": 1,
    "next_sequence": 2,
    "live": 0,
    "finished": 1,
    "leases": 0,
}
MANIFEST = json.dumps({
    "format": 1, "cluster": "0" * 32, "node": "1" * 32, "made_ms": 1, "program": "mainspring 1", "schema": 1,
    "files": [
        {"name": "identity.json", "bytes": 3, "sha256": "a" * 64},
        {"name": SHARD_0, "bytes": 3, "sha256": "b" * 64, **SHARD_ROW},
    ],
}).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"identity.json"', '"../identity.json"', "damaged"),
        (f'"{SHARD_0}"', '"/etc/tasks_default_shard_0.db"', "damaged"),
        (f'"{SHARD_0}"', '"tasks_default_shard_1.db"', "is not shard 0"),
        ('"shard": 0', '"shard": 1', "damaged"),
        ('"bytes": 3', '"bytes": -3', "is no count"),
        ('"applied": 9', '"applied": "9"', "is no count"),
        ('"' + "b" * 64, '"' + "b" * 63, "damaged"),
        ('"format": 1', '"format": 2', "upgrade mainspring"),
        ('"made_ms"', '"made"', "damaged"),
        ("{", "[", "damaged"),
    ],
)
def test_a_manifest_is_read_strictly(old: str, new: str, told: str) -> None:
    """Whatever it names outside the backup, or does not say, is refused."""
    assert read_manifest(MANIFEST, Path("x")).shards[0].epoch == 7
    with pytest.raises(OperatorError, match=told):
        read_manifest(MANIFEST.replace(old.encode(), new.encode(), 1), Path("x"))
