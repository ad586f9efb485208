"""Answers what a shard machine may ask, from the rows.

Decides which statement answers which question. Must not know listings for people (listings.py).
Rule: actors/store.py.
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

from pathlib import Path
from typing import Any

from ....actors.store import (
    DONE_COLUMNS,
    LIVE_COLUMNS,
    Read,
    ReadDue,
    ReadExpired,
    ReadJobs,
    ReadKeys,
    ReadListing,
    ReadReady,
)
from .batch import pack, unpack
from .database import Database, Rows
from .listings import listing

_LIVE = f"SELECT {', '.join(LIVE_COLUMNS)} FROM jobs"

READY = f"{_LIVE} WHERE lane = ? AND due_ms IS NULL AND id > ? ORDER BY id LIMIT ?"
# Two halves, because SQLite starts (due_ms, id) > (?, ?) at the first job of that millisecond: with a million jobs of
# one millisecond every page would walk over all the pages before it.
DUE = """SELECT due_ms, id FROM jobs WHERE due_ms = ?1 AND id > ?2 AND due_ms < ?3
    UNION ALL SELECT due_ms, id FROM jobs WHERE due_ms > ?1 AND due_ms < ?3 ORDER BY 1, 2 LIMIT ?4"""
LIVE_BY_ID = f"{_LIVE} WHERE id IN (SELECT value FROM json_each(?))"
DONE_BY_ID = f"SELECT {', '.join(DONE_COLUMNS)} FROM finished WHERE id IN (SELECT value FROM json_each(?))"
KEY = "SELECT tenant, key, id, until_ms FROM keys WHERE tenant = ? AND key = ?"
EXPIRED = "SELECT id FROM jobs WHERE expires_ms <= ? ORDER BY expires_ms, id LIMIT ?"

_RETRY = LIVE_COLUMNS.index("retry")


def answer(database: Database, path: Path, read: Read) -> list[Any]:
    """Answers one question as of the last applied entry.

    Raises:
        ValueError: a listing that does not exist, or a filter that it does not have.
    """
    match read:
        case ReadReady(lane, after, limit):
            return _live(database.execute(READY, (lane, after, limit)))
        case ReadDue(after_ms, after_id, before_ms, limit):
            return [list(row) for row in database.execute(DUE, (after_ms, after_id, before_ms, limit))]
        case ReadJobs(ids):
            return _jobs(database, ids)
        case ReadKeys(keys):
            return [list(row) for row in database.executemany(KEY, keys)]
        case ReadExpired(before_ms, limit):
            return [list(row) for row in database.execute(EXPIRED, (before_ms, limit))]
        case ReadListing(name, chosen):
            return listing(database, path, name, chosen)


def _jobs(database: Database, ids: list[int]) -> list[Any]:
    text = (pack(ids),)
    found: dict[int, list[Any]] = {row[0]: row for row in _live(database.execute(LIVE_BY_ID, text))}
    if len(found) < len(ids):
        found.update((row[0], list(row)) for row in database.execute(DONE_BY_ID, text))
    return [found[id] for id in dict.fromkeys(ids) if id in found]


def _live(cursor: Rows) -> list[list[Any]]:
    rows = [list(row) for row in cursor]
    for row in rows:
        if row[_RETRY] is not None:
            row[_RETRY] = unpack(row[_RETRY])
    return rows
