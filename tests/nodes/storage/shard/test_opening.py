"""Opening: what is made, what is refused and in which words."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from shard_entries import apply, one_of_each

from mainspring.nodes.storage.shard.migration import ShardFileError
from mainspring.nodes.storage.shard.offline import open_offline
from mainspring.nodes.storage.shard.schema import APPLICATION_ID, SCHEMA_VERSION
from mainspring.nodes.storage.shard.shard_file import ShardFile, shard_file_name


def test_name() -> None:
    """The file says which tenant and which shard it is."""
    assert shard_file_name("acme", 3) == "tasks_acme_shard_3.db"


def test_new_file_says_what_it_is(tmp_path: Path) -> None:
    """A new file has our application id, the version, and explains its columns."""
    path = tmp_path / "shard.db"
    ShardFile(path).close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    (table,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'jobs'").fetchone()
    assert "-- the nominal time, which retries do not move" in table
    connection.close()


def test_empty_file_is_a_new_one(tmp_path: Path) -> None:
    """A file that a crash left empty is made as if it were not there."""
    path = tmp_path / "shard.db"
    path.touch()
    store = ShardFile(path)
    assert store.applied == 0
    store.close()


def test_crash_while_the_schema_is_made(tmp_path: Path) -> None:
    """A schema is there whole or not at all, so the next start makes it."""
    path = tmp_path / "shard.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE meta (x)")
    connection.close()
    store = ShardFile(path)
    assert store.applied == 0
    store.close()


@pytest.mark.parametrize("opened", [ShardFile, open_offline], ids=["node", "offline"])
def test_newer_file(tmp_path: Path, opened: type[ShardFile]) -> None:
    """A file of a later version is refused, not touched, and the mend is named."""
    path = tmp_path / "shard.db"
    ShardFile(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ShardFileError, match=rf"has schema version {SCHEMA_VERSION + 1} .* upgrade mainspring"):
        opened(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("opened", [ShardFile, open_offline], ids=["node", "offline"])
def test_foreign_file(tmp_path: Path, opened: type[ShardFile]) -> None:
    """Somebody else's database is refused and not touched."""
    path = tmp_path / "shard.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ShardFileError, match=r"is an SQLite file but no shard .* name another file"):
        opened(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("opened", [ShardFile, open_offline], ids=["node", "offline"])
def test_no_database(tmp_path: Path, opened: type[ShardFile]) -> None:
    """What is no database at all is refused before any library opens it."""
    path = tmp_path / "notes.txt"
    path.write_text("to do: nothing")
    with pytest.raises(ShardFileError, match="is no SQLite file; move it away or name another file"):
        opened(path)


def test_offline_missing_file(tmp_path: Path) -> None:
    """Looking into a file that is not there makes none."""
    with pytest.raises(ShardFileError, match=r"there is no file .*; name a tasks_<tenant>_shard_<n>.db"):
        open_offline(tmp_path / "shard.db")
    assert list(tmp_path.iterdir()) == []


def test_offline_cannot_write(tmp_path: Path) -> None:
    """The offline connection reads and nothing else; odd characters in the path do no harm."""
    folder = tmp_path / "a b?c#d%e"
    folder.mkdir()
    store = ShardFile(folder / "shard.db")
    apply(store, *one_of_each())
    store.close()
    connection = open_offline(folder / "shard.db")
    assert connection.execute("SELECT count(*) AS n FROM v_jobs").fetchone()["n"] == 9
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM jobs")
    connection.close()


def test_locked_while_opening(tmp_path: Path) -> None:
    """Somebody who holds the whole file is named as the reason."""
    path = tmp_path / "shard.db"
    ShardFile(path).close()
    other = apsw.Connection(str(path))
    other.pragma("locking_mode", "EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE; UPDATE meta SET floor = floor; COMMIT")
    with pytest.raises(ShardFileError, match="is locked by another process; end it"):
        ShardFile(path, open_timeout_ms=10)
    other.close()
    ShardFile(path).close()


def test_a_start_needs_no_schema_library(tmp_path: Path) -> None:
    """sqlite-utils costs a tenth of a second, so it is imported for a new or old file alone."""
    path = tmp_path / "shard.db"
    program = (
        "import sys; from mainspring.nodes.storage.shard.shard_file import ShardFile;"
        f"ShardFile({str(path)!r}).close(); print('sqlite_utils' in sys.modules)"
    )
    told = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert told == ["True\n", "False\n"]
