"""Copies of shards: made beside a writer, sent in pieces, put in place whatever happens in between."""

import hashlib
import os
import random
from pathlib import Path
from typing import Any

import apsw
import pytest
from another_process import another_process
from shard_copies import NAME, a_shard, copied, put, send
from shard_entries import a_submit, an_entry, history

from mainspring.actors import entries
from mainspring.actors.raft.snapshots import SnapshotDamaged
from mainspring.actors.store import ReadListing
from mainspring.broker.wire.member_messages import SNAPSHOT_CHUNK_BYTES
from mainspring.chaos.disk.disk import Disk, Event, Loss
from mainspring.chaos.disk.plain_files import DiskFiles
from mainspring.chaos.disk.vfs import DiskVfs
from mainspring.nodes.storage.shard import snapshots as snapshots_module
from mainspring.nodes.storage.shard.errors import ShardFailed
from mainspring.nodes.storage.shard.shard_file import ShardFile
from mainspring.nodes.storage.shard.snapshots import ShardSnapshots

TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"


def logical_hash(path: Path) -> str:
    """A hash of all rows of all tables, whatever the bytes of the file are."""
    digest = hashlib.sha256()
    connection: Any = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    for (table,) in connection.execute(TABLES).fetchall():
        digest.update(repr((table, sorted(map(repr, connection.execute(f"SELECT * FROM {table}"))))).encode())
    connection.close()
    return digest.hexdigest()


def test_a_follower_gets_the_rows(tmp_path: Path) -> None:
    """All tables are the same afterwards, and both go on from there."""
    leader, follower = a_shard(tmp_path / "a", 3000), a_shard(tmp_path / "b", 3)
    source, target = ShardSnapshots({1: leader}), ShardSnapshots({1: follower})
    made = copied(source)
    assert made.size_bytes > 2 * SNAPSHOT_CHUNK_BYTES
    assert made.index == 0, "no HOLD has moved the floor, so the log is needed from its first entry on"
    send(source, target, made)
    assert target.install(1, made.sha256) == follower.applied == leader.applied == 3001
    assert follower.durable_applied() == 3001
    assert (follower.floor, follower.finished_count) == (leader.floor, leader.finished_count)
    assert logical_hash(follower.path) == logical_hash(leader.path)
    more = [(3002, an_entry([entries.HOLD, 2990, []], a_submit(first_id=9_000_000), stamp_ms=2**42))]
    for store in (leader, follower):
        assert store.apply(more)
        assert store.floor == 2990
    assert logical_hash(follower.path) == logical_hash(leader.path)
    source.drop(1)
    assert source.chunk(1, made.sha256, 0) == b""
    assert copied(source).index == 2989, "the log is kept from the floor on: leases without a row stand there"
    source.close()
    for store in (leader, follower):
        store.close()
    for folder in "ab":
        assert [path.name for path in (tmp_path / folder).iterdir()] == [NAME]


def test_caches_are_those_of_the_new_file(tmp_path: Path) -> None:
    """What is in memory of the old file (its lanes, whose tenants keys belong to) is forgotten."""
    leader, follower = a_shard(tmp_path / "a", 2), a_shard(tmp_path / "b", 0)
    lane = [entries.LANES, [[3, "third", "mail", 0, "shop.send_email"]]]
    assert leader.apply([(4, an_entry(lane, stamp_ms=2**42))])
    source, target = ShardSnapshots({1: leader}), ShardSnapshots({1: follower})
    made = copied(source)
    send(source, target, made)
    target.install(1, made.sha256)
    keyed = a_submit(first_id=77, lane=3, key="k", key_until_ms=2**43, session=9)
    for store in (leader, follower):
        assert store.apply([(5, an_entry(keyed, stamp_ms=2**42))])
        assert store.restore() == leader.restore()
    assert logical_hash(follower.path) == logical_hash(leader.path)
    source.close()
    leader.close()
    follower.close()


def test_writes_go_on_while_a_copy_is_made(tmp_path: Path) -> None:
    """The copy is of one entry, and the writer never waits for it."""
    store = a_shard(tmp_path, 2000)
    snapshots = ShardSnapshots({1: store})
    snapshots.make(1)
    last = store.applied
    while snapshots.made(1) is None:
        assert store.apply(history(1, first=last + 1))
        last += 1
    made = snapshots.made(1)
    assert made is not None
    snapshots.make(1)
    assert snapshots.made(1) == made, "there is one already"
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"".join(snapshots.chunk(1, made.sha256, at) for at in range(0, made.size_bytes, 256 * 1024)))
    shown = ShardFile(copy)
    assert 2001 <= shown.applied <= last
    assert len(shown.read(ReadListing("jobs", {"limit": 10}))[1]) == 10
    shown.close()
    snapshots.close()
    store.close()


def test_a_transfer_is_resumed_after_a_restart(tmp_path: Path) -> None:
    """What has arrived of the same copy is there for the next life; another copy's part is thrown away."""
    leader, follower = a_shard(tmp_path / "a", 2000), a_shard(tmp_path / "b", 1)
    source = ShardSnapshots({1: leader})
    made = copied(source)
    half = send(source, ShardSnapshots({1: follower}), made, until=SNAPSHOT_CHUNK_BYTES)
    target = ShardSnapshots({1: follower})
    assert target.add(1, made.sha256, half, b"x") == 0, "nobody has offered it in this life"
    assert target.begin(1, made.sha256, made.size_bytes) == half == SNAPSHOT_CHUNK_BYTES
    assert target.add(1, made.sha256, 0, b"again") == half, "what is here is not written twice"
    assert target.add(1, made.sha256, half, bytes(made.size_bytes)) == half, "more than the copy has"
    other = hashlib.sha256(b"other").hexdigest()
    assert target.begin(1, other, 10) == 0
    assert target.begin(1, made.sha256, made.size_bytes) == 0
    assert target.begin(1, "../../etc/passwd", 10) == 0
    assert target.add(1, "../../etc/passwd", 0, b"x") == 0
    send(source, target, made)
    assert target.install(1, made.sha256) == 2001
    source.close()
    leader.close()
    follower.close()


def test_old_leftovers_are_removed(tmp_path: Path) -> None:
    """A copy of an earlier life, and a part that nobody has gone on with."""
    store = a_shard(tmp_path, 1)
    for name, age_s in (("copy-7", 0), ("part-" + "a" * 64, 4000), ("part-" + "b" * 64, 10)):
        path = tmp_path / f".{NAME}.{name}"
        path.write_bytes(b"x")
        os.utime(path, (path.stat().st_mtime - age_s,) * 2)
    ShardSnapshots({1: store})
    assert sorted(path.name for path in tmp_path.glob(".*")) == [f".{NAME}.part-{'b' * 64}"]
    store.close()


@pytest.mark.parametrize("what", ["flipped", "short", "foreign", "newer", "no rows"])
def test_a_damaged_copy_is_refused(tmp_path: Path, what: str) -> None:
    """The old file stays, and nothing is left of the copy."""
    leader, follower = a_shard(tmp_path / "a", 500), a_shard(tmp_path / "b", 3)
    before = logical_hash(follower.path)
    source, target = ShardSnapshots({1: leader}), ShardSnapshots({1: follower})
    made = copied(source)
    data = bytearray(b"".join(source.chunk(1, made.sha256, at) for at in range(0, made.size_bytes, 256 * 1024)))
    if what in ("foreign", "newer", "no rows"):
        path = tmp_path / "made.db"
        path.write_bytes(data)
        database = apsw.Connection(str(path))
        database.execute(
            {
                "foreign": "PRAGMA application_id = 1",
                "newer": "PRAGMA user_version = 999",
                "no rows": "DELETE FROM meta",
            }[what]
        )
        database.close()
        data = bytearray(path.read_bytes())
        made = made._replace(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    elif what == "flipped":
        data[len(data) // 2] ^= 1
    target.begin(1, made.sha256, made.size_bytes)
    target.add(1, made.sha256, 0, bytes(data[:-1] if what == "short" else data))
    with pytest.raises(SnapshotDamaged):
        target.install(1, made.sha256)
    assert (follower.applied, logical_hash(follower.path)) == (4, before)
    assert not list((tmp_path / "b").glob(".*"))
    with pytest.raises(SnapshotDamaged, match="has arrived"):
        target.install(1, made.sha256)
    source.close()
    leader.close()
    follower.close()


def test_a_damaged_leader_makes_no_copy(tmp_path: Path) -> None:
    """What cannot be read whole is not sent."""
    store = a_shard(tmp_path, 2000)
    assert store.checkpoint().complete
    image = bytearray(store.path.read_bytes())
    image[40 * 4096 : 60 * 4096] = os.urandom(20 * 4096)
    with store.path.open("r+b") as file:
        file.write(image)
    snapshots = ShardSnapshots({1: store})
    snapshots.make(1)
    snapshots.wait(1)
    with pytest.raises(ShardFailed):
        snapshots.made(1)
    snapshots.close()
    store.close()


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A full disk makes no copy, takes none, and keeps what it has; with room it goes on."""
    leader, follower = a_shard(tmp_path / "a", 1500), a_shard(tmp_path / "b", 3)
    now_s = 100.0
    source = ShardSnapshots({1: leader}, elapsed_s=lambda: now_s)
    target = ShardSnapshots({1: follower})
    monkeypatch.setattr(snapshots_module, "_has_room", lambda *_: False)
    source.make(1)
    source.wait(1)
    assert source.made(1) is None
    for _ in range(2):
        assert target.begin(1, "a" * 64, 9) == 0
        assert target.add(1, "a" * 64, 0, b"x") == 0
    assert caplog.text.count("that another member sends") == 1
    monkeypatch.undo()
    source.make(1)
    assert source.made(1) is None, "it is tried again later"
    now_s += 31.0
    made = copied(source)
    half = send(source, target, made, until=SNAPSHOT_CHUNK_BYTES)

    def full(path: Path, _offset: int, _data: bytes) -> None:
        with path.open("ab") as file:
            file.write(b"a part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshots_module, "_write", full)
    assert target.add(1, made.sha256, half, b"x") == half
    monkeypatch.undo()
    assert target.add(1, made.sha256, half, b"x") == half, "not before it is offered again"
    assert target.begin(1, made.sha256, made.size_bytes) == half, "nothing half"
    send(source, target, made)
    assert target.install(1, made.sha256) == 1501
    source.close()
    leader.close()
    follower.close()


@pytest.mark.integration
@pytest.mark.parametrize("statements", ["BEGIN;SELECT count(*) FROM v_jobs", "SELECT count(*) FROM v_jobs"])
def test_somebody_reads_the_old_file(tmp_path: Path, statements: str) -> None:
    """A shell goes on with what it has, and when it ends it takes nothing of the new file with it."""
    leader, follower = a_shard(tmp_path / "a", 300), a_shard(tmp_path / "b", 30)
    source, target = ShardSnapshots({1: leader}), ShardSnapshots({1: follower})
    made = copied(source)
    send(source, target, made)
    with another_process(follower.path, statements):
        assert target.install(1, made.sha256) == 301
        assert follower.apply(history(2, first=302))
    assert follower.apply(history(2, first=304))
    assert follower.wal_bytes() > 0
    assert follower.path.with_name(NAME + "-wal").exists(), "the shell has not removed what is not its own"
    assert follower.make_durable() == 305
    copy = tmp_path / "kill"
    copy.mkdir()
    for name in (NAME, NAME + "-wal"):
        (copy / name).write_bytes((tmp_path / "b" / name).read_bytes())
    found = ShardFile(copy / NAME)
    assert found.applied == 305
    found.close()
    assert leader.apply(history(4, first=302))
    assert logical_hash(copy / NAME) == logical_hash(leader.path)
    source.close()
    leader.close()
    follower.close()


@pytest.mark.slow
@pytest.mark.parametrize("loss", list(Loss))
def test_a_kill_at_any_step_leaves_old_or_new(tmp_path: Path, loss: Loss) -> None:
    """Whatever the power takes, the next start finds one of the two files, sound, and never a mix."""
    leader = a_shard(tmp_path / "a", 200)
    source = ShardSnapshots({1: leader})
    made = copied(source)
    folder = tmp_path / "b"
    store = a_shard(folder, 20)
    store.close()
    disk = Disk(folder)
    vfs = DiskVfs(disk)
    follower = ShardFile(folder / NAME, vfs=vfs.name, files=DiskFiles(disk))
    assert follower.apply(history(5, first=22))
    follower.make_durable()
    assert follower.apply(history(5, first=27))
    target = ShardSnapshots({1: follower}, files=DiskFiles(disk))
    put(source, folder, made)
    disk.adopt()
    draw = random.Random(5)
    kinds: list[str] = []

    def cut(event: Event) -> None:
        draws = 40 if event.kind == "rename" else 3
        for _ in range(draws if loss in (Loss.SOME, Loss.TAIL) else 1):
            disk.power_loss(tmp_path / "cuts" / str(len(kinds)), loss, draw)
            kinds.append(event.kind)

    disk.on_event = cut
    assert target.begin(1, made.sha256, made.size_bytes) == made.size_bytes
    assert target.install(1, made.sha256) == 201
    is_new_at = len(kinds)
    assert follower.apply(history(3, first=202))
    follower.make_durable()
    disk.on_event = None
    follower.close()
    vfs.close()
    assert {"rename", "remove", "sync_directory"} <= set(kinds)
    seen: set[int] = set()
    for number in range(len(kinds)):
        folder = tmp_path / "cuts" / str(number)
        found = ShardFile(folder / NAME)
        seen.add(found.applied)
        assert 26 <= found.applied <= 31 or 201 <= found.applied <= 204
        assert found.applied >= 201 or number < is_new_at
        assert len(found.read(ReadListing("jobs", {"state": "ready", "limit": 1000}))[1]) == found.applied - 1
        found.close()
        connection: Any = apsw.Connection(str(folder / NAME))
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        connection.close()
        assert not (folder / f".{NAME}.arrived").exists()
    assert min(seen) < 201 <= max(seen)
    source.close()
    leader.close()


@pytest.mark.parametrize(("kind", "name"), [("rename", ""), ("sync_directory", ""), ("remove", ""), ("sync", "part")])
def test_a_disk_that_fails(tmp_path: Path, kind: str, name: str) -> None:
    """The process ends with a clear word, and the next one finds the old file or the new one."""
    leader = a_shard(tmp_path / "a", 200)
    source = ShardSnapshots({1: leader})
    made = copied(source)
    a_shard(tmp_path / "b", 20).close()
    disk = Disk(tmp_path / "b")
    follower = ShardFile(tmp_path / "b" / NAME, files=DiskFiles(disk))
    target = ShardSnapshots({1: follower}, files=DiskFiles(disk))
    put(source, tmp_path / "b", made)
    disk.adopt()
    disk.fail(kind, name)
    assert target.begin(1, made.sha256, made.size_bytes) == made.size_bytes
    with pytest.raises(ShardFailed):
        target.install(1, made.sha256)
    follower.close()
    found = ShardFile(tmp_path / "b" / NAME)
    assert found.applied in (21, 201)
    found.close()
    source.close()
    leader.close()
