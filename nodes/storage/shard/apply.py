"""Writes entries into the open transaction of a shard file: reads the live rows that they name, folds, writes.

Decides the order of the statements: one `executemany` a table and batch. Must not know transactions or locks
(shard_file.py has those), nor what an op means (batch.py).
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

from collections.abc import Sequence
from typing import NamedTuple

from ....actors import entries
from ....actors.entries import Entry, Op
from ....actors.jobs.lifecycle import STATES
from . import by_hand, retention
from .batch import EXECUTIONS_COLUMNS, FINISHED_COLUMNS, JOBS_COLUMNS, Batch, JobRow, live_ids, pack
from .database import Database
from .schedule_writes import read_schedules, write_schedules, write_tick_jobs
from .schedules import KINDS


class Meta(NamedTuple):
    """The one row of `meta`."""

    applied: int
    epoch: int
    stamp_ms: int
    next_sequence: int
    floor: int
    finished: int
    executions: int
    next_schedule: int
    next_audit: int
    ticks: int
    lease_ttl_ms: int


def _insert(table: str, columns: Sequence[str], verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


_COUNTED = (1, 2, 4, 10, 11, 12, 13, 14, 15)
"""The states that have a counter in `lanes`."""

_READ_META = f"SELECT {', '.join(Meta._fields)} FROM meta"
_WRITE_META = f"UPDATE meta SET {', '.join(f'{name} = ?' for name in Meta._fields)}"
_READ_JOBS = f"SELECT {', '.join(JOBS_COLUMNS)} FROM jobs WHERE id IN (SELECT value FROM json_each(?))"
_DELETE_JOBS = "DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?))"
_INSERT_JOB = _insert("jobs", JOBS_COLUMNS)
_UPDATE_JOB = "UPDATE jobs SET state = ?, due_ms = ?, attempts = ?, failures = ?, crashes = ?, asked = ? WHERE id = ?"
_INSERT_FINISHED = _insert("finished", FINISHED_COLUMNS)
_INSERT_EXECUTION = _insert("executions", EXECUTIONS_COLUMNS)
_ANY_LEASE = "SELECT EXISTS (SELECT 1 FROM leases)"
_DELETE_LEASES = "DELETE FROM leases WHERE id IN (SELECT value FROM json_each(?))"
_WRITE_LEASE = _insert("leases", ("id", "attempt", "epoch", "entry", "executor", "incarnation", "leased_ms"), "REPLACE")
_INSERT_LANE = _insert("lanes", ("lane", "tenant", "queue", "priority", "task"))
_COUNT_LANE = f"UPDATE lanes SET {', '.join(f'{STATES[n]} = {STATES[n]} + ?' for n in _COUNTED)} WHERE lane = ?"
_WRITE_EXECUTOR = _insert("executors", ("executor", "node", "name"), "REPLACE")
_WRITE_TASK = _insert("tasks", ("name", "runner", "queue", "retry", "timeout_ms", "priority"), "REPLACE")
_WRITE_KEY = _insert("keys", ("tenant", "key", "id", "until_ms"), "REPLACE")
_FORGET_ANSWERS = "DELETE FROM sessions WHERE session = ? AND sequence < ?"
_INSERT_ANSWER = _insert(
    "sessions", ("session", "sequence", "first_id", "count", "existing", "acked_below", "stamp_ms")
)
_END_SESSIONS = "DELETE FROM sessions WHERE session IN (SELECT value FROM json_each(?))"

_ALONE = (
    entries.SESSIONS_END,
    entries.PRUNE,
    entries.KEYS_END,
    entries.TICKS_END,
    entries.REVIVE,
    entries.SETTLE,
    entries.LEASE_TTL,
)


def read_meta(database: Database) -> Meta:
    """Reads the one row of `meta`."""
    return Meta._make(database.execute(_READ_META).fetchone())


def write(
    database: Database,
    meta: Meta,
    tenants: dict[int, str],
    numbered: Sequence[tuple[int, Entry]],
) -> Meta:
    """Writes the entries, whose indexes follow on from `meta.applied`, and returns the new `meta`, written too.

    Args:
        database: a connection in a write transaction.
        meta: the file's present meta row.
        tenants: lane -> tenant; gains the lanes that the entries bring.
        numbered: (index, entry) pairs.
    """
    run: list[tuple[Op, int]] = []
    for index, entry in numbered:
        assert index == meta.applied + 1, f"entry {index} does not follow entry {meta.applied}"
        assert entry.epoch >= meta.epoch, f"entry {index} is of epoch {entry.epoch}, after one of epoch {meta.epoch}"
        if not entry.ops:  # the engine's own: it has no time
            meta = meta._replace(applied=index, epoch=entry.epoch)
            continue
        assert entry.stamp_ms >= meta.stamp_ms, f"the stamp of entry {index} goes back"
        meta = meta._replace(applied=index, epoch=entry.epoch, stamp_ms=entry.stamp_ms)
        for op in entry.ops:
            if op[0] in _ALONE:
                meta = _write_run(database, meta, tenants, run)
                run = []
                meta = _write_alone(database, meta, op)
            else:
                run.append((op, entry.stamp_ms))
    meta = _write_run(database, meta, tenants, run)
    database.execute(_WRITE_META, meta)
    return meta


def _write_run(database: Database, meta: Meta, tenants: dict[int, str], run: list[tuple[Op, int]]) -> Meta:
    stored: dict[int, JobRow] = {}
    ids = live_ids(op for op, _ in run)
    if ids:
        stored = {row[0]: row for row in database.execute(_READ_JOBS, (pack(ids),))}
    batch = Batch(stored, tenants, meta.next_sequence)
    schedules = read_schedules(database, (op for op, _ in run), meta.next_schedule, meta.next_audit)
    for op, stamp_ms in run:
        (schedules if op[0] in KINDS else batch).add(op, stamp_ms)
    _write_catalogue(database, batch)
    gone = [id for id in stored if id not in batch.live]
    _write_jobs(database, batch, gone)
    _write_leases(database, batch)
    _write_sessions(database, batch)
    ticks_more = write_schedules(database, schedules)
    write_tick_jobs(database, schedules.tick_jobs, gone, [row[0] for row in batch.finished])
    return meta._replace(
        next_sequence=batch.next_sequence,
        floor=meta.floor if batch.floor is None else batch.floor,
        finished=meta.finished + len(batch.finished),
        executions=meta.executions + len(batch.executions),
        next_schedule=schedules.next_schedule,
        next_audit=schedules.next_audit,
        ticks=meta.ticks + ticks_more,
    )


def _write_catalogue(database: Database, batch: Batch) -> None:
    if batch.lanes:
        database.executemany(_INSERT_LANE, batch.lanes)
    if batch.executors:
        database.executemany(_WRITE_EXECUTOR, batch.executors)
    if batch.tasks:
        rows = [(*row[:3], pack(row[3]), *row[4:]) for row in batch.tasks.values()]
        database.executemany(_WRITE_TASK, rows)


def _write_jobs(database: Database, batch: Batch, gone: list[int]) -> None:
    stored, live = batch.stored, batch.live
    if gone:
        database.execute(_DELETE_JOBS, (pack(gone),))
    taken = [row for id, row in live.items() if id not in stored]
    if taken:
        database.executemany(_INSERT_JOB, taken)
    changed = [
        (row[2], row[3], row[5], row[6], row[7], row[8], id)
        for id, row in live.items()
        if stored.get(id, row) is not row
    ]
    if changed:
        database.executemany(_UPDATE_JOB, changed)
    if batch.finished:
        database.executemany(_INSERT_FINISHED, batch.finished)
    if batch.executions:
        database.executemany(_INSERT_EXECUTION, batch.executions)
    by_lane: dict[int, dict[int, int]] = {}
    for (lane, state), more in batch.counts().items():
        if more:
            by_lane.setdefault(lane, {})[state] = more
    if by_lane:
        count_lanes(database, by_lane)


def count_lanes(database: Database, by_lane: dict[int, dict[int, int]]) -> None:
    """Adds to the counters of lanes: lane -> state -> how many jobs more."""
    database.executemany(_COUNT_LANE, [(*(more.get(n, 0) for n in _COUNTED), lane) for lane, more in by_lane.items()])


def _write_leases(database: Database, batch: Batch) -> None:
    if batch.ended and database.execute(_ANY_LEASE).get:
        database.execute(_DELETE_LEASES, (pack(batch.ended),))
    if batch.leases:
        database.executemany(_WRITE_LEASE, list(batch.leases.values()))


def _write_sessions(database: Database, batch: Batch) -> None:
    if batch.acked:
        database.executemany(_FORGET_ANSWERS, list(batch.acked.items()))
    if batch.answers:
        database.executemany(_INSERT_ANSWER, list(batch.answers.values()))
    if batch.keys:
        database.executemany(_WRITE_KEY, [(*name, *held) for name, held in batch.keys.items()])


def _write_alone(database: Database, meta: Meta, op: Op) -> Meta:
    if op[0] == entries.SESSIONS_END:
        database.execute(_END_SESSIONS, (pack(op[1]),))
    elif op[0] == entries.KEYS_END:
        retention.end_keys(database, op[1])
    elif op[0] == entries.TICKS_END:
        return meta._replace(ticks=meta.ticks - retention.end_ticks(database, meta.ticks, *op[1:]))
    elif op[0] == entries.REVIVE:
        count_lanes(database, by_hand.revive(database, op[1]))
        return meta._replace(finished=meta.finished - len(op[1]))
    elif op[0] == entries.SETTLE:
        count_lanes(database, by_hand.settle(database, *op[1:]))
    elif op[0] == entries.LEASE_TTL:
        return meta._replace(lease_ttl_ms=op[1])
    else:
        by_lane, executions = retention.prune(database, *op[1:])
        count_lanes(database, by_lane)
        gone = -sum(more for states in by_lane.values() for more in states.values())
        return meta._replace(finished=meta.finished - gone, executions=meta.executions - executions)
    return meta
