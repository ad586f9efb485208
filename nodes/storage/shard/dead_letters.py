"""Answers what an operator asks of jobs that have ended badly: which, and in which groups.

Decides the statements; each is served by an index that holds all it is asked by, so that a hundred thousand dead jobs
do not hold up the coordinator's loop. Must not know which filters exist (listing_rules.py).
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....actors.jobs.error_line import error_line
from ....actors.jobs.lifecycle import DEAD
from .batch import pack
from .database import Database

_ENDED = {
    "error_kind": "error_kind = ?",
    "finished_after_ms": "finished_ms >= ?",
    "finished_before_ms": "finished_ms < ?",
}
_GROUPS = f"""SELECT lane, error_kind, count(*), min(finished_ms), max(finished_ms), max(id) FROM finished
    WHERE state = {DEAD}"""
_LANES = "SELECT lane, tenant, queue, task FROM lanes WHERE dead > 0"
_ERRORS = "SELECT id, error FROM finished WHERE id IN (SELECT value FROM json_each(?))"
_ERROR_CHARS_MAX = 500


def ended_by(chosen: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Returns the conditions that choose among finished jobs, each with an AND before it, and their values."""
    keys = [key for key in _ENDED if key in chosen]
    return "".join(f" AND {_ENDED[key]}" for key in keys), [chosen[key] for key in keys]


def dead_groups(database: Database, _path: Path, chosen: dict[str, Any]) -> tuple[list[list[Any]], bool]:
    """Returns the rows of the listing "dead_groups", and whether there are more."""
    places = {
        lane: place
        for lane, *place in database.execute(_LANES)
        if all(chosen.get(key, value) == value for key, value in zip(("tenant", "queue", "task"), place, strict=True))
    }
    conditions, values = ended_by(chosen)
    statement = f"{_GROUPS} AND lane IN (SELECT value FROM json_each(?)){conditions} GROUP BY lane, error_kind"
    groups: dict[tuple[str, str, str, str | None], list[Any]] = {}
    for lane, kind, count, first_ms, last_ms, id in database.execute(statement, (pack(list(places)), *values)):
        tenant, queue, task = places[lane]
        group = groups.get((tenant, queue, task, kind))
        if group is None:
            groups[tenant, queue, task, kind] = [tenant, queue, task, kind, count, first_ms, last_ms, id, None]
        else:  # the same in a lane of another priority
            group[4:8] = [group[4] + count, min(group[5], first_ms), max(group[6], last_ms), max(group[7], id)]
    limit: int = chosen["limit"]
    rows = sorted(groups.values(), key=lambda row: (-row[4], *row[:3], row[3] or ""))
    errors = dict(database.execute(_ERRORS, (pack([row[7] for row in rows[:limit]]),)))
    for row in rows[:limit]:
        row[8] = last_line(errors[row[7]])
    return rows[:limit], len(rows) > limit


def last_line(error: str | None) -> str | None:
    """Returns the line of an error that says most, cut if it is long."""
    return error_line(error)[:_ERROR_CHARS_MAX] or None
