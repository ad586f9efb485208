"""Locks, readers that pin the WAL, and power that goes: what was said to be durable is there."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from another_process import another_process
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_entries import EXECUTORS, FIRST, LANES, a_finish, a_submit, an_entry, apply, history, row_faults

from mainspring.actors.entries import NOOP, Entry
from mainspring.actors.store import ReadListing
from mainspring.chaos.disk.disk import Disk, Loss
from mainspring.chaos.disk.plain_files import DiskFiles
from mainspring.chaos.disk.vfs import DiskVfs
from mainspring.nodes.storage.shard.errors import ShardFailed
from mainspring.nodes.storage.shard.shard_file import ShardFile


def test_locked_by_another_process(tmp_path: Path) -> None:
    """A lock of somebody's shell defers the apply; the same entries and newer ones are taken when it is gone."""
    path = tmp_path / "shard.db"
    store = ShardFile(path)
    log = [FIRST, *history(4)]
    assert store.apply(log[:2])
    with another_process(path, "BEGIN IMMEDIATE"):
        assert not store.apply(log[:3])
        assert not store.apply(log)
        assert store.applied == 2
        assert len(store.read(ReadListing("jobs", {}))[1]) == 4
    assert store.apply(log)
    assert store.applied == 5
    store.close()
    assert row_faults(path) == []


def test_reader_that_pins_the_wal(tmp_path: Path) -> None:
    """An open reader keeps checkpoints from finishing, and they say so; make_durable does not rest on them."""
    path = tmp_path / "shard.db"
    store = ShardFile(path, checkpoint_pages=10)
    log = [FIRST, *history(60)]
    assert store.apply(log[:2])
    assert store.checkpoint().complete
    assert store.durable_applied() == 2
    with another_process(path, "BEGIN;SELECT count(*) FROM v_jobs"):
        for pair in log[2:]:
            assert store.apply([pair])
        done = store.checkpoint()
        assert not done.complete
        assert done.checkpointed < done.log
        assert store.wal_bytes() > done.log * 4096
        assert store.durable_applied() == 2
        assert store.make_durable() == store.durable_applied() == 61
    done = store.checkpoint()
    assert done.complete
    assert store.apply(history(1, first=62))
    assert store.checkpoint().log < done.log, "the WAL starts again once nobody reads its old end"
    store.close()


@contextmanager
def on_a_disk(folder: Path, checkpoint_pages: int = 4000) -> Iterator[tuple[ShardFile, Disk, DiskVfs]]:
    """A shard file on a disk that can fail; the file itself is safe already."""
    folder.mkdir()
    ShardFile(folder / "shard.db").close()
    disk = Disk(folder)
    vfs = DiskVfs(disk)
    files = DiskFiles(disk)
    store = ShardFile(folder / "shard.db", vfs=vfs.name, files=files, checkpoint_pages=checkpoint_pages)
    yield store, disk, vfs
    store.close()
    vfs.close()


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("pinned", [False, True], ids=["free", "pinned"])
def test_power_loss(tmp_path: Path, loss: Loss, pinned: bool) -> None:
    """After make_durable no cut of the power loses an entry, whether or not a reader pins the WAL."""
    draw = random.Random(5)
    log = [FIRST, *history(40)]
    with on_a_disk(tmp_path / "disk", checkpoint_pages=30) as (store, disk, _):
        reader = apsw.Connection(str(store.path))
        at = 0
        while at < len(log):
            if pinned and at > 8 and not reader.in_transaction:
                reader.execute("BEGIN; SELECT count(*) FROM jobs")
            size = draw.randint(1, 4)
            assert store.apply(log[at : at + size])
            at += size
            if draw.random() < 0.4:
                store.make_durable()
            left = tmp_path / f"left{at}"
            disk.power_loss(left, loss, draw)
            after = ShardFile(left / "shard.db")
            assert store.durable_applied() <= after.applied <= store.applied
            after.close()
            assert row_faults(left / "shard.db") == []
        reader.close()


def test_checkpoint_of_somebody_who_does_not_sync(tmp_path: Path) -> None:
    """What another program's checkpoint left unsynced in the database file is synced before it is promised."""
    with on_a_disk(tmp_path / "disk") as (store, disk, vfs):
        log = [FIRST, *history(400)]
        assert store.apply(log[:400])
        other = apsw.Connection(str(store.path), vfs=vfs.name)
        other.pragma("synchronous", "OFF")
        done = other.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_PASSIVE)
        assert done[0] == done[1] > 0
        other.close()
        assert store.apply(log)
        assert store.make_durable() == 401
        disk.power_loss(tmp_path / "left", Loss.EVERYTHING, random.Random(1))
    after = ShardFile(tmp_path / "left" / "shard.db")
    assert after.applied == 401
    after.close()
    assert row_faults(tmp_path / "left" / "shard.db") == []


def test_checkpoint_without_room(tmp_path: Path) -> None:
    """Entries that fit the WAL are applied, even if there is no room to copy them into the database file."""
    with on_a_disk(tmp_path / "disk") as (store, disk, _):
        log = [FIRST, *history(200)]
        for pair in log[:100]:
            assert store.apply([pair])
        assert store.checkpoint().complete
        disk.capacity_bytes = 1
        assert store.apply(log[:140])
        assert not store.checkpoint().complete
        assert store.apply(log[:150])
        disk.capacity_bytes = None
        assert store.apply(log)
        assert store.checkpoint().complete
    assert row_faults(tmp_path / "disk" / "shard.db") == []


def test_failed_fsync_is_told(tmp_path: Path) -> None:
    """A disk that fails to sync ends make_durable with an error, and nothing more is promised."""
    with on_a_disk(tmp_path / "disk") as (store, disk, _):
        assert store.apply([FIRST])
        disk.fail("sync")
        with pytest.raises(ShardFailed, match=r"shard\.db could not be written to the disk \(Input/output error\)"):
            store.make_durable()
        assert store.durable_applied() == 0
        disk.mend()


def test_full_disk(tmp_path: Path) -> None:
    """A full disk takes nothing and keeps what was there; with room again the same entries are taken."""
    with on_a_disk(tmp_path / "disk", checkpoint_pages=20) as (store, disk, _):
        log = [FIRST, *history(20)]
        assert store.apply(log[:3])
        disk.capacity_bytes = 1
        with pytest.raises(apsw.FullError):
            store.apply(log)
        assert store.applied == 3
        assert len(store.read(ReadListing("jobs", {"state": "ready"}))[1]) == 2
        disk.capacity_bytes = None
        assert store.apply(log)
    assert row_faults(tmp_path / "disk" / "shard.db") == []


@given(st.integers(1, 6), st.integers(0, 3))
@settings(max_examples=15)
def test_failed_apply_changes_nothing(tmp_path_factory: pytest.TempPathFactory, good: int, lane: int) -> None:
    """A fault in the middle of a batch leaves file and memory as they were, new lanes included."""
    store = ShardFile(tmp_path_factory.mktemp("shard") / "shard.db")
    apply(store, an_entry(LANES, EXECUTORS))
    before = store.restore()
    new_lane = [1, [[9, "default", "late", 0, "task"]]]
    bad = [(2 + n, an_entry(a_submit(n * 2 + 1, 2, sequence=n + 1), new_lane if n == 0 else [0])) for n in range(good)]
    bad.append((2 + good, an_entry(a_submit(good * 2 + 1, 1, sequence=99, lane=9), a_finish(500))))
    with pytest.raises(AssertionError, match="job 500 ends and is not live"):
        store.apply(bad)
    assert store.restore() == before
    with pytest.raises(AssertionError, match="no entry brought"):
        store.apply([(2, an_entry(a_submit(1, 1, lane=9)))])
    assert store.restore() == before
    store.close()


def test_a_second_writer_is_noticed(tmp_path: Path) -> None:
    """A file that somebody else has written is no view of this log any more: nothing is added to it."""
    ours, theirs = ShardFile(tmp_path / "shard.db"), ShardFile(tmp_path / "shard.db")
    assert ours.apply([(1, Entry(1, 1_000, [[NOOP]]))])
    with pytest.raises(ShardFailed, match="somebody else has written"):
        theirs.apply([(1, Entry(2, 1_000, [[NOOP]]))])
    assert ours.apply([(2, Entry(1, 1_000, [[NOOP]]))])
    with pytest.raises(AssertionError, match="after one of epoch 1"):
        ours.apply([(3, Entry(0, 1_000, [[NOOP]]))])
    assert ours.applied == 2
