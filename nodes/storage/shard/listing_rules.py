"""The listings that a shard answers: their names, columns and filters.

Decides what may be asked and refuses the rest in words. Must not know where rows come from: the shard file and its
in-memory twin share it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ....actors.jobs.lifecycle import STATES, SUCCEEDED, TERMINAL

LIMIT_MAX = 1000
LIMIT_DEFAULT = 100

SCAN_IDS = 100_000
"""A listing of jobs with a filter that no index serves looks at so many ids at most. If it says that there is more and
has fewer rows than asked for, go on with `after_id` lowered by this much."""


class Rules(NamedTuple):
    """One listing."""

    columns: tuple[str, ...]
    filters: Mapping[str, type]
    required: str | None = None


LISTINGS: dict[str, Rules] = {
    "jobs": Rules(
        (
            "id", "tenant", "queue", "task", "priority", "state", "attempts", "due_ms", "scheduled_ms", "created_ms",
            "finished_ms", "key", "error",
        ),
        {"state": str, "queue": str, "task": str, "tenant": str, "after_id": int, "limit": int},
    ),
    "job": Rules(
        (
            "id", "tenant", "queue", "task", "priority", "state", "attempts", "failures", "crashes", "asked", "due_ms",
            "scheduled_ms", "created_ms", "finished_ms", "expires_ms", "timeout_ms", "retry", "key", "trace", "payload",
            "result", "error",
        ),
        {"id": int},
        "id",
    ),
    "executions": Rules(
        (
            "job_id", "attempt", "tenant", "queue", "task", "outcome", "scheduled_ms", "started_ms", "finished_ms",
            "node", "executor", "error_kind", "error",
        ),
        {"job_id": int, "after_attempt": int, "limit": int},
        "job_id",
    ),
    "queues": Rules(
        (
            "tenant", "queue", "scheduled", "ready", "retrying", "running", "succeeded", "dead", "cancelled", "expired",
        ),
        {},
    ),
    "executors": Rules(("executor", "node", "name", "running"), {}),
    "tasks": Rules(("name", "runner", "queue", "retry", "timeout_ms", "priority"), {}),
    "stat": Rules(("name", "value"), {}),
}  # fmt: skip
"""jobs: newest first, ids below `after_id`. executions: of one job, in order of attempt. queues: exact as of the last
applied entry, but for `running`, which counts the leases that have a row (older ones); a running job also counts in
the state that it was leased in."""


def checked(name: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the filter of a listing with its defaults, once it is known to be sound.

    Raises:
        ValueError: naming the fault, and what would be right.
    """
    rules = LISTINGS.get(name)
    if rules is None:
        raise ValueError(f"there is no listing {name!r}; there are {', '.join(LISTINGS)}")
    for key, value in chosen.items():
        kind = rules.filters.get(key)
        if kind is None:
            allowed = ", ".join(rules.filters) or "none"
            raise ValueError(f"the listing {name} has no filter {key!r}; its filters: {allowed}")
        if type(value) is not kind:
            raise ValueError(f"{key}={value!r} has the wrong type; {key} is of type {kind.__name__}")
        if kind is int and not 0 <= value < 1 << 53:
            raise ValueError(f"{key}={value} is out of range; it runs from 0 to {(1 << 53) - 1}")
    if rules.required is not None and rules.required not in chosen:
        raise ValueError(f"the listing {name} needs {rules.required}; give it")
    whole = dict(chosen)
    if "limit" in rules.filters:
        whole.setdefault("limit", LIMIT_DEFAULT)
        if not 1 <= whole["limit"] <= LIMIT_MAX:
            raise ValueError(f"limit={whole['limit']} is out of range; it runs from 1 to {LIMIT_MAX}")
    state = whole.get("state")
    if state is not None and state not in STATES.values():
        raise ValueError(f"state={state!r} does not exist; states are {', '.join(STATES.values())}")
    return whole


def scans(chosen: Mapping[str, Any]) -> bool:
    """Tells whether a listing of jobs has to look at rows that it does not show."""
    state = chosen.get("state")
    if state == "running" or (state != STATES[SUCCEEDED] and state in {STATES[number] for number in TERMINAL}):
        return False
    return any(key in chosen for key in ("state", "queue", "task", "tenant"))
