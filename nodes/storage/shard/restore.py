"""What a machine takes over from a shard file.

Decides which rows those are: never `jobs`, never history, so a restart costs the same whatever stands there.
Rule: actors/store.py, Restored.
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

from typing import Any

from ....actors.entries import EXECUTOR_COLUMNS, LANE_COLUMNS
from ....actors.store import SCHEDULE_STATE_COLUMNS, Restored
from ....broker.wire.rows import SCHEDULE_COLUMNS, TASK_COLUMNS
from .apply import Meta
from .batch import unpack
from .database import Database
from .schedule_writes import DEFINED

_LANES = f"SELECT {', '.join(LANE_COLUMNS)}, scheduled + ready + retrying FROM lanes ORDER BY lane"
_EXECUTORS = f"SELECT {', '.join(EXECUTOR_COLUMNS)} FROM executors ORDER BY executor"
_TASKS = f"SELECT {', '.join(TASK_COLUMNS)} FROM tasks ORDER BY name"
_SESSIONS = (
    "SELECT session, sequence, first_id, count, existing, acked_below, stamp_ms FROM sessions"
    " ORDER BY session, sequence"
)
_LEASES = "SELECT id, attempt, epoch, entry, executor, incarnation, leased_ms FROM leases ORDER BY id"
_STATE_COLUMNS = SCHEDULE_STATE_COLUMNS[:-1]
SCHEDULES = f"""SELECT {", ".join((*_STATE_COLUMNS, *DEFINED.values()))} FROM schedules
    WHERE removed_ms IS NULL ORDER BY schedule"""
_TICK_JOBS = "SELECT job, schedule FROM tick_jobs ORDER BY job"
_BOOTS = "SELECT node, boot FROM boots ORDER BY node"
_TENANTS = "SELECT lane, tenant FROM lanes"

_RETRY = TASK_COLUMNS.index("retry")
_DEFINITION = len(_STATE_COLUMNS)
_SCHEDULE_RETRY = SCHEDULE_COLUMNS.index("retry")
_SCHEDULE_PAUSED = SCHEDULE_COLUMNS.index("paused")


def restore(database: Database, meta: Meta) -> Restored:
    """Returns what a new machine starts from, as of `meta`."""
    tasks = [list(row) for row in database.execute(_TASKS)]
    for row in tasks:
        row[_RETRY] = unpack(row[_RETRY])
    sessions = [list(row) for row in database.execute(_SESSIONS)]
    for row in sessions:
        row[4] = unpack(row[4]) or []
    return Restored(
        applied=meta.applied,
        stamp_ms=meta.stamp_ms,
        next_sequence=meta.next_sequence,
        floor=meta.floor,
        lanes=[list(row) for row in database.execute(_LANES)],
        executors=[list(row) for row in database.execute(_EXECUTORS)],
        tasks=tasks,
        sessions=sessions,
        leases=[list(row) for row in database.execute(_LEASES)],
        finished=meta.finished,
        schedules=[_schedule(row) for row in database.execute(SCHEDULES)],
        next_schedule=meta.next_schedule,
        tick_jobs=[list(row) for row in database.execute(_TICK_JOBS)],
        boots=[list(row) for row in database.execute(_BOOTS)],
        ticks=meta.ticks,
        next_audit=meta.next_audit,
        lease_ttl_ms=meta.lease_ttl_ms,
    )


def _schedule(row: tuple[Any, ...]) -> list[Any]:
    definition = list(row[_DEFINITION:])
    retry, paused = definition[_SCHEDULE_RETRY], definition[_SCHEDULE_PAUSED]
    if retry is not None:
        definition[_SCHEDULE_RETRY] = unpack(retry)
    if paused is not None:
        definition[_SCHEDULE_PAUSED] = bool(paused)
    return [*row[:_DEFINITION], definition]


def read_tenants(database: Database) -> dict[int, str]:
    """Returns lane -> tenant."""
    return dict(database.execute(_TENANTS))
