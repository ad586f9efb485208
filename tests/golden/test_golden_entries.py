"""Logs of every entry version that ever was, replayed for ever."""

import json
from pathlib import Path
from typing import Any

import pytest
from golden_rows import KEYS, shown

from mainspring.actors import entries
from mainspring.actors.entries import ENTRY_VERSION, decode_entry, encode_entry
from mainspring.actors.store import ReadKeys
from mainspring.chaos.memory_store import MemoryStore

FOLDER = Path(__file__).parent
LOGS = sorted(path.stem for path in FOLDER.glob("entries_*.hex"))


def blobs(name: str) -> list[bytes]:
    """The entries of a golden log, as the log holds them."""
    return [bytes.fromhex(line) for line in FOLDER.joinpath(f"{name}.hex").read_text("ascii").splitlines()]


def expected(name: str) -> dict[str, list[dict[str, Any]]]:
    """The rows that it leaves."""
    tables: dict[str, list[dict[str, Any]]] = json.loads(FOLDER.joinpath(f"{name}.json").read_text("utf-8"))
    return tables


def test_there_is_a_log_of_every_version() -> None:
    """A new entry version comes with its golden log."""
    assert [f"entries_{version}" for version in range(1, ENTRY_VERSION + 1)] == LOGS


def test_the_newest_log_has_every_op() -> None:
    """The golden log of this version says everything that can be said."""
    kinds = {op[0] for blob in blobs(LOGS[-1]) for op in decode_entry(blob).ops}
    named = {name: value for name, value in vars(entries).items() if name.isupper() and type(value) is int}
    del named["ENTRY_VERSION"]
    assert kinds == set(named.values())


def test_the_newest_log_is_written_alike() -> None:
    """The same entries still become the same bytes."""
    for blob in blobs(LOGS[-1]):
        assert encode_entry(decode_entry(blob)) == blob


@pytest.mark.parametrize("name", LOGS)
def test_file_shows_the_same(name: str, tmp_path: Path) -> None:
    """A shard file built today from an old log shows what it always showed; only new columns may have come."""
    tables = shown(tmp_path / "shard.db", blobs(name))
    for table, rows in expected(name).items():
        found = tables[table]
        assert len(found) == len(rows), table
        for row, now in zip(rows, found, strict=True):
            assert {column: now.get(column) for column in row} == row, table


@pytest.mark.parametrize("name", LOGS)
def test_memory_restores_the_same(name: str) -> None:
    """The in-memory twin takes over the same from an old log."""
    store = MemoryStore()
    tables = expected(name)
    for index, blob in enumerate(blobs(name), 1):
        assert store.apply([(index, decode_entry(blob))])
        (restored,) = tables[f"{index} restored"]
        assert store.restore()._asdict() == restored
        assert store.read(ReadKeys(KEYS)) == [list(row.values()) for row in tables[f"{index} keys"]]
