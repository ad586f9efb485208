"""Answers the listings of schedules, of their ticks and of the audit.

Decides the statements behind each. Must not know how rows are written, nor which filters exist (listing_rules.py). Each
is bounded, as in listings.py.
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

import heapq
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from ....actors.jobs.lifecycle import RUNNING, STATES
from ....actors.schedules.reasons import BUFFERED, REASONS
from .batch import unpack
from .database import Database
from .listing_rules import LISTINGS, SCAN_IDS, SCAN_TICKS
from .schedule_views import FATE, SCHEDULE_STATE

Answer = tuple[list[list[Any]], bool]

_NUMBERS = {reason.name: number for number, reason in REASONS.items()}
_NO_TIME_MS = 1 << 53
"""Later than any instant."""


def _columns(name: str, **given: str) -> str:
    return ", ".join(given.get(column, f"s.{column}") for column in LISTINGS[name].columns)


_SCHEDULES = f"SELECT {_columns('schedules', state=SCHEDULE_STATE)} FROM schedules s"
_SCHEDULE = f"SELECT {_columns('schedule', state=SCHEDULE_STATE)} FROM schedules s"
_RETRY = LISTINGS["schedule"].columns.index("retry")

_JOB_STATE = f"""coalesce((SELECT CASE WHEN j.id IN (SELECT id FROM leases) THEN {RUNNING} ELSE j.state END
    FROM jobs j WHERE j.id = t.job_id), (SELECT j.state FROM finished j WHERE j.id = t.job_id))"""
TICKS = f"""SELECT t.schedule, s.tenant, s.name, t.from_ms, t.to_ms, t.count, {FATE}, t.reason, t.job_id, {_JOB_STATE},
    t.stamp_ms FROM ticks t CROSS JOIN schedules s ON s.schedule = t.schedule"""
_REASON, _STATE = LISTINGS["ticks"].columns.index("reason"), LISTINGS["ticks"].columns.index("job_state")
_FROM = LISTINGS["ticks"].columns.index("from_ms")
_NEWEST_FIRST = "ORDER BY t.from_ms DESC, t.schedule DESC"
_FATES = {
    "fired": "t.job_id IS NOT NULL",
    "waiting": f"t.job_id IS NULL AND t.reason = {BUFFERED}",
    "skipped": f"t.job_id IS NULL AND t.reason <> {BUFFERED}",
}

_AUDIT = "SELECT id, stamp_ms, who, action, object, before, after, note FROM audit"


def _schedules(database: Database, _path: Path, chosen: dict[str, Any]) -> Answer:
    limit: int = chosen["limit"]
    conditions = [f"s.removed_ms IS {'NOT ' if chosen.get('state') == 'removed' else ''}NULL"]
    bound: list[Any] = []
    if {"after_name", "after_tenant", "after_schedule"} & chosen.keys():
        conditions.append("(s.name, s.tenant, s.schedule) > (?, ?, ?)")
        bound += [chosen.get("after_name", ""), chosen.get("after_tenant", ""), chosen.get("after_schedule", 0)]
    for key in ("name", "tenant", "queue", "source", "task"):
        if key in chosen:
            conditions.append(f"s.{key} = ?")
            bound.append(chosen[key])
    if "state" in chosen:
        conditions.append(f"{SCHEDULE_STATE} = ?")
        bound.append(chosen["state"])
    statement = f"{_SCHEDULES} WHERE {' AND '.join(conditions)} ORDER BY s.name, s.tenant, s.schedule LIMIT ?"
    rows = [list(row) for row in database.execute(statement, (*bound, limit + 1))]
    return rows[:limit], len(rows) > limit


def _schedule(database: Database, _path: Path, chosen: dict[str, Any]) -> Answer:
    limit: int = chosen["limit"]
    numbers = _generations(database, chosen)
    rows = [
        list(row)
        for number in numbers[:limit]
        for row in database.execute(f"{_SCHEDULE} WHERE s.schedule = ?", (number,))
    ]
    for row in rows:
        row[_RETRY] = unpack(row[_RETRY])
    return rows, len(numbers) > limit


def _generations(database: Database, chosen: dict[str, Any]) -> list[int]:
    """Returns the numbers that a name had and has, the newest first."""
    tenant, bound = ("AND tenant = ?", (chosen["tenant"],)) if "tenant" in chosen else ("", ())
    found: set[int] = set()
    for state in ("IS NULL", "IS NOT NULL"):  # an index each
        statement = f"SELECT schedule FROM schedules WHERE removed_ms {state} AND name = ? {tenant}"
        found.update(row[0] for row in database.execute(statement, (chosen["name"], *bound)))
    return sorted(found, reverse=True)


def _ticks(database: Database, _path: Path, chosen: dict[str, Any]) -> Answer:
    limit: int = chosen["limit"]
    numbers: list[int | None] = [chosen.get("schedule")]
    if "name" in chosen:
        of_name = _generations(database, chosen)
        numbers = [number for number in of_name if chosen.get("schedule", number) == number]
    found = [_ticks_of(database, chosen, number, limit) for number in numbers]
    merged = heapq.merge(*(rows for rows, _ in found), key=lambda row: (row[_FROM], row[0]), reverse=True)
    shown = list(islice(merged, limit + 1))
    for row in shown:
        row[_REASON] = REASONS[row[_REASON]].name
        row[_STATE] = None if row[_STATE] is None else STATES[row[_STATE]]
    return shown[:limit], len(shown) > limit or any(is_cut for _, is_cut in found)


def _ticks_of(database: Database, chosen: dict[str, Any], number: int | None, limit: int) -> Answer:
    """Returns the ticks of a schedule, or of all, and whether some were not looked at."""
    conditions = ["(t.from_ms, t.schedule) < (?, ?)", "t.from_ms >= ?"]
    bound: list[Any] = [chosen.get("until_ms", _NO_TIME_MS), chosen.get("below_schedule", 0), chosen.get("from_ms", 0)]
    if number is not None:
        conditions.append("t.schedule = ?")
        bound.append(number)
    # An index serves these; the others look at each row, and so at a part alone.
    others: list[str] = []
    wanted: list[Any] = []
    if "fate" in chosen:
        others.append(_FATES[chosen["fate"]])
    if "reason" in chosen:
        others.append("t.reason = ?")
        wanted.append(_NUMBERS[chosen["reason"]])
    if "tenant" in chosen:
        others.append("s.tenant = ?")
        wanted.append(chosen["tenant"])
    floor = None
    if others:
        last = f"SELECT t.from_ms, t.schedule FROM ticks t WHERE {' AND '.join(conditions)} {_NEWEST_FIRST}"
        floor = database.execute(f"{last} LIMIT 1 OFFSET ?", (*bound, SCAN_TICKS)).fetchone()
    if floor is not None:
        others.append("(t.from_ms, t.schedule) > (?, ?)")
        wanted += floor
    statement = f"{TICKS} WHERE {' AND '.join(conditions + others)} {_NEWEST_FIRST} LIMIT ?"
    rows = [list(row) for row in database.execute(statement, (*bound, *wanted, limit + 1))]
    return rows, floor is not None


def _audit(database: Database, _path: Path, chosen: dict[str, Any]) -> Answer:
    limit: int = chosen["limit"]
    conditions = ""
    bound: list[Any] = []
    for key in ("who", "action", "object"):
        if key in chosen:
            conditions += f" AND {key} = ?"
            bound.append(chosen[key])
    below: int = chosen.get("after_id") or database.execute("SELECT next_audit FROM meta").get
    floor = max(0, below - 1 - SCAN_IDS) if bound else 0
    statement = f"{_AUDIT} WHERE id < ? AND id > ?{conditions} ORDER BY id DESC LIMIT ?"
    rows = [list(row) for row in database.execute(statement, (below, floor, *bound, limit + 1))]
    is_cut = floor > 0 and bool(database.execute("SELECT EXISTS (SELECT 1 FROM audit WHERE id <= ?)", (floor,)).get)
    return rows[:limit], len(rows) > limit or is_cut


SCHEDULE_ANSWERS: dict[str, Callable[[Database, Path, dict[str, Any]], Answer]] = {
    "schedules": _schedules,
    "schedule": _schedule,
    "ticks": _ticks,
    "audit": _audit,
}
