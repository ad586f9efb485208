"""A WAL that SQLite would read to its end is whole; one in which a written frame is spoilt is not."""

import shutil
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_node import spoil

from mainspring.nodes.shards.wal import check_wal

pytestmark = pytest.mark.slow

COMMITS = 20


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a WAL in its second generation, longer ago than it is now: old frames stand behind the new."""
    path = tmp_path_factory.mktemp("wal") / "any.db"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.wal_autocheckpoint(0)
    connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, filler BLOB)")
    for number in range(60):
        connection.execute("INSERT INTO t VALUES (?, randomblob(3000))", (number,))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    for number in range(COMMITS):
        connection.execute("INSERT INTO t VALUES (?, randomblob(3000))", (100 + number,))
    left = path.with_name("left.db")
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{left}{end}")
    connection.close()
    return left


def read(path: Path) -> int:
    """How many rows SQLite finds."""
    connection = apsw.Connection(str(path))
    try:
        return len(connection.execute("SELECT n FROM t").fetchall())
    except apsw.Error:
        return -1
    finally:
        connection.close()


def test_a_whole_wal(database: Path, tmp_path: Path) -> None:
    """Frames of an older generation behind the last one are no damage, and every frame is counted."""
    wal = Path(f"{database}-wal")
    found = check_wal(wal)
    assert found.damage is None
    assert COMMITS <= found.frames < wal.stat().st_size // 4096


@pytest.mark.parametrize("size", [0, 10, 31, 40, 2000, 10_000])
def test_a_wal_that_was_cut_short(database: Path, tmp_path: Path, size: int) -> None:
    """A crash leaves a part of the last write: SQLite drops it, and nothing that counted is gone."""
    wal = tmp_path / "cut-wal"
    wal.write_bytes(Path(f"{database}-wal").read_bytes()[:size])
    assert check_wal(wal).damage is None


def with_commits(path: Path, *sizes: int) -> Path:
    """A WAL with a commit of about so many pages each, as a kill leaves it."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.wal_autocheckpoint(0)
    connection.execute("CREATE TABLE t (filler BLOB)")
    for size in sizes:
        connection.execute("INSERT INTO t VALUES (randomblob(?))", (size * 4096,))
    left = path.with_name("left-wal")
    shutil.copy(f"{path}-wal", left)
    connection.close()
    return left


def test_a_hole_in_the_last_commit(tmp_path: Path) -> None:
    """A power loss writes any part of what was not fsynced: the frames behind a bad one may be good."""
    wal = with_commits(tmp_path / "any.db", 1, 10)
    frames = check_wal(wal).frames
    spoil(wal, 32 + (frames - 5) * (4096 + 24) + 2000)
    found = check_wal(wal)
    assert found.frames == frames - 5
    assert found.damage == f"frame {frames - 4} has a wrong checksum, and frame {frames - 3} follows it"
    assert found.is_in_last


def test_a_hole_in_an_earlier_commit(tmp_path: Path) -> None:
    """Another commit came behind it, so it had been on the disk."""
    wal = with_commits(tmp_path / "any.db", 1, 10, 1)
    spoil(wal, 32 + (check_wal(wal).frames - 6) * (4096 + 24) + 2000)
    found = check_wal(wal)
    assert found.damage is not None
    assert not found.is_in_last


@settings(max_examples=150)
@given(place=st.floats(0, 0.999), bit=st.integers(0, 7))
def test_a_flip_that_loses_rows_is_damage(
    database: Path, tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    """Whatever makes SQLite drop frames that others follow is told; what counts as whole has lost one at most."""
    copy = tmp_path_factory.mktemp("flip") / "any.db"
    for end in ("", "-wal"):
        shutil.copy(f"{database}{end}", f"{copy}{end}")
    wal = Path(f"{copy}-wal")
    frames = check_wal(wal).frames
    spoil(wal, int(place * (32 + frames * (4096 + 24))), bit)
    found = check_wal(wal)
    rows = read(copy)
    assert found.damage is not None or rows >= 60 + COMMITS - 1
    if found.damage is None:
        assert found.frames >= frames - 2
