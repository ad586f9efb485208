"""Answers listings for people, as of the last applied entry.

Decides the statements behind each. Must not know how rows are written, nor which filters exist (listing_rules.py).
Each is bounded, because it runs inside the coordinator's loop; anything deeper is asked of the file itself, offline.
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from ....actors.jobs.lifecycle import LIVE, OUTCOMES, RUNNING, STATES, SUCCEEDED, TERMINAL
from .batch import pack, unpack
from .database import Database, Row
from .dead_letters import dead_groups, ended_by
from .listing_rules import LISTINGS, SCAN_IDS, checked, scans
from .metric_listing import metric_listing
from .schedule_listings import SCHEDULE_ANSWERS

_STATE_NUMBERS = {name: number for number, name in STATES.items()}

_COUNTED_STATES = tuple(number for number in STATES if number != RUNNING)
"""Those of rows, which lanes count; whether a job runs, its lease says."""
_IN_QUEUE = {STATES[number]: f"sum({STATES[number]})" for number in _COUNTED_STATES}
_IN_QUEUE["running"] = "coalesce(max(running), 0)"

_HAS_LEASE = "id IN (SELECT id FROM leases)"
_LIVE = f"""SELECT id, lane, CASE WHEN {_HAS_LEASE} THEN {RUNNING} ELSE state END, attempts, due_ms, scheduled_ms,
    created_ms, NULL, key, NULL, NULL FROM jobs"""
_DONE = """SELECT id, lane, state, attempts, NULL, scheduled_ms, created_ms, finished_ms, key, error,
    error_kind FROM finished"""
_NEWEST = "SELECT max(coalesce((SELECT max(id) FROM jobs), 0), coalesce((SELECT max(id) FROM finished), 0))"
_ANY_BELOW = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id <= ?1) OR EXISTS (SELECT 1 FROM finished WHERE id <= ?1)"

_LAST = """(SELECT e.error_kind FROM executions e WHERE e.job_id = j.id ORDER BY e.attempt DESC LIMIT 1),
    (SELECT e.output FROM executions e WHERE e.job_id = j.id ORDER BY e.attempt DESC LIMIT 1)"""
_JOB_LIVE = f"""SELECT j.id, l.tenant, l.queue, l.task, l.priority,
    CASE WHEN j.id IN (SELECT id FROM leases) THEN {RUNNING} ELSE j.state END,
    j.attempts, j.failures, j.crashes, j.asked, j.due_ms, j.scheduled_ms, j.created_ms, NULL, j.expires_ms,
    j.deadline_ms, j.timeout_ms, j.retry, j.key, j.trace, j.payload, NULL, NULL,
    {_LAST} FROM jobs j JOIN lanes l ON l.lane = j.lane WHERE j.id = ?"""
_JOB_DONE = f"""SELECT j.id, l.tenant, l.queue, l.task, l.priority, j.state,
    j.attempts, NULL, NULL, NULL, NULL, j.scheduled_ms, j.created_ms, j.finished_ms, j.expires_ms,
    j.deadline_ms, j.timeout_ms, j.retry, j.key, j.trace, j.payload, j.result, j.error,
    {_LAST} FROM finished j JOIN lanes l ON l.lane = j.lane WHERE j.id = ?"""
_JOB_STATE = LISTINGS["job"].columns.index("state")
_JOB_RETRY = LISTINGS["job"].columns.index("retry")

_EXECUTIONS = """SELECT e.job_id, e.attempt, l.tenant, l.queue, l.task, e.outcome, e.scheduled_ms, e.started_ms,
    e.finished_ms, x.node, x.name, e.error_kind, e.error, e.output FROM executions e JOIN lanes l ON l.lane = e.lane
    LEFT JOIN executors x ON x.executor = e.executor WHERE e.job_id = ? AND e.attempt > ? ORDER BY e.attempt LIMIT ?"""
_EXECUTIONS_OUTCOME = LISTINGS["executions"].columns.index("outcome")

# The leases are counted once for all: the views count them anew for each row, which many queues would not forgive.
_QUEUES = f"""SELECT {", ".join(_IN_QUEUE.get(name, name) for name in LISTINGS["queues"].columns)}
    FROM lanes LEFT JOIN (SELECT l.tenant AS tenant, l.queue AS queue, count(*) AS running
        FROM leases s JOIN jobs j ON j.id = s.id JOIN lanes l ON l.lane = j.lane GROUP BY l.tenant, l.queue)
    USING (tenant, queue) GROUP BY tenant, queue ORDER BY tenant, queue"""
_EXECUTORS = """SELECT x.executor, x.node, x.name, coalesce(r.running, 0) FROM executors x
    LEFT JOIN (SELECT executor, count(*) AS running FROM leases GROUP BY executor) r ON r.executor = x.executor
    ORDER BY x.executor"""
_TASKS = "SELECT name, runner, queue, retry, timeout_ms, priority FROM tasks ORDER BY name"
_LANE_COLUMNS = ("lane", "tenant", "queue", "task", "priority", *(STATES[number] for number in _COUNTED_STATES))
_LANES = f"SELECT {', '.join(_LANE_COLUMNS)} FROM lanes"
_COUNTS = """SELECT applied, epoch, finished, executions, (SELECT total(scheduled + ready + retrying) FROM lanes),
    (SELECT count(*) FROM lanes), (SELECT count(*) FROM executors), (SELECT count(*) FROM tasks),
    (SELECT count(*) FROM leases), (SELECT count(*) FROM sessions), (SELECT count(*) FROM keys),
    (SELECT count(*) FROM schedules WHERE removed_ms IS NULL), ticks, (SELECT count(*) FROM tick_jobs),
    coalesce(next_audit - (SELECT min(id) FROM audit), 0) FROM meta"""
_COUNTED = (
    "applied", "epoch", "rows.finished", "rows.executions", "rows.jobs", "rows.lanes", "rows.executors", "rows.tasks",
    "rows.leases", "rows.sessions", "rows.keys", "rows.schedules", "rows.ticks", "rows.tick_jobs", "rows.audit",
)  # fmt: skip


def listing(database: Database, path: Path, name: str, chosen: dict[str, Any]) -> list[Any]:
    """Returns [columns, rows, more].

    Raises:
        ValueError: a listing or a filter that does not exist.
    """
    chosen = checked(name, chosen)
    rows, more = _ANSWERS[name](database, path, chosen)
    return [list(LISTINGS[name].columns), rows, more]


Answer = tuple[list[list[Any]], bool]


def _jobs(database: Database, _path: Path, chosen: dict[str, Any]) -> Answer:
    limit: int = chosen["limit"]
    below: int = chosen.get("after_id") or database.execute(_NEWEST).get + 1
    floor = below - 1 - SCAN_IDS if scans(chosen) else 0
    lanes = {row[0]: row for row in database.execute(_LANES)}
    conditions = "id < ? AND id > ?"
    bound: list[Any] = [below, max(0, floor)]
    wanted = list(lanes.values())
    named = {_LANE_COLUMNS.index(key): chosen[key] for key in ("tenant", "queue", "task") if key in chosen}
    if named:
        wanted = [row for row in wanted if all(row[at] == value for at, value in named.items())]
        # The plus sign keeps SQLite from an index that would have to be sorted by id afterwards.
        conditions += " AND +lane IN (SELECT value FROM json_each(?))"
        bound.append(pack([row[0] for row in wanted]))
    state = _STATE_NUMBERS.get(chosen.get("state", ""))
    halves = [(_LIVE, _live_filter(state), LIVE), (_DONE, _done_filter(state), TERMINAL)]
    ended, values = ended_by(chosen)
    if ended:
        del halves[0]
        conditions += ended
        bound += values
    # Where no lane counts a job of the kind, nobody need look for one among the rows.
    asked = [
        f"{select} WHERE {conditions}{filtered} ORDER BY id DESC LIMIT ?"
        for select, filtered, states in halves
        if filtered is not None and _any_counted(wanted, states if state in (None, RUNNING) else {state})
    ]
    rows = [row for statement in asked for row in database.execute(statement, (*bound, limit + 1))]
    rows.sort(reverse=True)
    more = len(rows) > limit or (bool(asked) and floor > 0 and bool(database.execute(_ANY_BELOW, (floor,)).get))
    shown = [[row[0], *lanes[row[1]][1:5], STATES[row[2]], *row[3:]] for row in rows[:limit]]
    return shown, more


def _any_counted(lanes: Iterable[Row], states: Collection[int]) -> bool:
    """Says whether a lane has a job in one of these states."""
    columns = [_LANE_COLUMNS.index(STATES[state]) for state in states if state != RUNNING]
    return any(row[at] for row in lanes for at in columns)


def _live_filter(state: int | None) -> str | None:
    if state is None:
        return ""
    if state in TERMINAL:
        return None
    return f" AND {_HAS_LEASE}" if state == RUNNING else f" AND state = {state} AND NOT {_HAS_LEASE}"


def _done_filter(state: int | None) -> str | None:
    if state is None:
        return ""
    if state not in TERMINAL:
        return None
    # The second half tells SQLite that the partial index has all such rows.
    return f" AND state = {state}" + (f" AND state <> {SUCCEEDED}" if state != SUCCEEDED else "")


def _job(database: Database, _path: Path, chosen: dict[str, Any]) -> Answer:
    rows = [list(row) for one in (_JOB_LIVE, _JOB_DONE) for row in database.execute(one, (chosen["id"],))]
    for row in rows:
        row[_JOB_STATE] = STATES[row[_JOB_STATE]]
        row[_JOB_RETRY] = unpack(row[_JOB_RETRY])
    return rows, False


def _executions(database: Database, _path: Path, chosen: dict[str, Any]) -> Answer:
    limit: int = chosen["limit"]
    bound = (chosen["job_id"], chosen.get("after_attempt", 0), limit + 1)
    rows = [list(row) for row in database.execute(_EXECUTIONS, bound)]
    for row in rows:
        row[_EXECUTIONS_OUTCOME] = OUTCOMES[row[_EXECUTIONS_OUTCOME]]
    return rows[:limit], len(rows) > limit


def _queues(database: Database, _path: Path, _chosen: dict[str, Any]) -> Answer:
    return [list(row) for row in database.execute(_QUEUES)], False


def _executors(database: Database, _path: Path, _chosen: dict[str, Any]) -> Answer:
    return [list(row) for row in database.execute(_EXECUTORS)], False


def _tasks(database: Database, _path: Path, _chosen: dict[str, Any]) -> Answer:
    rows = [list(row) for row in database.execute(_TASKS)]
    for row in rows:
        row[3] = unpack(row[3])
    return rows, False


def _stat(database: Database, path: Path, _chosen: dict[str, Any]) -> Answer:
    row = database.execute(_COUNTS).get
    rows = [[name, int(value)] for name, value in zip(_COUNTED, row, strict=True)]
    pragmas = ("page_size", "page_count", "freelist_count", "user_version")
    rows += [[f"file.{name}", database.pragma(name)] for name in pragmas]
    for name, suffix in (("file.bytes", ""), ("file.wal_bytes", "-wal")):
        file = path.with_name(path.name + suffix)
        rows.append([name, file.stat().st_size if file.exists() else 0])
    return rows, False


_ANSWERS: dict[str, Callable[[Database, Path, dict[str, Any]], Answer]] = {
    "jobs": _jobs,
    "job": _job,
    "dead_groups": dead_groups,
    "executions": _executions,
    "queues": _queues,
    "executors": _executors,
    "tasks": _tasks,
    "stat": _stat,
    "metrics": metric_listing,
    **SCHEDULE_ANSWERS,
}
assert _ANSWERS.keys() == LISTINGS.keys()
