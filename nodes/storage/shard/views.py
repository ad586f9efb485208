"""The views of a shard file: what people and tools read.

Decides the contract that docs/shard-file.md describes: names and columns of views stay, columns may be added behind
the others. Must not know how rows are written. Only functions that SQLite 3.38 has are used, so any current shell
opens a shard.
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

from collections.abc import Mapping

from ....actors.jobs.lifecycle import OUTCOMES, READY, RETRYING, SCHEDULED, STATES, SUCCEEDED, TERMINAL
from ....broker.wire.ids import SEQUENCE_BITS, SEQUENCE_MAX


def iso(milliseconds: str) -> str:
    """A time as ISO-8601 in UTC with milliseconds."""
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {milliseconds} / 1000.0, 'unixepoch')"


def shown(id: str) -> str:
    """An id as people type it, `3-1042` or a bare `1042` on shard 0."""
    shard, sequence = f"({id} >> {SEQUENCE_BITS})", f"({id} & {SEQUENCE_MAX})"
    return f"CASE WHEN {shard} THEN {shard} || '-' || {sequence} ELSE CAST({sequence} AS TEXT) END"


def guarded(text: str) -> str:
    """Stored JSON text; what is no JSON is shown as a JSON string, so that json functions never fail on the column."""
    return f"CASE WHEN {text} IS NULL OR json_valid({text}) THEN {text} ELSE json_quote({text}) END"


def named(number: str, names: Mapping[int, str]) -> str:
    """The name of a stored number; one that has none is shown as it is."""
    cases = " ".join(f"WHEN {value} THEN '{name}'" for value, name in names.items())
    return f"CASE {number} {cases} ELSE CAST({number} AS TEXT) END"


_NOW_MS = "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"
_LAST = "FROM executions e WHERE e.job_id = j.id ORDER BY e.attempt DESC LIMIT 1"

# Of a live job `j`, and of a finished one.
LIVE_STATE = f"""CASE WHEN EXISTS (SELECT 1 FROM leases WHERE leases.id = j.id) THEN 'running'
        WHEN j.state IN ({SCHEDULED}, {RETRYING}) AND coalesce(j.due_ms, 0) <= {_NOW_MS} THEN '{STATES[READY]}'
        ELSE {named("j.state", {number: STATES[number] for number in (SCHEDULED, READY, RETRYING)})} END"""

DONE_STATE = named("j.state", {number: STATES[number] for number in sorted(TERMINAL)})


def _jobs_arm(table: str, state: str, due_ms: str, finished_ms: str, error: str, result: str) -> str:
    """One half of v_jobs; live and finished rows are told apart by where they stand."""
    return f"""SELECT j.id AS id, {shown("j.id")} AS job, l.tenant AS tenant, l.queue AS queue, l.task AS task,
    l.priority AS priority, {state} AS state, {iso(due_ms)} AS due_at, j.attempts AS attempts,
    {guarded("j.payload")} AS payload, {guarded(result)} AS result, {error} AS error, j.key AS key,
    {iso("j.created_ms")} AS created_at, {iso("j.scheduled_ms")} AS scheduled_at,
    {iso(f"(SELECT e.started_ms {_LAST})")} AS started_at, {iso(finished_ms)} AS finished_at,
    {iso("j.expires_ms")} AS expires_at, j.created_ms AS created_ms, j.scheduled_ms AS scheduled_ms,
    {due_ms} AS due_ms,
    (SELECT e.started_ms {_LAST}) AS started_ms, {finished_ms} AS finished_ms, j.expires_ms AS expires_ms,
    {iso("j.deadline_ms")} AS deadline_at, j.deadline_ms AS deadline_ms,
    j.timeout_ms AS timeout_ms, j.retry AS retry, j.trace AS trace
FROM {table} j JOIN lanes l ON l.lane = j.lane"""


_JOBS_LIVE = _jobs_arm(
    "jobs",
    LIVE_STATE,
    "coalesce(j.due_ms, j.scheduled_ms)",
    "NULL",
    f"(SELECT e.error {_LAST})",
    "NULL",
)
_JOBS_DONE = _jobs_arm(
    "finished",
    DONE_STATE,
    "j.scheduled_ms",
    "j.finished_ms",
    f"CASE WHEN j.state <> {SUCCEEDED} THEN coalesce(j.error, (SELECT e.error {_LAST})) END",
    "j.result",
)

_EXECUTIONS = f"""SELECT e.job_id AS job_id, {shown("e.job_id")} AS job, e.attempt AS attempt,
    l.tenant AS tenant, l.queue AS queue, l.task AS task, {iso("e.scheduled_ms")} AS scheduled_at,
    {iso("e.started_ms")} AS started_at, {iso("e.finished_ms")} AS finished_at, x.node AS node, x.name AS executor,
    {named("e.outcome", OUTCOMES)} AS outcome,
    e.error_kind AS error_kind, e.error AS error, e.output AS output, e.finished_ms - e.started_ms AS duration_ms,
    e.started_ms - e.scheduled_ms AS lateness_ms, e.scheduled_ms AS scheduled_ms, e.started_ms AS started_ms,
    e.finished_ms AS finished_ms
FROM executions e JOIN lanes l ON l.lane = e.lane LEFT JOIN executors x ON x.executor = e.executor"""

_LEASES = f"""SELECT s.id AS job_id, {shown("s.id")} AS job, s.attempt AS attempt,
    l.tenant AS tenant, l.queue AS queue, l.task AS task,
    x.node AS node, x.name AS executor, s.incarnation AS incarnation, s.epoch AS epoch, s.entry AS entry,
    {iso("s.leased_ms")} AS leased_at, s.leased_ms AS leased_ms
FROM leases s JOIN jobs j ON j.id = s.id JOIN lanes l ON l.lane = j.lane
    LEFT JOIN executors x ON x.executor = s.executor"""

COUNTED = ("scheduled", "ready", "retrying", "succeeded", "dead", "cancelled", "expired", "skipped", "discarded")

_LANES = f"""SELECT lane, tenant, queue, priority, task, scheduled + ready + retrying AS live,
    {", ".join(COUNTED)} FROM lanes"""

_QUEUES = f"""SELECT l.tenant AS tenant, l.queue AS queue, {", ".join(f"sum(l.{name}) AS {name}" for name in COUNTED)},
    sum(coalesce(r.running, 0)) AS running
FROM lanes l LEFT JOIN (
    SELECT j.lane AS lane, count(*) AS running FROM leases s JOIN jobs j ON j.id = s.id GROUP BY j.lane
) r ON r.lane = l.lane GROUP BY l.tenant, l.queue"""

_EXECUTORS = """SELECT x.executor AS executor, x.node AS node, x.name AS name,
    (SELECT count(*) FROM leases s WHERE s.executor = x.executor) AS running
FROM executors x"""

VIEWS: dict[str, str] = {
    "v_jobs": f"{_JOBS_LIVE}\nUNION ALL\n{_JOBS_DONE}",
    "v_executions": _EXECUTIONS,
    "v_leases": _LEASES,
    "v_lanes": _LANES,
    "v_queues": _QUEUES,
    "v_tasks": "SELECT name, runner, queue, priority, timeout_ms, retry FROM tasks",
    "v_executors": _EXECUTORS,
    "v_shard": f"""SELECT applied, epoch, {iso("stamp_ms")} AS stamp_at, stamp_ms, next_sequence, floor,
    (SELECT sum(scheduled + ready + retrying) FROM lanes) AS live, finished, executions,
    (SELECT count(*) FROM schedules WHERE removed_ms IS NULL) AS schedules, ticks, lease_ttl_ms
    FROM meta""",
}
"""view -> its SELECT."""
