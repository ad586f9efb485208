"""Reads the records of schedules that ops name, and writes what `Schedules` has folded.

Decides the statements: one `executemany` a table and batch. Must not know transactions (shard_file.py), nor what an op
means (schedules.py).
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

from collections.abc import Iterable, Sequence
from typing import Any

from ....actors.entries import Op
from ....broker.wire.rows import SCHEDULE_COLUMNS
from .batch import pack
from .database import Database
from .schedules import AUDIT_COLUMNS, STORED_COLUMNS, TICKS_COLUMNS, Record, Schedules, numbers_named

DEFINED = {name: "defined_paused" if name == "paused" else name for name in SCHEDULE_COLUMNS}
"""Column of broker.wire.rows.SCHEDULE_COLUMNS -> column of `schedules`."""

_STATE_COLUMNS = STORED_COLUMNS[1:-1]
_RETRY = SCHEDULE_COLUMNS.index("retry")


def _insert(table: str, columns: Sequence[str], verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _update(columns: Sequence[str]) -> str:
    return f"UPDATE schedules SET {', '.join(f'{name} = ?' for name in columns)} WHERE schedule = ?"


READ_RECORDS = f"""SELECT {", ".join(STORED_COLUMNS)} FROM schedules
    WHERE schedule IN (SELECT value FROM json_each(?))"""
_INSERT_RECORD = _insert("schedules", (*_STATE_COLUMNS, *DEFINED.values(), "created_ms", "schedule"))
_UPDATE_STATE = _update(_STATE_COLUMNS)
_UPDATE_WHOLE = _update((*_STATE_COLUMNS, *DEFINED.values()))
COUNT_TICKS = """SELECT count(*) FROM json_each(?1) k CROSS JOIN ticks t
    ON t.schedule = json_extract(k.value, '$[0]') AND t.from_ms = json_extract(k.value, '$[1]')"""
_WRITE_TICK = f"""{_insert("ticks", TICKS_COLUMNS)} ON CONFLICT (schedule, from_ms) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in TICKS_COLUMNS[2:])}"""
_ANY_TICK_JOB = "SELECT EXISTS (SELECT 1 FROM tick_jobs)"
DELETE_TICK_JOBS = "DELETE FROM tick_jobs WHERE job IN (SELECT value FROM json_each(?))"
_INSERT_TICK_JOB = _insert("tick_jobs", ("job", "schedule"))
_INSERT_AUDIT = _insert("audit", AUDIT_COLUMNS)
_WRITE_BOOT = _insert("boots", ("node", "boot"), "REPLACE")


def read_schedules(database: Database, ops: Iterable[Op], next_schedule: int, next_audit: int) -> Schedules:
    """Returns an empty fold that has the records which these ops name."""
    numbers = numbers_named(ops, next_schedule)
    stored: dict[int, Record] = {}
    if numbers:
        stored = {row[0]: Record(row) for row in database.execute(READ_RECORDS, (pack(numbers),))}
    return Schedules(stored, next_schedule, next_audit)


def write_schedules(database: Database, schedules: Schedules) -> int:
    """Writes all but the jobs of ticks, and returns how many rows `ticks` has gained."""
    _write_records(database, schedules)
    if schedules.audit:
        database.executemany(_INSERT_AUDIT, schedules.audit)
    if schedules.boots:
        database.executemany(_WRITE_BOOT, list(schedules.boots.items()))
    ticks = schedules.ticks
    if not ticks:
        return 0
    known = database.execute(COUNT_TICKS, (pack(list(ticks)),)).get
    database.executemany(_WRITE_TICK, list(ticks.values()))
    return len(ticks) - known


def _write_records(database: Database, schedules: Schedules) -> None:
    added: list[tuple[Any, ...]] = []
    defined: list[tuple[Any, ...]] = []
    moved: list[tuple[Any, ...]] = []
    for record in schedules.records.values():
        if record.definition is None:
            moved.append((*record.state(), record.number))
        elif record.created_ms is None:
            defined.append((*record.state(), *_bound(record.definition), record.number))
        else:
            added.append((*record.state(), *_bound(record.definition), record.created_ms, record.number))
    # What is removed gives its name free before it is given again.
    for statement, rows in ((_UPDATE_STATE, moved), (_UPDATE_WHOLE, defined), (_INSERT_RECORD, added)):
        if rows:
            database.executemany(statement, rows)


def _bound(definition: list[Any]) -> list[Any]:
    row = list(definition)
    if row[_RETRY] is not None:
        row[_RETRY] = pack(row[_RETRY])
    return row


def write_tick_jobs(database: Database, made: dict[int, int], gone: list[int], ended: list[int]) -> None:
    """Keeps the live jobs of ticks.

    Args:
        database: a connection in a write transaction.
        made: job -> schedule, of this transaction.
        gone: the jobs that were live in the file and have ended.
        ended: all jobs that have ended, those that never were in the file among them.
    """
    if gone and database.execute(_ANY_TICK_JOB).get:
        database.execute(DELETE_TICK_JOBS, (pack(gone),))
    if made:
        live = made.keys() - ended
        database.executemany(_INSERT_TICK_JOB, [(job, made[job]) for job in sorted(live)])
