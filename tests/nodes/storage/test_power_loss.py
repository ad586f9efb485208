"""Power may go at any moment: what was acknowledged is there afterwards, and the files open clean."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import apsw
import pytest

from mainspring.actors.log import LogDamaged
from mainspring.chaos.disk.disk import Disk, Event, Loss
from mainspring.chaos.disk.plain_files import DiskFiles, DiskPlainFile
from mainspring.chaos.disk.vfs import DiskVfs
from mainspring.nodes.storage.log.errors import LogFailed
from mainspring.nodes.storage.log.files import Files, OsFiles, OsPlainFile, PlainFile
from mainspring.nodes.storage.log.local_log import LocalLog
from mainspring.nodes.storage.log.segment import Synchronous

pytestmark = pytest.mark.slow

GROUPS = (1, 2, 3)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: hundreds of small directories are made and removed."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory) as directory:
        yield Path(directory)


class Acknowledged(NamedTuple):
    """What the log has promised at one moment."""

    entries: dict[int, int]
    """How many entries of each group are committed."""
    epochs: dict[int, int]
    """The last epoch given to each group."""
    floors: dict[int, int]
    """The entries below these may be gone."""


class Cut(NamedTuple):
    """The files after a cut, and what was promised before it."""

    directory: Path
    promised: Acknowledged
    event: Event
    loss: Loss


class QuickFile(OsPlainFile):
    """An open file of a machine that keeps its power."""

    def sync(self) -> None:
        """Does nothing."""


class QuickFiles(OsFiles):
    """Files of a machine that keeps its power."""

    def open(self, path: Path) -> PlainFile:
        """Opens a file that needs no sync."""
        return QuickFile(path)

    def sync(self, path: Path) -> None:
        """Does nothing."""

    def sync_directory(self, directory: Path) -> None:
        """Does nothing."""


class Weather:
    """Runs a log on a disk and cuts the power beside it again and again; the run itself goes on."""

    def __init__(
        self,
        tmp_path: Path,
        seed: int,
        *,
        synchronous: Synchronous = "full",
        files: Callable[[Disk], Files] = DiskFiles,
        engine: type[LocalLog] = LocalLog,
        cut_share: float = 1.0,
        start: Path | None = None,
    ) -> None:
        self.draw = random.Random(seed)
        self.cuts: list[Cut] = []
        self.entries: dict[int, list[bytes]] = {group: [] for group in GROUPS}
        self.waiting: list[tuple[int, bytes]] = []
        self.committed = dict.fromkeys(GROUPS, 0)
        self.epochs = dict.fromkeys(GROUPS, 0)
        self.floors = dict.fromkeys(GROUPS, 1)
        self._tmp_path = tmp_path
        self._synchronous: Synchronous = synchronous
        self._engine = engine
        self._cut_share = cut_share
        self._now_ns = 0
        directory = start or tmp_path / "disk"
        directory.mkdir(exist_ok=True)
        self.disk = Disk(directory)
        self._files = files(self.disk)

    def run(self, steps: int) -> None:
        """Lives several lives of a log with small segments, upkeep, truncation and restarts."""
        with self.storm():
            log = self.open()
            for _ in range(steps):
                what = self.draw.random()
                if what < 0.62:
                    self.write(log)
                elif what < 0.80:
                    log.maintain()
                elif what < 0.90:
                    self.truncate(log)
                elif what < 0.96:
                    self.campaign(log, self.draw.choice(GROUPS))
                else:
                    log.close()
                    self.waiting = []
                    log = self.open()
            log.close()

    @contextmanager
    def storm(self) -> Iterator[None]:
        """Cuts begin and end."""
        self.vfs = DiskVfs(self.disk)
        self.disk.on_event = self.cut
        try:
            yield
        finally:
            self.disk.on_event = None
            self.vfs.close()

    def open(self) -> LocalLog:
        """Starts a life."""
        log = self._engine(
            self.disk.directory,
            segment_bytes=40_000,
            checkpoint_pages=12,
            synchronous=self._synchronous,
            elapsed_ns=self.elapsed_ns,
            ballast_bytes=0,
            vfs=self.vfs.name,
            files=self._files,
        )
        for group in GROUPS:
            self.campaign(log, group)
        return log

    def elapsed_ns(self) -> int:
        """A clock on which a note in the side file is due every few steps."""
        self._now_ns += 25_000_000
        return self._now_ns

    def campaign(self, log: LocalLog, group: int) -> None:
        """An epoch is promised once it is returned."""
        self.epochs[group] = log.campaign(group)

    def write(self, log: LocalLog) -> None:
        """Some appends and a sync, after which they are promised."""
        for _ in range(self.draw.randint(1, 3)):
            group = self.draw.choice(GROUPS)
            blob = self.draw.randbytes(self.draw.choice([10, 700, 6_000]))
            index = log.append(group, blob)
            self.entries[group].append(blob)
            assert index == len(self.entries[group])
        log.sync()
        for group in GROUPS:
            self.committed[group] = log.committed(group)

    def truncate(self, log: LocalLog) -> None:
        """Everything but the last few entries may go; the permission comes before the call."""
        for group in GROUPS:
            self.floors[group] = max(self.floors[group], self.committed[group] - self.draw.randint(0, 4))
            log.truncate(group, self.floors[group])

    def cut(self, event: Event) -> None:
        """Notes what would be left if the power went just now."""
        boundary = event.kind in {"sync", "sync_directory", "rename", "remove", "create"}
        if self.draw.random() > (self._cut_share if boundary else self._cut_share / 4):
            return
        loss = self.draw.choice([Loss.EVERYTHING, Loss.SOME, Loss.SOME, Loss.TAIL, Loss.NOTHING])
        directory = self._tmp_path / f"cut-{len(self.cuts)}"
        self.disk.power_loss(directory, loss, self.draw)
        promised = Acknowledged(dict(self.committed), dict(self.epochs), dict(self.floors))
        self.cuts.append(Cut(directory, promised, event, loss))

    def check(self, cut: Cut) -> None:
        """Opens what a cut left, twice, and compares it with what was promised."""
        for _ in range(2):
            log = LocalLog(cut.directory, segment_bytes=40_000, synchronous="off", ballast_bytes=0, files=QuickFiles())
            for group in GROUPS:
                first, last = log.first_index(group), log.last_index(group)
                assert last >= cut.promised.entries[group], "an acknowledged entry is gone"
                assert first <= cut.promised.floors[group], "an entry that is needed is gone"
                blobs = [record.blob for record in log.read(group, first, last)]
                assert blobs == self.entries[group][first - 1 : last], "an entry has changed"
                assert log.campaign(group) > cut.promised.epochs[group], "an epoch was given twice"
            log.close()

    def losses(self) -> int:
        """Counts the cuts after which something is wrong."""
        wrong = 0
        for cut in self.cuts:
            try:
                self.check(cut)
            except (AssertionError, LogDamaged, LogFailed):
                wrong += 1
        return wrong


@pytest.mark.parametrize("seed", range(4))
def test_nothing_acknowledged_is_lost(tmp_path: Path, seed: int):
    """After a cut at any sync or between, every acknowledged entry and epoch is there and the log opens clean.

    That it opens clean also shows that the side file is never ahead of the log.
    """
    weather = Weather(tmp_path, seed, cut_share=0.5)
    weather.run(steps=40)
    assert len(weather.cuts) > 60
    for cut in weather.cuts:
        weather.check(cut)


def test_a_cut_during_recovery_loses_nothing(tmp_path: Path):
    """A start that is itself cut short leaves what the next start needs."""
    weather = Weather(tmp_path, 99, cut_share=0.2)
    weather.run(steps=30)
    for again, cut in enumerate(weather.cuts):
        second = Weather(tmp_path / f"again-{again}", again, cut_share=0.5, start=cut.directory)
        with second.storm():
            second.open().close()
        for cut_again in second.cuts:
            weather.check(cut_again._replace(promised=cut.promised))


def test_the_weather_notices_a_log_that_does_not_sync(tmp_path: Path):
    """With synchronous=off entries are lost, and the harness says so."""
    weather = Weather(tmp_path, 1, synchronous="off", cut_share=0.5)
    weather.run(steps=40)
    assert weather.losses() > 0


class NamesForgotten(DiskFiles):
    """A mutant: directories are never synced."""

    def sync_directory(self, directory: Path) -> None:
        """Does nothing."""


class BytesForgotten(DiskFiles):
    """A mutant: a new file is not synced before it gets its name."""

    def sync(self, path: Path) -> None:
        """Does nothing."""


class ForgetfulFile(DiskPlainFile):
    """An open file that is never synced."""

    def sync(self) -> None:
        """Does nothing."""


class EpochsForgotten(DiskFiles):
    """A mutant: epochs are written and not synced."""

    def open(self, path: Path) -> PlainFile:
        """Opens a file that forgets."""
        return ForgetfulFile(self._disk, path)


@pytest.mark.parametrize("mutant", [NamesForgotten, BytesForgotten, EpochsForgotten])
def test_the_weather_notices_forgotten_syncs(tmp_path: Path, mutant: Callable[[Disk], Files]):
    """Each sync outside SQLite is needed: without it something is lost after some cut."""
    weather = Weather(tmp_path, 2, files=mutant, cut_share=0.5)
    weather.run(steps=40)
    assert weather.losses() > 0


class NotesFirst(LocalLog):
    """A mutant: the side file is written before the commit that it speaks of."""

    def sync(self) -> None:
        """Notes what waits, and then commits it."""
        groups = {group: (state.synced, state.synced_crc) for group, state in self._groups.items()}
        for group, index, _, _, crc, _ in self._pending:
            self._groups[group].synced, self._groups[group].synced_crc = index, crc
        self._note(self._elapsed_ns())
        for group, (index, crc) in groups.items():
            self._groups[group].synced, self._groups[group].synced_crc = index, crc
        super().sync()


def test_the_weather_notices_a_side_file_ahead_of_the_log(tmp_path: Path):
    """If the note came first, some cut would leave it ahead, and the log would refuse to open."""
    weather = Weather(tmp_path, 3, engine=NotesFirst, cut_share=0.5)
    weather.run(steps=40)
    assert weather.losses() > 0


@pytest.mark.parametrize("loss", [Loss.EVERYTHING, Loss.SOME, Loss.TAIL])
def test_any_database_can_be_cut(tmp_path: Path, loss: Loss):
    """The VFS serves any WAL database, with readers and without exclusive locking: FULL loses no commit."""
    lost = {"FULL": 0, "OFF": 0}
    for synchronous in lost:
        directory = tmp_path / synchronous
        directory.mkdir()
        disk = Disk(directory)
        vfs = DiskVfs(disk)
        database = apsw.Connection(str(directory / "any.db"), vfs=vfs.name)
        reader = apsw.Connection(str(directory / "any.db"), vfs=vfs.name)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {synchronous}")
        database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, filler BLOB)")
        disk.sync_directory(directory)
        draw = random.Random(5)
        for number in range(30):
            database.execute("INSERT INTO t VALUES (?, randomblob(900))", (number,))
            assert reader.execute("SELECT count(*) FROM t").fetchall() == [(number + 1,)]
            left = tmp_path / f"{synchronous}-{number}"
            disk.power_loss(left, loss, draw)
            lost[synchronous] += count_rows(left / "any.db") < number + 1
        reader.close()
        database.close()
        vfs.close()
    assert lost["FULL"] == 0
    assert lost["OFF"] > 0


def count_rows(path: Path) -> int:
    """Opens what is left and counts; a database without the table has none."""
    database = apsw.Connection(str(path))
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return len(database.execute("SELECT n FROM t").fetchall())
    except apsw.SQLError:
        return 0
    finally:
        database.close()
