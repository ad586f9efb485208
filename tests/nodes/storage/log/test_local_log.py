"""What a `LocalLog` does with its files beyond the seam: start, lock, notes and upkeep."""

import subprocess
import sys
from pathlib import Path

import pytest
from local_logs import Clock, fill

from mainspring.actors.log import LogDamaged
from mainspring.nodes.storage.log.errors import DataDirectoryInUse
from mainspring.nodes.storage.log.files import OsFiles
from mainspring.nodes.storage.log.local_log import LocalLog
from mainspring.nodes.storage.log.synced_file import SyncedFile


def test_the_directory_is_made(tmp_path: Path):
    """A new log makes its directory, for its owner alone."""
    directory = tmp_path / "data" / "log"
    LocalLog(directory).close()
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_second_opener_in_this_process_is_refused(tmp_path: Path):
    """One log at a time has the directory, and the next one gets it after a close."""
    log = LocalLog(tmp_path)
    with pytest.raises(DataDirectoryInUse, match="in use by process"):
        LocalLog(tmp_path)
    log.campaign(1)
    log.close()
    LocalLog(tmp_path).close()


def test_a_second_process_is_refused(tmp_path: Path):
    """Another process is told who has the directory; a kill frees it."""
    holding = (
        "import sys, pathlib; from mainspring.nodes.storage.log.local_log import LocalLog; "
        "log = LocalLog(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(DataDirectoryInUse, match=f"process {process.pid}; stop the node that it"):
            LocalLog(tmp_path)
        process.kill()
    LocalLog(tmp_path).close()


def test_a_refused_start_frees_the_directory(tmp_path: Path):
    """After damage was found, a second try says the same and not that the directory is in use."""
    log = LocalLog(tmp_path)
    fill(log, 1, 3)
    log.close()
    (tmp_path / "log-00000001.db").write_bytes(b"not a database" * 1000)
    for _ in range(2):
        with pytest.raises(LogDamaged, match=r"log-00000001\.db cannot be read"):
            LocalLog(tmp_path)


def noted(directory: Path) -> int:
    """Returns how far the side file of a running log vouches for group 1."""
    side = SyncedFile(directory, OsFiles())
    side.close()
    return side.noted[1].last if side.noted else 0


def test_the_side_file_is_written_seldom(tmp_path: Path):
    """Upkeep notes at most every 100 ms; a sync by itself when 200 ms have passed; a close always."""
    clock = Clock()
    log = LocalLog(tmp_path, elapsed_ns=clock)
    fill(log, 1, 1)
    assert noted(tmp_path) == 1, "the first commit is noted at once"
    for expected, milliseconds in ((1, 60), (3, 60), (3, 60)):
        clock.advance(milliseconds)
        fill(log, 1, 1)
        log.maintain()
        assert noted(tmp_path) == expected
    clock.advance(150)
    fill(log, 1, 1)
    assert noted(tmp_path) == 5, "nobody maintained"
    fill(log, 1, 1)
    assert noted(tmp_path) == 5
    log.close()
    assert noted(tmp_path) == 6


def test_the_observer_is_told_what_a_commit_took(tmp_path: Path):
    """One figure a commit, none for a sync of nothing."""
    clock = Clock()
    took: list[int] = []
    log = LocalLog(tmp_path, elapsed_ns=clock, fsync_observer=took.append)
    fill(log, 1, 2)
    log.sync()
    assert took == [0, 0]
    log.close()


def test_upkeep_bounds_the_wal(tmp_path: Path):
    """The WAL stays within twice the checkpoint's size, with upkeep and without."""
    for maintained in (True, False):
        directory = tmp_path / str(maintained)
        log = LocalLog(directory, checkpoint_pages=20)
        log.campaign(1)
        for _ in range(200):
            log.append(1, b"x" * 6_000)
            log.sync()
            if maintained:
                log.maintain()
        size = (directory / "log-00000001.db-wal").stat().st_size
        assert size < (20 if maintained else 40) * 4_120 + 20_000
        log.close()


def test_an_entry_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An oversized entry is refused before it takes an index."""
    monkeypatch.setattr("mainspring.nodes.storage.log.local_log.ENTRY_BYTES_MAX", 100)
    log = LocalLog(tmp_path)
    log.campaign(1)
    with pytest.raises(ValueError, match="close entries sooner"):
        log.append(1, b"x" * 101)
    assert log.append(1, b"x" * 100) == 1
    log.close()
