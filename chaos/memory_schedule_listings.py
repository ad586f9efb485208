"""The listings of schedules of the in-memory store.

Decides their rows once more, by plain loops. Must not know SQL; names, columns and filters are the shard file's own.
"""

from collections.abc import Callable
from typing import Any

from ..actors.jobs.lifecycle import RUNNING, STATES
from ..actors.schedules.reasons import BUFFERED, REASONS
from ..nodes.storage.shard.listing_rules import LISTINGS, SCAN_IDS, SCAN_TICKS
from .memory_rows import MemoryRows
from .memory_schedules import Scheduled, Tick

Answer = tuple[list[dict[str, Any]], bool]
"""Rows by column name, and whether there are more."""


def _state(one: Scheduled) -> str:
    runs_max = one.defined()["runs_max"]
    if one.removed_ms is not None:
        return "removed"
    if runs_max is not None and one.runs >= runs_max:
        return "ended"
    if one.next_ms is None and "@reboot" not in one.defined()["expression"].lower():
        return "ended"
    return "paused" if one.paused else "active"


def _shown(one: Scheduled) -> dict[str, Any]:
    return one.defined() | one._asdict() | {"state": _state(one)}


def _schedules(rows: MemoryRows, chosen: dict[str, Any]) -> Answer:
    after = (chosen.get("after_name", ""), chosen.get("after_tenant", ""), chosen.get("after_schedule", 0))
    ordered = sorted((_shown(one) for one in rows.schedules.records.values()), key=_place)
    found = [
        row
        for row in ordered
        if (row["state"] == "removed") == (chosen.get("state") == "removed")
        and _place(row) > after
        and all(
            row[key] == chosen[key] for key in ("name", "tenant", "queue", "source", "task", "state") if key in chosen
        )
    ]
    return found[: chosen["limit"]], len(found) > chosen["limit"]


def _place(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["name"], row["tenant"], row["schedule"]


def _schedule(rows: MemoryRows, chosen: dict[str, Any]) -> Answer:
    found = [_shown(rows.schedules.records[number]) for number in sorted(_generations(rows, chosen), reverse=True)]
    return found[: chosen["limit"]], len(found) > chosen["limit"]


def _generations(rows: MemoryRows, chosen: dict[str, Any]) -> set[int]:
    named = {number: one.defined() for number, one in rows.schedules.records.items()}
    return {
        number
        for number, defined in named.items()
        if defined["name"] == chosen["name"] and defined["tenant"] == chosen.get("tenant", defined["tenant"])
    }


def _ticks(rows: MemoryRows, chosen: dict[str, Any]) -> Answer:
    until = (chosen.get("until_ms", 1 << 53), chosen.get("below_schedule", 0))
    ordered = sorted(rows.schedules.ticks.values(), key=_age, reverse=True)
    ordered = [tick for tick in ordered if _age(tick) < until and tick.from_ms >= chosen.get("from_ms", 0)]
    if "schedule" in chosen:
        ordered = [tick for tick in ordered if tick.schedule == chosen["schedule"]]
    if "name" in chosen:
        numbers = sorted(_generations(rows, chosen))
        looked = [[tick for tick in ordered if tick.schedule == number] for number in numbers]
    else:
        looked = [ordered]
    is_cut = bool({"fate", "reason", "tenant"} & chosen.keys()) and any(len(one) > SCAN_TICKS for one in looked)
    kept = sorted((tick for one in looked for tick in (one[:SCAN_TICKS] if is_cut else one)), key=_age, reverse=True)
    found = [
        row
        for row in (_tick(rows, tick) for tick in kept)
        if all(row[key] == chosen[key] for key in ("fate", "reason", "tenant") if key in chosen)
    ]
    return found[: chosen["limit"]], len(found) > chosen["limit"] or is_cut


def _age(tick: Tick) -> tuple[int, int]:
    return tick.from_ms, tick.schedule


def _tick(rows: MemoryRows, tick: Tick) -> dict[str, Any]:
    defined = rows.schedules.records[tick.schedule].defined()
    fate = "fired" if tick.job is not None else "waiting" if tick.reason == BUFFERED else "skipped"
    return tick._asdict() | {
        "count": tick.instants,
        "tenant": defined["tenant"],
        "name": defined["name"],
        "fate": fate,
        "reason": REASONS[tick.reason].name,
        "job_id": tick.job,
        "job_state": _job_state(rows, tick.job),
        "decided_ms": tick.stamp_ms,
    }


def _job_state(rows: MemoryRows, job: int | None) -> str | None:
    if job in rows.jobs:
        return STATES[RUNNING if job in rows.leases else rows.jobs[job].state]
    return STATES[rows.finished[job].state] if job in rows.finished else None


def _audit(rows: MemoryRows, chosen: dict[str, Any]) -> Answer:
    filters = [key for key in ("who", "action", "object") if key in chosen]
    below = chosen.get("after_id") or rows.schedules.next_audit
    floor = max(0, below - 1 - SCAN_IDS) if filters else 0
    columns = LISTINGS["audit"].columns
    named = [dict(zip(columns, row, strict=True)) for row in reversed(rows.schedules.audit)]
    found = [row for row in named if floor < row["id"] < below and all(row[key] == chosen[key] for key in filters)]
    return found[: chosen["limit"]], len(found) > chosen["limit"] or any(row["id"] <= floor for row in named)


SCHEDULE_ANSWERS: dict[str, Callable[[MemoryRows, dict[str, Any]], Answer]] = {
    "schedules": _schedules,
    "schedule": _schedule,
    "ticks": _ticks,
    "audit": _audit,
}
