"""Cuts, resets and states on a disk that loses power, fails, runs full and rots."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from entry_stores import kept, numbered, put
from local_logs import Clock, killed

from mainspring.actors.log import LogDamaged
from mainspring.chaos.disk.disk import Disk, Event, Loss
from mainspring.chaos.disk.plain_files import DiskFiles
from mainspring.chaos.disk.vfs import DiskVfs
from mainspring.nodes.storage.log.errors import DiskFull, LogFailed
from mainspring.nodes.storage.log.local_log import LocalLog

Image = dict[int, tuple[bytes, tuple[int, int], list[tuple[int, int, bytes]]]]


def image(log: LocalLog) -> Image:
    """What a log shows of both groups."""
    return {group: (log.state(group), log.base(group), kept(log, group)) for group in (1, 2)}


class Story:
    """A log under calls, with what of it may be found after a kill at each event."""

    def __init__(self, directory: Path, cuts: Path, seed: int) -> None:
        directory.mkdir()
        self.cuts = cuts
        self.disk = Disk(directory)
        self.vfs = DiskVfs(self.disk)
        self.draw = random.Random(seed)
        self.now_ns = 0
        self.log = LocalLog(
            directory,
            segment_bytes=20_000,
            ballast_bytes=0,
            vfs=self.vfs.name,
            files=DiskFiles(self.disk),
            elapsed_ns=self._elapsed_ns,
            checkpoint_pages=8,
            tolerate_lost=True,
        )
        self.before = self.after = image(self.log)
        self.copies: list[tuple[Path, Image, Image]] = []
        self.disk.on_event = self._cut

    def _elapsed_ns(self) -> int:
        self.now_ns += 30_000_000
        return self.now_ns

    def _cut(self, _event: Event) -> None:
        if self.draw.random() < 0.3:
            path = self.cuts / str(len(self.copies))
            loss = self.draw.choice(list(Loss))
            self.disk.power_loss(path, loss, self.draw)
            self.copies.append((path, self.before, self.after))

    def step(self, call: Callable[[], Any]) -> None:
        """Makes something durable: a kill leaves what was before, or what is after."""
        self.disk.on_event = None
        self.after = image(self.log)
        self.disk.on_event = self._cut
        call()
        self.disk.on_event = None
        self.before = self.after = image(self.log)
        self.disk.on_event = self._cut

    def end(self) -> None:
        """Closes everything."""
        self.disk.on_event = None
        self.log.close()
        self.vfs.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_any_write_leaves_before_or_after(tmp_path: Path, seed: int) -> None:
    """Whatever a cut of the power leaves, entries are those before a sync or after it, states are never behind them."""
    story = Story(tmp_path / "disk", tmp_path / "cuts", seed)
    log, draw = story.log, story.draw
    for turn in range(45):
        group = draw.randint(1, 2)
        last, epoch = log.last_index(group), max(log.epoch(group), 1)
        act = draw.random()
        if act < 0.25 and last > log.base(group)[0]:
            log.cut(group, draw.randint(max(log.base(group)[0], last - 6) + 1, last))
        if act > 0.6:
            log.save_state(group, b"%d" % turn)
        for _ in range(draw.randint(0, 3)):
            log.put(group, epoch + draw.randint(0, 1) * (turn % 2), b"%d" % turn * draw.choice([1, 2_000]))
            epoch = log.epoch(group)
        if act > 0.93:
            index, anew = max(log.last_index(group) + draw.randint(-4, 20), 1), log.epoch(group) + 1
            was = story.before
            story.disk.on_event = None
            others = image(log)
            story.after = was | {group: (others[group][0], (index, anew), [])}
            story.disk.on_event = story._cut
            log.reset(group, index, anew)
            story.before = story.after
        story.step(log.sync)
        if turn % 7 == 0:
            story.step(log.maintain)
    story.end()
    assert len(story.copies) > 30
    for path, before, after in story.copies:
        for tolerate_lost in (True, False):
            found = LocalLog(path, ballast_bytes=0, tolerate_lost=tolerate_lost)
            shown = image(found)
            assert [found.acknowledged(group) for group in (1, 2)] == [0, 0]
            found.close()
            for group, (state, *entries) in shown.items():
                assert state in (before[group][0], after[group][0])
                assert entries in (list(before[group][1:]), list(after[group][1:]))
            if any(shown[group][1:] != before[group][1:] for group in (1, 2)):
                assert shown == after, "one commit makes all entries durable, and states before them"


def spoiled(tmp_path: Path, tolerate_lost: bool, spoil: Callable[[Path], None]) -> LocalLog:
    """Opens a copy of a killed log in which something was spoilt."""
    clock = Clock()
    log = LocalLog(tmp_path / "log", ballast_bytes=0, elapsed_ns=clock)
    for number in range(1, 11):
        put(log, 1, (1, b"%d" % number), (1, b"%d" % number))
        put(log, 2, (1, b"%d" % number))
        clock.advance(1_000)
        log.sync()
    log.maintain()
    copy = killed(tmp_path / "log", tmp_path / "copy")
    log.close()
    spoil(copy)
    return LocalLog(copy, ballast_bytes=0, tolerate_lost=tolerate_lost)


def drop_wal_end(copy: Path) -> None:
    """Spoils a frame, so that SQLite drops it and all that follow."""
    wal = copy / "log-00000001.db-wal"
    image = bytearray(wal.read_bytes())
    image[len(image) // 2] ^= 1
    wal.write_bytes(image)


def test_a_lost_end_is_told(tmp_path: Path) -> None:
    """Where others have what was lost, the start goes on and tells how far the disk had been, until it is back."""
    with pytest.raises(LogDamaged, match="had been acknowledged"):
        spoiled(tmp_path / "a", False, drop_wal_end)
    log = spoiled(tmp_path / "b", True, drop_wal_end)
    last = log.last_index(1)
    assert 0 < last < 20
    assert (log.acknowledged(1), log.acknowledged(2)) == (20, 10)
    put(log, 1, (2, b"x"))
    log.sync()
    log.truncate(1, 1)
    log.close()
    log = LocalLog(tmp_path / "b" / "copy", ballast_bytes=0, tolerate_lost=True)
    assert log.acknowledged(1) == 20, "the note keeps in mind what is owed"
    log.cut(1, last + 1)
    for _ in range(last, 21):
        put(log, 1, (2, b"back"))
    log.sync()
    log.truncate(1, 1)
    log.cut(1, 19)
    log.sync()
    assert log.acknowledged(1) == 20
    log.close()
    log = LocalLog(tmp_path / "b" / "copy", ballast_bytes=0, tolerate_lost=True)
    assert (log.acknowledged(1), log.acknowledged(2)) == (0, 10)
    log.close()


def test_a_reset_pays_no_debt_that_it_does_not_reach(tmp_path: Path) -> None:
    """A snapshot that is older than what was lost leaves the rest owed; a newer one pays it."""
    log = spoiled(tmp_path, True, drop_wal_end)
    log.reset(1, 15, 2)
    log.reset(2, 11, 2)
    log.close()
    log = LocalLog(tmp_path / "copy", ballast_bytes=0, tolerate_lost=True)
    assert (log.acknowledged(1), log.acknowledged(2)) == (20, 0)
    log.close()


def flip(index: int) -> Callable[[Path], None]:
    """Spoils the bytes of one entry of group 1."""

    def spoil(copy: Path) -> None:
        database = apsw.Connection(str(copy / "log-00000001.db"))
        database.execute("UPDATE log SET blob = x'00ff' WHERE grp = 1 AND idx = ?", (index,))
        database.close()

    return spoil


@pytest.mark.parametrize("index", [1, 13, 20])
def test_entries_that_have_rotted_are_cut_off(tmp_path: Path, index: int) -> None:
    """From a wrong checksum in the newest segment on, entries go, and count as owed."""
    with pytest.raises(LogDamaged, match="wrong checksum"):
        spoiled(tmp_path / "a", False, flip(index))
    log = spoiled(tmp_path / "b", True, flip(index))
    for _ in range(2):
        assert (log.last_index(1), log.acknowledged(1)) == (index - 1, 20)
        assert (log.last_index(2), log.acknowledged(2)) == (10, 0)
        assert len(kept(log, 1)) == index - 1
        log.close()
        log = LocalLog(tmp_path / "b" / "copy", ballast_bytes=0, tolerate_lost=True)
    log.close()


def test_damage_in_older_segments_has_a_mend(tmp_path: Path) -> None:
    """What cannot be cut off without a look at the rest stops the node, which another one replaces."""
    log = LocalLog(tmp_path, ballast_bytes=0, segment_bytes=20_000)
    numbered(log, 1, 1, 20)
    log.close()
    database = apsw.Connection(str(tmp_path / "log-00000001.db"))
    database.execute("UPDATE log SET blob = x'00ff' WHERE idx = 2")
    database.close()
    log = LocalLog(tmp_path, ballast_bytes=0, tolerate_lost=True)
    with pytest.raises(LogDamaged, match="another name with an empty data directory"):
        list(log.read(1, 1, 20))
    log.close()
    (tmp_path / "log-00000001.db").unlink()
    (tmp_path / "log-00000002.db").unlink()
    shutil.copy(tmp_path / "log-00000003.db", tmp_path / "log-00000005.db")
    with pytest.raises(LogDamaged, match="mainspring cluster replace"):
        LocalLog(tmp_path, ballast_bytes=0, tolerate_lost=True)


def test_a_state_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    """A vote that was forgotten could be given twice."""
    log = LocalLog(tmp_path, ballast_bytes=0)
    log.save_state(3, b"vote")
    log.sync()
    log.close()
    (tmp_path / "group-3.state").write_bytes(bytes(8192))
    with pytest.raises(LogDamaged, match=r"group-3\.state cannot be read"):
        LocalLog(tmp_path, ballast_bytes=0, tolerate_lost=True)


def test_a_full_disk_keeps_cuts_and_states_waiting(tmp_path: Path) -> None:
    """Nothing of the entries is written, all is seen as it was, and a later sync writes it."""
    (tmp_path / "a").mkdir()
    disk = Disk(tmp_path / "a")
    vfs = DiskVfs(disk)
    log = LocalLog(tmp_path / "a", vfs=vfs.name, files=DiskFiles(disk), ballast_bytes=0, segment_bytes=20_000)
    numbered(log, 1, 1, 12)
    disk.capacity_bytes = 0
    log.save_state(1, b"vote")
    log.cut(1, 3)
    put(log, 1, (2, b"y" * 9_000))
    for _ in range(2):
        with pytest.raises(DiskFull):
            log.sync()
        with pytest.raises(DiskFull):
            log.reset(2, 10, 3)
        assert (log.state(1), log.last_index(1), log.synced(1), log.epochs(1)) == (b"vote", 3, 2, [(1, 1), (3, 2)])
        assert log.last_index(2) == 0
    disk.capacity_bytes = None
    log.sync()
    log.close()
    vfs.close()
    log = LocalLog(tmp_path / "a", ballast_bytes=0)
    assert (log.state(1), log.last_index(1), log.epochs(1)) == (b"vote", 3, [(1, 1), (3, 2)])
    log.close()


@pytest.mark.parametrize(("kind", "name"), [("write", "group-1"), ("sync", "group-1"), ("write", "-wal")])
def test_a_failure_ends_the_log(tmp_path: Path, kind: str, name: str) -> None:
    """A state that may or may not be on the disk is never written a second time."""
    (tmp_path / "a").mkdir()
    disk = Disk(tmp_path / "a")
    vfs = DiskVfs(disk)
    log = LocalLog(tmp_path / "a", vfs=vfs.name, files=DiskFiles(disk), ballast_bytes=0)
    log.save_state(1, b"one")
    log.sync()
    disk.fail(kind, name)
    log.save_state(1, b"two")
    put(log, 1, (1, b""))
    with pytest.raises(LogFailed):
        log.sync()
    disk.mend()
    with pytest.raises(LogFailed, match="has failed before"):
        log.sync()
    log.close()
    vfs.close()


def test_a_single_node_becomes_a_member(tmp_path: Path) -> None:
    """The files are the same: what a local engine has written is there under its epochs, and the epoch goes on."""
    log = LocalLog(tmp_path, ballast_bytes=0)
    for blob in (b"a", b"b"):
        log.campaign(1)
        log.append(1, blob)
    log.campaign(1)
    assert log.epochs(1) == [(1, 1), (2, 2)]
    log.sync()
    assert log.epoch(1) == 3
    log.close()
    log = LocalLog(tmp_path, ballast_bytes=0, tolerate_lost=True)
    assert (log.epoch(1), log.epochs(1), log.state(1)) == (3, [(1, 1), (2, 2)], b"")
    log.close()
