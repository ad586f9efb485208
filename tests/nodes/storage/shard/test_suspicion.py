"""A shard file that its disk has failed, or that is damaged, is checked before it is used again."""

import os
import random
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest
from shard_entries import FIRST, history

from mainspring.chaos.disk.disk import Disk, Event, Loss
from mainspring.chaos.disk.plain_files import DiskFiles
from mainspring.chaos.disk.vfs import DiskVfs
from mainspring.nodes.processes.shard_opening import count_shards
from mainspring.nodes.storage.shard.errors import ShardFailed, shard_disk
from mainspring.nodes.storage.shard.migration import ShardFileError
from mainspring.nodes.storage.shard.shard_file import ShardFile
from mainspring.nodes.storage.shard.suspicion import admit, leave_mark, mark_path, settle

NAME = "tasks_default_shard_0.db"
MIB = 1024 * 1024


def a_file(folder: Path, *, killed: bool = False) -> Path:
    """A shard file with rows; `killed`: some of them are in its WAL alone."""
    folder.mkdir(exist_ok=True)
    store = ShardFile(folder / NAME)
    assert store.apply([FIRST, *history(300)])
    if not killed:
        store.close()
        return folder / NAME
    store.checkpoint()
    assert store.apply(history(5, first=302))
    left = folder.with_name(f"{folder.name}-left")
    left.mkdir()
    for name in (NAME, f"{NAME}-wal"):
        shutil.copy(folder / name, left / name)
    store.close()
    return left / NAME


def ruin(path: Path) -> None:
    """Flips a bit in the head of every page but the first."""
    image = bytearray(path.read_bytes())
    for page in range(4096, len(image), 4096):
        image[page] ^= 0x80
    path.write_bytes(image)


def mark(path: Path) -> None:
    """Leaves a mark, as a process does that ends for the file."""
    leave_mark(path)
    assert mark_path(path).exists()


def asides(path: Path) -> list[str]:
    """What is kept of damaged files, without their times."""
    return sorted(name.name.partition("damaged-")[2][15:] for name in path.parent.glob(f"{path.name}.damaged-*"))


def _use(store: ShardFile) -> None:
    store.apply(history(50, first=302))
    store.checkpoint()
    store.make_durable()
    store.restore()


@pytest.mark.parametrize(("kind", "name"), [("write", NAME), ("sync", f"{NAME}-wal"), ("read", NAME)])
def test_what_the_disk_fails_is_suspect(tmp_path: Path, kind: str, name: str) -> None:
    """The error names the file, so that its process can mark it; the next start checks it, and takes the mark away."""
    path = a_file(tmp_path / "data")
    disk = Disk(tmp_path / "data")
    vfs = DiskVfs(disk)
    store = ShardFile(path, vfs=vfs.name, files=DiskFiles(disk))
    store._database.execute("PRAGMA shrink_memory")
    disk.fail(kind, name)
    with pytest.raises(ShardFailed) as caught:
        _use(store)
    assert caught.value.suspect == path
    leave_mark(caught.value.suspect)
    disk.mend()
    store.close()
    vfs.close()
    admit(path, is_fetched_again=False)
    again = ShardFile(path)
    settle(path)
    assert not mark_path(path).exists()
    assert again.applied in (301, 351)
    again.close()


def test_what_only_cannot_be_written_is_not_suspect(tmp_path: Path) -> None:
    """Nothing speaks against what stands in a file without the right to write; nor is a copy under way marked."""
    path = a_file(tmp_path / "data")
    with pytest.raises(ShardFailed) as caught, shard_disk(path):
        raise apsw.ReadOnlyError
    leave_mark(caught.value.suspect)
    leave_mark(path.with_name(f".{NAME}.part-1"))
    leave_mark(tmp_path / "gone" / NAME)
    assert [each.name for each in path.parent.iterdir()] == [NAME]
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_a_second_writer_makes_it_suspect(tmp_path: Path) -> None:
    """Two that write one file may have spoilt it."""
    ours, theirs = ShardFile(tmp_path / NAME), ShardFile(tmp_path / NAME)
    assert theirs.apply([FIRST])
    with pytest.raises(ShardFailed, match="somebody else") as caught:
        ours.apply([FIRST])
    assert caught.value.suspect == ours.path
    ours.close()
    theirs.close()


def test_alone_a_damaged_file_stops_the_start(tmp_path: Path) -> None:
    """The text names the mend; nothing is moved, and the mark stays until the file is sound."""
    path = a_file(tmp_path / "data")
    sound = path.read_bytes()
    ruin(path)
    admit(path, is_fetched_again=False)  # without a mark it is taken as it is: a check may take minutes
    mark(path)
    for _ in range(2):
        with pytest.raises(ShardFailed, match=r"is damaged .*shards rebuild.*restore a backup"):
            admit(path, is_fetched_again=False)
    assert mark_path(path).exists()
    path.write_bytes(sound)
    admit(path, is_fetched_again=False)
    settle(path)
    assert not mark_path(path).exists()
    assert not asides(path)


@pytest.mark.parametrize("what", ["pages", "header", "meta"])
@pytest.mark.parametrize("is_marked", [False, True])
def test_a_member_puts_a_damaged_file_aside(tmp_path: Path, what: str, is_marked: bool) -> None:
    """The others have its rows; the old file is kept with its WAL, and one that was kept before goes."""
    path = a_file(tmp_path / "data", killed=True)
    (path.parent / f"{NAME}.damaged-20200101T000000").write_bytes(b"older")
    wal = path.with_name(f"{NAME}-wal").read_bytes()
    if what == "pages":
        ruin(path)
    elif what == "header":
        path.write_bytes(b"?" + path.read_bytes()[1:])
    else:
        database = apsw.Connection(str(path))
        database.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        database.execute("DELETE FROM meta")
        database.close()
        wal = path.with_name(f"{NAME}-wal").read_bytes()
    image = path.read_bytes()
    if is_marked:
        mark(path)
    admit(path, is_fetched_again=True, bytes_max=MIB)
    assert mark_path(path).exists()
    assert count_shards(path.parent) == 1
    assert asides(path) == ["", "-wal"]
    kept = next(each for each in path.parent.glob("*.damaged-*") if not each.name.endswith("-wal"))
    assert kept.read_bytes() == image
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == wal
    store = ShardFile(path)
    settle(path)
    assert store.applied == 0
    assert not mark_path(path).exists()
    store.close()


def test_how_much_is_checked_without_a_mark(tmp_path: Path) -> None:
    """Large files would make a start too long; what a mark stands beside is checked at any size."""
    path = a_file(tmp_path / "data")
    ruin(path)
    admit(path, is_fetched_again=True, bytes_max=path.stat().st_size - 1)
    assert not asides(path)
    mark(path)
    admit(path, is_fetched_again=True, bytes_max=0)
    assert asides(path)[0] == ""


@pytest.mark.parametrize("name", ["gone", "empty", "foreign"])
def test_files_without_rows_are_not_damaged(tmp_path: Path, name: str) -> None:
    """There is none yet, or it is somebody else's, which the start says in words of its own."""
    path = tmp_path / NAME
    if name == "empty":
        path.touch()
    elif name == "foreign":
        connection: Any = apsw.Connection(str(path))
        connection.execute("CREATE TABLE theirs (x); PRAGMA application_id = 7")
        connection.close()
    admit(path, is_fetched_again=True, bytes_max=MIB)
    assert not asides(path)
    if name == "foreign":
        with pytest.raises(ShardFileError, match="no shard"):
            ShardFile(path)


def test_somebody_holds_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be checked is not damaged."""
    monkeypatch.setattr("mainspring.nodes.storage.shard.suspicion.BUSY_TIMEOUT_MS", 1)
    path = a_file(tmp_path / "data")
    holder: Any = apsw.Connection(str(path))
    holder.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE t (x)").fetchall()
    with pytest.raises(ShardFileError, match="locked by another process"):
        admit(path, is_fetched_again=True, bytes_max=MIB)
    holder.close()
    assert not asides(path)


@pytest.mark.parametrize("loss", list(Loss))
def test_a_kill_while_it_is_put_aside(tmp_path: Path, loss: Loss) -> None:
    """The next start finds the damaged file and its mark, or no file; and never a new one with the old one's WAL."""
    path = a_file(tmp_path / "data", killed=True)
    ruin(path)
    folder = path.parent
    disk = Disk(folder)
    draw = random.Random(3)
    cuts: list[Path] = []

    def cut(_event: Event) -> None:
        cuts.append(tmp_path / "cuts" / str(len(cuts)))
        disk.power_loss(cuts[-1], loss, draw)

    disk.on_event = cut
    admit(path, is_fetched_again=True, bytes_max=MIB, files=DiskFiles(disk))
    disk.on_event = None
    assert len(cuts) >= 6
    for left in cuts:
        assert count_shards(left) == 1, sorted(each.name for each in left.iterdir())
        admit(left / NAME, is_fetched_again=True, bytes_max=MIB)
        assert not (left / NAME).exists()
        assert not (left / f"{NAME}-wal").exists()
        assert sorted(set(asides(left / NAME))) == ["", "-wal"]
        ShardFile(left / NAME).close()
        settle(left / NAME)


def test_shards_are_counted_between_two_names(tmp_path: Path) -> None:
    """A kill may leave a shard without a file of its own name: the start must not take it for one too few."""
    for name in (NAME, "tasks_default_shard_1.db.suspect", ".tasks_default_shard_2.db.arrived", f"{NAME}.suspect"):
        (tmp_path / name).touch()
    for name in (f"{NAME}.damaged-20200101T000000", ".tasks_default_shard_9.db.part-1", "tasks_default_shard_3.db-wal"):
        (tmp_path / name).touch()
    assert count_shards(tmp_path) == 3


def test_the_check_reads_what_the_disk_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel has in memory of a marked file is written first, and then forgotten."""
    path = a_file(tmp_path / "data", killed=True)
    mark(path)
    forgotten: list[str] = []
    real = os.posix_fadvise

    def fadvise(fd: int, offset: int, size: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        forgotten.append(Path(f"/proc/self/fd/{fd}").resolve().name)
        real(fd, offset, size, advice)

    monkeypatch.setattr(os, "posix_fadvise", fadvise)
    admit(path, is_fetched_again=False)
    assert forgotten == [NAME, f"{NAME}-wal"]
