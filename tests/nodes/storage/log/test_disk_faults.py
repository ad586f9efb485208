"""A disk that fails ends the log; a disk that is full only stops it."""

from pathlib import Path

import pytest
from local_logs import fill

from mainspring.chaos.disk.disk import Disk
from mainspring.chaos.disk.plain_files import DiskFiles
from mainspring.chaos.disk.vfs import DiskVfs
from mainspring.nodes.storage.log.errors import DiskFull, LogFailed
from mainspring.nodes.storage.log.local_log import LocalLog


class Faulty:
    """A log on a disk that can fail."""

    def __init__(self, directory: Path, **options: int) -> None:
        directory.mkdir()
        self.disk = Disk(directory)
        self.vfs = DiskVfs(self.disk)
        self.log = LocalLog(directory, vfs=self.vfs.name, files=DiskFiles(self.disk), **options)

    def end(self) -> None:
        """Closes everything."""
        self.log.close()
        self.vfs.close()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("write", "-wal"), ("sync", "-wal"), ("write", "hard_state"), ("sync", "hard_state")],
)
def test_a_failure_of_the_disk_ends_the_log(tmp_path: Path, kind: str, name: str):
    """After one failed write or sync every call is refused, even when the disk would work again."""
    faulty = Faulty(tmp_path / "a")
    log = faulty.log
    fill(log, 1, 3)
    faulty.disk.fail(kind, name)
    with pytest.raises(LogFailed, match="end the process, check the disk"):
        fill(log, 1, 1)
    faulty.disk.mend()
    for call in (
        log.sync,
        log.maintain,
        lambda: log.append(1, b""),
        lambda: log.campaign(1),
        lambda: log.committed(1),
        lambda: log.last_index(1),
        lambda: log.first_index(1),
        lambda: log.read(1, 1, 1),
        lambda: log.truncate(1, 1),
    ):
        with pytest.raises(LogFailed, match="has failed before"):
            call()
    events = faulty.disk.events
    faulty.end()
    assert faulty.disk.events == events, "a failed log leaves the disk alone"
    log = LocalLog(tmp_path / "a")
    assert log.last_index(1) in {3, 4}
    log.close()


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_a_failed_checkpoint_ends_the_log(tmp_path: Path, kind: str):
    """Upkeep that fails is a failure of the disk as well; what was committed is in the WAL."""
    faulty = Faulty(tmp_path / "a", checkpoint_pages=2)
    fill(faulty.log, 1, 3)
    faulty.disk.fail(kind, "00001.db")
    with pytest.raises(LogFailed, match="upkeep failed"):
        faulty.log.maintain()
    faulty.end()
    log = LocalLog(tmp_path / "a")
    assert log.last_index(1) == 3
    log.close()


def fill_up(log: LocalLog) -> None:
    """Commits entries until there is no room."""
    for number in range(100):
        log.append(1, bytes([number]) * 6_000)
        log.sync()


@pytest.mark.parametrize("segment_bytes", [1_000_000, 30_000])
def test_a_full_disk_keeps_everything_waiting(tmp_path: Path, segment_bytes: int):
    """A sync that finds no room changes nothing; with the ballast gone the same entries are written."""
    faulty = Faulty(tmp_path / "a", segment_bytes=segment_bytes, ballast_bytes=200_000)
    log, disk = faulty.log, faulty.disk
    fill(log, 1, 5)
    disk.capacity_bytes = sum(path.stat().st_size for path in (tmp_path / "a").iterdir()) + 60_000
    log.campaign(1)
    with pytest.raises(DiskFull, match="release the ballast"):
        fill_up(log)
    committed = log.committed(1)
    assert committed > 5
    assert log.last_index(1) == committed + 1
    with pytest.raises(DiskFull):
        log.sync()
    log.maintain()
    assert log.release_ballast()
    assert not log.release_ballast()
    log.append(1, b"a finish")
    log.sync()
    assert log.committed(1) == committed + 2
    blobs = [record.blob for record in log.read(1, 6, committed + 2)]
    assert blobs == [bytes([number]) * 6_000 for number in range(committed - 4)] + [b"a finish"]
    faulty.end()
    log = LocalLog(tmp_path / "a")
    assert log.last_index(1) == committed + 2
    log.close()


def test_the_ballast_comes_back_with_the_room(tmp_path: Path):
    """When truncation has freed a segment, the ballast is taken again."""
    log = LocalLog(tmp_path, segment_bytes=20_000)
    assert (tmp_path / "ballast").stat().st_size == 4 * 1024 * 1024
    log.release_ballast()
    fill(log, 1, 40)
    log.truncate(1, 41)
    assert (tmp_path / "ballast").exists()
    log.close()


def test_a_disk_too_full_for_ballast_still_serves(tmp_path: Path):
    """The ballast is a comfort, not a condition."""
    faulty = Faulty(tmp_path / "a", ballast_bytes=0)
    faulty.disk.capacity_bytes = 200_000
    faulty.end()
    vfs = DiskVfs(faulty.disk)
    log = LocalLog(tmp_path / "a", vfs=vfs.name, files=DiskFiles(faulty.disk))
    fill(log, 1, 1)
    assert not log.release_ballast()
    log.close()
    vfs.close()
