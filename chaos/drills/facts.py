"""What a shard file holds when a drill is over: its jobs, its ticks, how attempts ended, and one hash of all rows.

Decides what is read, and that two files are equal when all their tables have the same rows, whatever their pages look
like. Must not know what is right.
"""

import hashlib
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ...actors.jobs.lifecycle import OUTCOME_SUCCEEDED
from ...nodes.storage.shard.migration import ShardFileError
from ...nodes.storage.shard.offline import open_offline

TICK_SCHEDULE: Final = "drill-tick"


class Job(NamedTuple):
    """One job, live or finished."""

    id: int
    key: str | None
    state: int


class Tick(NamedTuple):
    """What became of one instant, or of several with the same fate."""

    from_ms: int
    to_ms: int
    size: int
    job: int | None
    started_ms: int | None
    """When its job's first attempt began, by the wall clock of its executor."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One file."""

    jobs: list[Job] = field(default_factory=list[Job])
    successes: dict[int, int] = field(default_factory=dict[int, int])
    """Job -> how many of its attempts are recorded as succeeded."""
    ticks: list[Tick] = field(default_factory=list[Tick])
    hashes: dict[str, str] = field(default_factory=dict[str, str])
    """Table -> hash of its rows."""


def read(path: Path) -> Facts:
    """Reads a shard file, whether its node runs or not."""
    connection = open_offline(path)
    try:
        connection.execute("BEGIN")  # all of it as of one moment
        return Facts(_jobs(connection), _successes(connection), _ticks(connection), hashes(connection))
    finally:
        connection.close()


def live(path: Path) -> int:
    """Returns how many jobs of a file have not ended."""
    connection = open_offline(path)
    try:
        return int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])
    finally:
        connection.close()


def hash_or_fault(path: Path) -> dict[str, str]:
    """Returns the hashes of a file's tables; of one that cannot be read, the reason as its only one."""
    try:
        return _hash_of(path)
    except (sqlite3.Error, ShardFileError) as error:
        return {"the file": str(error)}


def _hash_of(path: Path) -> dict[str, str]:
    connection = open_offline(path)
    try:
        connection.execute("BEGIN")
        return hashes(connection)
    finally:
        connection.close()


def _jobs(connection: sqlite3.Connection) -> list[Job]:
    select = "SELECT id, key, state FROM jobs UNION ALL SELECT id, key, state FROM finished"
    return [Job(*row) for row in connection.execute(select)]


def _successes(connection: sqlite3.Connection) -> dict[int, int]:
    select = "SELECT job_id, count(*) FROM executions WHERE outcome = ? GROUP BY job_id"
    return {row[0]: row[1] for row in connection.execute(select, (OUTCOME_SUCCEEDED,))}


def _ticks(connection: sqlite3.Connection) -> list[Tick]:
    select = """SELECT t.from_ms, t.to_ms, t.count, t.job_id,
        (SELECT min(started_ms) FROM executions e WHERE e.job_id = t.job_id)
        FROM ticks t JOIN schedules s ON s.schedule = t.schedule WHERE s.name = ? ORDER BY t.from_ms"""
    return [Tick(*row) for row in connection.execute(select, (TICK_SCHEDULE,))]


def hashes(connection: sqlite3.Connection) -> dict[str, str]:
    """Returns a hash of the rows of each table, in the order of their columns."""
    named = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    found: dict[str, str] = {}
    for (name,) in connection.execute(named).fetchall():
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')]
        order = ", ".join(str(at) for at in range(1, len(columns) + 1))
        digest = hashlib.blake2b(digest_size=16)
        for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY {order}'):  # noqa: S608  (the file's own names)
            digest.update(repr(tuple(row)).encode())
        found[name] = digest.hexdigest()
    return found
