"""The listings of the in-memory store.

Decides their rows once more, by plain loops. Must not know SQL; names, columns and filters are the shard file's own.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from ..actors.jobs.lifecycle import DEAD, OUTCOMES, RUNNING, STATES
from ..nodes.storage.shard.dead_letters import last_line
from ..nodes.storage.shard.listing_rules import FINISHED_FILTERS, LISTINGS, SCAN_IDS, checked, scans
from ..nodes.storage.shard.views import COUNTED
from .memory_rows import Done, Job, MemoryRows
from .memory_schedule_listings import SCHEDULE_ANSWERS

Answer = tuple[list[dict[str, Any]], bool]
"""Rows by column name, and whether there are more."""


def listing(rows: MemoryRows, name: str, chosen: dict[str, Any]) -> list[Any]:
    """Returns [columns, rows, more].

    Raises:
        ValueError: a listing or a filter that does not exist.
    """
    chosen = checked(name, chosen)
    found, more = _ANSWERS[name](rows, chosen)
    columns = LISTINGS[name].columns
    return [list(columns), [[row[column] for column in columns] for row in found], more]


def _lane(rows: MemoryRows, lane: int) -> dict[str, Any]:
    return dict(zip(("lane", "tenant", "queue", "priority", "task"), rows.lanes[lane], strict=True))


def _live(rows: MemoryRows, job: Job) -> dict[str, Any]:
    state = RUNNING if job.id in rows.leases else job.state
    return job._asdict() | _lane(rows, job.lane) | {
        "state": STATES[state], "finished_ms": None, "result": None, "error": None, "error_kind": None,
    }  # fmt: skip


def _done(rows: MemoryRows, done: Done) -> dict[str, Any]:
    return done.job._asdict() | _lane(rows, done.job.lane) | {
        "state": STATES[done.state], "attempts": done.attempts, "finished_ms": done.finished_ms, "result": done.result,
        "error": done.error, "error_kind": done.error_kind, "due_ms": None, "failures": None, "crashes": None,
        "asked": None,
    }  # fmt: skip


def _ended_as(done: Done, chosen: dict[str, Any]) -> bool:
    return chosen.get("error_kind", done.error_kind) == done.error_kind and chosen.get(
        "finished_after_ms", 0
    ) <= done.finished_ms < chosen.get("finished_before_ms", 1 << 60)


def _jobs(rows: MemoryRows, chosen: dict[str, Any]) -> Answer:
    ids = rows.jobs.keys() | rows.finished.keys()
    below = chosen.get("after_id") or max(ids, default=0) + 1
    floor = max(0, below - 1 - SCAN_IDS) if scans(chosen) else 0
    found: list[dict[str, Any]] = []
    for id in sorted(ids, reverse=True):
        if floor < id < below:
            done = rows.finished.get(id)
            if any(key in chosen for key in FINISHED_FILTERS) and (done is None or not _ended_as(done, chosen)):
                continue
            row = _live(rows, rows.jobs[id]) if done is None else _done(rows, done)
            if all(row[key] == chosen[key] for key in ("state", "tenant", "queue", "task") if key in chosen):
                found.append(row)
    limit = chosen["limit"]
    return found[:limit], len(found) > limit or any(id <= floor for id in ids)


def _job(rows: MemoryRows, chosen: dict[str, Any]) -> Answer:
    id = chosen["id"]
    last: dict[str, Any] = max(rows.executions.get(id, ({},)), key=lambda one: one.get("attempt", 0))
    of_last = {"error_kind": last.get("error_kind"), "output": last.get("output")}
    if id in rows.jobs:
        return [_live(rows, rows.jobs[id]) | of_last], False
    return ([_done(rows, rows.finished[id]) | of_last] if id in rows.finished else []), False


def _dead_groups(rows: MemoryRows, chosen: dict[str, Any]) -> Answer:
    groups: dict[tuple[Any, ...], list[Done]] = {}
    for done in rows.finished.values():
        lane = _lane(rows, done.job.lane)
        key = (lane["tenant"], lane["queue"], lane["task"], done.error_kind)
        if not all(chosen.get(name, lane[name]) == lane[name] for name in ("tenant", "queue", "task")):
            continue
        if done.state == DEAD and _ended_as(done, chosen):
            groups.setdefault(key, []).append(done)
    found: list[dict[str, Any]] = []
    for (tenant, queue, task, kind), group in groups.items():
        newest = max(group, key=lambda done: done.job.id)
        times = [done.finished_ms for done in group]
        error = last_line(newest.error)
        found.append(
            {"tenant": tenant, "queue": queue, "task": task, "error_kind": kind, "count": len(group),
             "first_ms": min(times), "last_ms": max(times), "example_id": newest.job.id, "error": error}
        )  # fmt: skip
    found.sort(key=lambda row: (-row["count"], row["tenant"], row["queue"], row["task"], row["error_kind"] or ""))
    return found[: chosen["limit"]], len(found) > chosen["limit"]


def _executions(rows: MemoryRows, chosen: dict[str, Any]) -> Answer:
    found: list[dict[str, Any]] = []
    for one in sorted(rows.executions.get(chosen["job_id"], ()), key=lambda one: one["attempt"]):
        if one["attempt"] > chosen.get("after_attempt", 0):
            executor = rows.executors.get(one["executor"], [None, None, None])
            found.append(
                one
                | _lane(rows, one["lane"])
                | {
                    "job_id": one["id"],
                    "outcome": OUTCOMES[one["outcome"]],
                    "node": executor[1],
                    "executor": executor[2],
                }
            )
    return found[: chosen["limit"]], len(found) > chosen["limit"]


def _queues(rows: MemoryRows, _chosen: dict[str, Any]) -> Answer:
    counted: dict[tuple[str, str], Counter[str]] = {}
    for lane in rows.lanes.values():
        counted.setdefault((lane[1], lane[2]), Counter())
    for job in rows.jobs.values():
        lane = rows.lanes[job.lane]
        counts = counted[lane[1], lane[2]]
        counts[STATES[job.state]] += 1
        if job.id in rows.leases:
            counts[STATES[RUNNING]] += 1
    for done in rows.finished.values():
        lane = rows.lanes[done.job.lane]
        counted[lane[1], lane[2]][STATES[done.state]] += 1
    found = [
        {"tenant": tenant, "queue": queue} | {name: counted[tenant, queue][name] for name in STATES.values()}
        for tenant, queue in sorted(counted)
    ]
    return found, False


def _executors(rows: MemoryRows, _chosen: dict[str, Any]) -> Answer:
    running = Counter(lease[4] for lease in rows.leases.values())
    found = [
        {"executor": executor, "node": node, "name": name, "running": running[executor]}
        for executor, node, name in map(rows.executors.__getitem__, sorted(rows.executors))
    ]
    return found, False


def _tasks(rows: MemoryRows, _chosen: dict[str, Any]) -> Answer:
    names = ("name", "runner", "queue", "retry", "timeout_ms", "priority")
    return [dict(zip(names, rows.tasks[name], strict=True)) for name in sorted(rows.tasks)], False


def _stat(rows: MemoryRows, _chosen: dict[str, Any]) -> Answer:
    counts = {
        "applied": rows.applied,
        "epoch": rows.epoch,
        "rows.finished": len(rows.finished),
        "rows.executions": sum(map(len, rows.executions.values())),
        "rows.jobs": len(rows.jobs),
        "rows.lanes": len(rows.lanes),
        "rows.executors": len(rows.executors),
        "rows.tasks": len(rows.tasks),
        "rows.leases": len(rows.leases),
        "rows.sessions": len(rows.answers),
        "rows.keys": len(rows.keys),
        "rows.schedules": sum(one.removed_ms is None for one in rows.schedules.records.values()),
        "rows.ticks": len(rows.schedules.ticks),
        "rows.tick_jobs": len(rows.schedules.tick_jobs),
        "rows.audit": len(rows.schedules.audit),
    }
    return [{"name": name, "value": value} for name, value in counts.items()], False


def _metrics(rows: MemoryRows, _chosen: dict[str, Any]) -> Answer:
    queues, _ = _queues(rows, {})
    found = [
        {
            "name": "scheduler_queue_jobs",
            "labels": ["tenant", queue["tenant"], "queue", queue["queue"], "state", state],
            "value": queue[state],
        }
        for queue in queues
        for state in COUNTED
    ]
    return found, False


_ANSWERS: dict[str, Callable[[MemoryRows, dict[str, Any]], Answer]] = {
    "jobs": _jobs,
    "job": _job,
    "dead_groups": _dead_groups,
    "executions": _executions,
    "queues": _queues,
    "executors": _executors,
    "tasks": _tasks,
    "stat": _stat,
    "metrics": _metrics,
    **SCHEDULE_ANSWERS,
}
assert _ANSWERS.keys() == LISTINGS.keys()
