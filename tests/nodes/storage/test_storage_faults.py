"""Each fault of the disk under log or shard file ends the process with one clear text, and loses nothing promised."""

import errno
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from stored_node import StoredNode, spoil

from mainspring.actors.log import LogDamaged
from mainspring.actors.store import DONE_COLUMNS, ReadJobs, ReadListing
from mainspring.chaos.disk.disk import Disk, Loss
from mainspring.chaos.disk.plain_files import DiskFiles
from mainspring.chaos.disk.vfs import DiskVfs
from mainspring.nodes.storage.log.errors import DiskFull, LogFailed
from mainspring.nodes.storage.log.files import OsFiles
from mainspring.nodes.storage.log.local_log import LocalLog
from mainspring.nodes.storage.shard.errors import ShardFailed
from mainspring.nodes.storage.shard.migration import ShardFileError
from mainspring.nodes.storage.shard.shard_file import ShardFile

SHARD_0 = "tasks_default_shard_0.db"
ROUNDS = 60


class OnDisk(NamedTuple):
    """A node on a disk that fails."""

    node: StoredNode
    disk: Disk
    vfs: DiskVfs

    def work(self) -> None:
        """One round of everything that a node does to its disk."""
        shard = self.node.shards[0]
        shard.submit(10)
        shard.end_runs()
        shard.apply()
        shard.file.checkpoint()
        durable = shard.file.make_durable()
        self.node.log.maintain()
        self.node.log.truncate(1, shard.member.machine.housekeeping.floor_as_of(durable))

    def work_for_long(self) -> None:
        """Long enough to meet every kind of write."""
        for _ in range(ROUNDS):
            self.work()

    def close(self) -> None:
        """Lets go of everything, as a process that ends does."""
        self.disk.mend()
        self.node.shards[0].file.close()
        self.node.log.close()
        self.vfs.close()


def on_disk(folder: Path) -> OnDisk:
    """A node that has worked a little."""
    StoredNode(folder).work(2).close()
    disk = Disk(folder)
    vfs = DiskVfs(disk)
    options = {"vfs": vfs.name, "files": DiskFiles(disk)}
    log_options = {**options, "segment_bytes": 60_000, "checkpoint_pages": 8}
    return OnDisk(StoredNode(folder, shard_options=options, log_options=log_options), disk, vfs)


def missing(folder: Path, node: StoredNode) -> tuple[set[int], set[int]]:
    """Acknowledged jobs and recorded ends that a start on this folder does not find."""
    shard = node.shards[0]
    again = StoredNode(folder)
    rows = again.shards[0].file.read(ReadJobs(sorted(shard.acked), "test"))
    known, ended = {row[0] for row in rows}, {row[0] for row in rows if len(row) == len(DONE_COLUMNS)}
    again.close()
    return set(shard.acked) - known, shard.recorded - ended


@pytest.mark.parametrize(
    ("kind", "name", "error", "told"),
    [
        ("write", "log-00000", LogFailed, "end the process, check the disk, start again"),
        ("sync", "log-00000", LogFailed, "end the process, check the disk, start again"),
        ("create", "segment.new", LogFailed, "end the process, check the disk, start again"),
        ("write", "synced", LogFailed, "the side file could not be written"),
        ("sync", "synced", LogFailed, "the side file could not be written"),
        ("remove", "log-00000", LogFailed, "end the process, check the disk, start again"),
        ("write", SHARD_0, ShardFailed, "look for disk errors in the kernel's log"),
        ("sync", f"{SHARD_0}-wal", ShardFailed, "look for disk errors in the kernel's log"),
        ("sync", SHARD_0, ShardFailed, "look for disk errors in the kernel's log"),
        ("read", SHARD_0, ShardFailed, "look for disk errors in the kernel's log"),
    ],
)
def test_a_fault_ends_the_node_and_loses_nothing(
    tmp_path: Path, kind: str, name: str, error: type[Exception], told: str
) -> None:
    """The text names the file's folder and the mend; after it even a power loss leaves all that was promised."""
    place = on_disk(tmp_path / "data")
    for _ in range(3):
        place.work()
    if kind == "read":
        place.node.shards[0].file.close()  # and opened again: nothing is in memory
        place.disk.fail(kind, name)
        with pytest.raises(error, match=told) as caught:
            place.node.shards[0].file = ShardFile(tmp_path / "data" / SHARD_0, vfs=place.vfs.name)
    else:
        place.disk.fail(kind, name)
        with pytest.raises(error, match=told) as caught:
            place.work_for_long()
    assert str(tmp_path / "data") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    left = tmp_path / "left"
    place.disk.power_loss(left, Loss.EVERYTHING, random.Random(1))
    place.close()
    assert missing(left, place.node) == (set(), set())
    assert missing(tmp_path / "data", place.node) == (set(), set())


def test_a_failed_fsync_of_the_log_is_not_tried_again(tmp_path: Path) -> None:
    """The kernel may have dropped the pages: a second fsync that succeeds would promise what is not there."""
    place = on_disk(tmp_path / "data")
    place.disk.fail("sync", "log-00000")
    with pytest.raises(LogFailed):
        place.work()
    acked = list(place.node.shards[0].acked)
    place.disk.mend()
    with pytest.raises(LogFailed, match="has failed before"):
        place.work()
    assert place.node.shards[0].acked == acked
    place.close()


def test_reading_the_log_can_fail(tmp_path: Path) -> None:
    """A start whose disk does not give the log ends with the path, and changes nothing."""
    place = on_disk(tmp_path / "data")
    place.work()
    place.close()
    disk = Disk(tmp_path / "data")
    vfs = DiskVfs(disk)
    disk.fail("read", "log-00000001.db")
    with pytest.raises((LogFailed, LogDamaged), match=r"log.* cannot be (read|opened)") as caught:
        StoredNode(tmp_path / "data", log_options={"vfs": vfs.name, "files": DiskFiles(disk)})
    assert str(tmp_path / "data") in str(caught.value)
    vfs.close()
    assert missing(tmp_path / "data", place.node) == (set(), set())


def test_a_full_disk_under_the_shard_file(tmp_path: Path) -> None:
    """Rows wait in the log; the file is as it was, and with room again they follow."""
    place = on_disk(tmp_path / "data")
    shard = place.node.shards[0]
    for _ in range(20):
        shard.submit(50)
    place.disk.capacity_bytes = 1
    applied = shard.file.applied
    with pytest.raises(apsw.FullError):
        shard.apply()
    assert shard.file.applied == applied
    place.disk.capacity_bytes = None
    shard.apply()
    assert shard.file.applied == place.node.log.last_index(1)
    place.close()


def test_no_room_for_an_fsync(tmp_path: Path) -> None:
    """A file system that finds room only when it syncs is a full disk, not a broken one."""

    class Full(OsFiles):
        def sync(self, path: Path) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    node = StoredNode(tmp_path / "data", shard_options={"files": Full()})
    shard = node.shards[0]
    shard.submit(1)
    shard.apply()
    with pytest.raises(DiskFull, match="free some space there"):
        shard.file.make_durable()
    node.close()


def ruin_table(path: Path, table: str) -> None:
    """Breaks every page of a table in a closed file, so that whoever reads one must notice."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = DELETE")
    query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
    root: int = connection.execute(query, (table,)).get
    connection.close()
    spoil(path, (root - 1) * 4096, 7)


Use = Callable[[ShardFile], object]


@pytest.mark.parametrize(
    ("table", "use"),
    [
        ("finished", lambda file: file.read(ReadListing("jobs", {}))),
        ("finished", lambda file: file.read(ReadJobs([1, 2, 3], "test"))),
        ("jobs", lambda file: file.read(ReadListing("jobs", {}))),
        ("executors", lambda file: file.restore()),
        ("leases", lambda file: file.restore()),
    ],
)
def test_a_broken_page_ends_the_node(tmp_path: Path, table: str, use: Use) -> None:
    """What SQLite notices is told with the file and the three ways back."""
    folder = StoredNode(tmp_path / "data").work(5).close()
    ruin_table(folder / SHARD_0, table)
    store = ShardFile(folder / SHARD_0)
    with pytest.raises(ShardFailed, match=r"is damaged .*shards verify.*shards rebuild.*restore a backup") as caught:
        use(store)
    assert str(folder / SHARD_0) in str(caught.value)
    store.close()


@pytest.mark.parametrize("table", ["meta", "lanes"])
def test_a_broken_page_stops_the_start(tmp_path: Path, table: str) -> None:
    """The tables that every start reads: the file is not opened, the text is the same."""
    folder = StoredNode(tmp_path / "data").work(5).close()
    ruin_table(folder / SHARD_0, table)
    with pytest.raises(ShardFailed, match=r"is damaged .*shards verify.*shards rebuild.*restore a backup"):
        ShardFile(folder / SHARD_0)


def test_a_broken_page_under_a_running_node(tmp_path: Path) -> None:
    """A page that rots while the file is open is noticed when it is read; what was promised is in the log."""
    node = StoredNode(tmp_path / "data").work(30)
    shard = node.shards[0]
    shard.file.checkpoint()
    path = shard.path
    image = bytearray(path.read_bytes())
    for page in range(4096, len(image), 4096):
        image[page] ^= 0x80
    with path.open("r+b") as file:
        file.write(image)
    shard.submit(5)
    shard.file._database.execute("PRAGMA shrink_memory")
    with pytest.raises(ShardFailed, match="is damaged"):
        shard.file.read(ReadListing("jobs", {}))
    node.log.close()
    acked = set(shard.acked)
    assert acked
    shard.file.close()


def test_a_log_that_was_deleted(tmp_path: Path) -> None:
    """A shard file that is ahead of its log must not go on: ids and entries would be given twice."""
    folder = StoredNode(tmp_path / "data").work(3).close()
    shutil.rmtree(folder / "log")
    with pytest.raises(LogDamaged, match=r"shard 0 shows entry \d+, but its log ends at entry 0: .* one backup"):
        StoredNode(folder)


@pytest.mark.parametrize("offset", [0, 3, 15])
def test_a_broken_header_stops_the_start(tmp_path: Path, offset: int) -> None:
    """What is no SQLite file any more is refused by name, before any library touches it."""
    folder = StoredNode(tmp_path / "data").work(2).close()
    spoil(folder / SHARD_0, offset)
    with pytest.raises(ShardFileError, match="is no SQLite file"):
        ShardFile(folder / SHARD_0)


def test_flips_never_crash_a_start_without_words(tmp_path: Path) -> None:
    """Wherever a bit flips in shard or log, a start works or ends with a text that says what to do."""
    folder = StoredNode(tmp_path / "data").work(8).close()
    draw = random.Random(3)
    outcomes: Counter[str] = Counter()
    for name in (SHARD_0, "log/log-00000001.db", "log/hard_state", "log/synced"):
        image = (folder / name).read_bytes()
        for _ in range(25):
            spoilt = bytearray(image)
            spoilt[draw.randrange(len(spoilt))] ^= 1 << draw.randrange(8)
            (folder / name).write_bytes(spoilt)
            outcomes[_start(folder)] += 1
        (folder / name).write_bytes(image)
    assert outcomes.keys() == {"told", "started"}, outcomes
    assert outcomes["told"] > 5, outcomes


def _start(folder: Path) -> str:
    try:
        with closing(ShardFile(folder / SHARD_0)) as file:
            file.restore()
        with closing(LocalLog(folder / "log", ballast_bytes=0)) as log:
            list(log.read(1, 1, log.last_index(1)))
    except (ShardFailed, ShardFileError, LogDamaged, LogFailed) as error:
        return "told" if str(folder) in str(error) else f"no path in {error}"
    return "started"
