"""A copy that has arrived is checked in a thread: the node answers others meanwhile."""

import threading
from pathlib import Path

import pytest
from shard_copies import a_shard, copied, put, send
from shard_entries import history

from mainspring.actors.raft.snapshots import SnapshotDamaged
from mainspring.broker.wire.member_messages import SNAPSHOT_CHUNK_BYTES
from mainspring.nodes.storage.log.files import OsFiles
from mainspring.nodes.storage.shard import snapshots as snapshots_module
from mainspring.nodes.storage.shard.snapshots import ShardSnapshots


class HeldFiles(OsFiles):
    """A disk on which the check of a copy takes as long as the test wants."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def sync(self, path: Path) -> None:
        """Waits first, if it is a copy that arrives."""
        if ".part-" in path.name:
            assert self.may_go_on.wait(30)
        super().sync(path)


@pytest.mark.parametrize("is_damaged", [False, True])
def test_nobody_waits_for_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_damaged: bool) -> None:
    """The last piece does not count until the copy is checked, however often it comes; then it is put in place."""
    monkeypatch.setattr(snapshots_module, "AWAITED_BYTES_MAX", 0)
    leader, follower = a_shard(tmp_path / "a", 3000), a_shard(tmp_path / "b", 3)
    files = HeldFiles()
    source, target = ShardSnapshots({1: leader}), ShardSnapshots({1: follower}, files=files)
    made = copied(source)
    last = made.size_bytes // SNAPSHOT_CHUNK_BYTES * SNAPSHOT_CHUNK_BYTES
    assert send(source, target, made, until=last) == last
    data = source.chunk(1, made.sha256, last)
    assert target.add(1, made.sha256, last, data[:-1] + b"?" if is_damaged else data) == last
    assert target.add(1, made.sha256, last, data) == last, "it is here, and not written twice"
    assert target.begin(1, made.sha256, made.size_bytes) < made.size_bytes, "offered again"
    assert follower.apply(history(1, first=5)), "rows are written meanwhile"
    files.may_go_on.set()
    target.wait_for_check(1)
    assert send(source, target, made) == made.size_bytes
    if is_damaged:
        with pytest.raises(SnapshotDamaged):
            target.install(1, made.sha256)
        assert target.begin(1, made.sha256, made.size_bytes) == 0
        assert send(source, target, made, until=last) == last
        target.add(1, made.sha256, last, data)
        target.wait_for_check(1)
        assert target.begin(1, made.sha256, made.size_bytes) == made.size_bytes
    assert target.install(1, made.sha256) == follower.applied == 3001
    target.close()
    source.close()
    leader.close()
    follower.close()


def test_a_check_that_nobody_needs_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another copy is offered, or the process ends: nobody waits for the old one's check to run its course."""
    monkeypatch.setattr(snapshots_module, "AWAITED_BYTES_MAX", 0)
    leader, follower = a_shard(tmp_path / "a", 3000), a_shard(tmp_path / "b", 3)
    files = HeldFiles()
    source, target = ShardSnapshots({1: leader}), ShardSnapshots({1: follower}, files=files)
    made = copied(source)
    put(source, tmp_path / "b", made)
    assert target.begin(1, made.sha256, made.size_bytes) < made.size_bytes
    assert target.begin(1, "a" * 64, 10) == 0
    assert not list((tmp_path / "b").glob(".*")), "the other one is gone"
    put(source, tmp_path / "b", made)
    assert target.begin(1, made.sha256, made.size_bytes) < made.size_bytes
    files.may_go_on.set()
    target.close()
    again = ShardSnapshots({1: follower})
    again.begin(1, made.sha256, made.size_bytes)
    again.wait_for_check(1)
    assert again.begin(1, made.sha256, made.size_bytes) == made.size_bytes, "the next life finds it, and checks it"
    again.close()
    source.close()
    leader.close()
    follower.close()
