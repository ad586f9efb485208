"""The listings that a shard answers: their names, columns and filters.

Decides what may be asked and refuses the rest in words. Must not know where rows come from: the shard file and its
in-memory twin share it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ....actors.jobs.lifecycle import RUNNING, STATES, SUCCEEDED, TERMINAL
from ....actors.schedules.reasons import REASONS

LIMIT_MAX = 1000
LIMIT_DEFAULT = 100

SCAN_IDS = 10_000
"""A listing of jobs with a filter that no index serves looks at so many ids at most: with large payloads each row is a
page, and the loop waits meanwhile. If it says that there is more and has fewer rows than asked for, go on with
`after_id` lowered by this much."""

SCAN_TICKS = 100_000
"""A listing of ticks with a filter that no index serves looks at so many rows of each schedule at most (of all
together, if none is named). If it says that there is more and has fewer rows than asked for, go on with an earlier
`until_ms`."""

SCHEDULE_STATES = ("active", "paused", "ended", "removed")
FATES = ("fired", "skipped", "waiting")

FINISHED_FILTERS = ("error_kind", "finished_after_ms", "finished_before_ms")
"""Filters of jobs that no live one meets."""

_JOB_CHOICES = {"state": tuple(STATES.values())}


class Rules(NamedTuple):
    """One listing."""

    columns: tuple[str, ...]
    filters: Mapping[str, type]
    required: str | None = None
    choices: Mapping[str, tuple[str, ...]] = {}
    """Filter -> the values that it takes, where not any will do."""


LISTINGS: dict[str, Rules] = {
    "jobs": Rules(
        (
            "id", "tenant", "queue", "task", "priority", "state", "attempts", "due_ms", "scheduled_ms", "created_ms",
            "finished_ms", "key", "error", "error_kind",
        ),
        {
            "state": str, "queue": str, "task": str, "tenant": str, "error_kind": str, "finished_after_ms": int,
            "finished_before_ms": int, "after_id": int, "limit": int,
        },
        choices=_JOB_CHOICES,
    ),
    "job": Rules(
        (
            "id", "tenant", "queue", "task", "priority", "state", "attempts", "failures", "crashes", "asked", "due_ms",
            "scheduled_ms", "created_ms", "finished_ms", "expires_ms", "deadline_ms", "timeout_ms", "retry", "key",
            "trace", "payload", "result", "error", "error_kind", "output",
        ),
        {"id": int},
        "id",
    ),
    "dead_groups": Rules(
        ("tenant", "queue", "task", "error_kind", "count", "first_ms", "last_ms", "example_id", "error"),
        {
            "tenant": str, "queue": str, "task": str, "error_kind": str, "finished_after_ms": int,
            "finished_before_ms": int, "limit": int,
        },
    ),
    "executions": Rules(
        (
            "job_id", "attempt", "tenant", "queue", "task", "outcome", "scheduled_ms", "started_ms", "finished_ms",
            "node", "executor", "error_kind", "error", "output",
        ),
        {"job_id": int, "after_attempt": int, "limit": int},
        "job_id",
    ),
    "queues": Rules(
        (
            "tenant", "queue", "scheduled", "ready", "retrying", "running", "succeeded", "dead", "cancelled", "expired",
            "skipped", "discarded",
        ),
        {},
    ),
    "executors": Rules(("executor", "node", "name", "running"), {}),
    "tasks": Rules(("name", "runner", "queue", "retry", "timeout_ms", "priority"), {}),
    "stat": Rules(("name", "value"), {}),
    "metrics": Rules(("name", "labels", "value"), {}),
    "schedules": Rules(
        (
            "schedule", "tenant", "name", "state", "expression", "zone", "fold", "gap", "start_ms", "end_ms",
            "jitter_ms", "queue", "task", "next_ms", "fired_ms", "fired_job", "runs", "runs_max", "catch_up", "overlap",
            "source", "note", "pause_note", "changed_ms",
        ),
        {
            "tenant": str, "queue": str, "name": str, "state": str, "source": str, "task": str, "after_name": str,
            "after_tenant": str, "after_schedule": int, "limit": int,
        },
        choices={"state": SCHEDULE_STATES},
    ),
    "schedule": Rules(
        (
            "schedule", "tenant", "name", "state", "expression", "zone", "fold", "gap", "queue", "task", "payload",
            "priority", "retry", "timeout_ms", "start_ms", "end_ms", "jitter_ms", "catch_up", "window_ms", "grace_ms",
            "overlap", "runs_max", "source", "revision", "note", "paused", "pause_note", "cursor_ms", "next_ms",
            "fired_ms", "fired_job", "runs", "buffered_ms", "created_ms", "changed_ms", "removed_ms",
        ),
        {"name": str, "tenant": str, "limit": int},
        "name",
    ),
    "ticks": Rules(
        (
            "schedule", "tenant", "name", "from_ms", "to_ms", "count", "fate", "reason", "job_id", "job_state",
            "decided_ms",
        ),
        {
            "name": str, "tenant": str, "schedule": int, "reason": str, "fate": str, "from_ms": int, "until_ms": int,
            "below_schedule": int, "limit": int,
        },
        choices={"fate": FATES, "reason": tuple(reason.name for reason in REASONS.values())},
    ),
    "audit": Rules(
        ("id", "made_ms", "who", "action", "object", "before", "after", "note"),
        {"who": str, "action": str, "object": str, "after_id": int, "limit": int},
    ),
}  # fmt: skip
"""jobs: newest first, ids below `after_id`; error_kind and the times choose among finished ones, finished_after_ms <=
their finished_ms < finished_before_ms. job: error_kind and output are those of its last attempt. dead_groups: the dead
jobs by tenant, queue, task and error_kind, the largest group first; of each the newest id, and its error's last line.
executions: of one job, in order of attempt. queues: exact as of the last
applied entry, but for `running`, which counts the leases that have a row (older ones); a running job also counts in
the state that it was leased in. schedules: those not removed, unless that state is asked for, in order of name, tenant
and number, behind (after_name, after_tenant, after_schedule). schedule: all generations of a name, the newest first.
ticks: newest first by from_ms and schedule, from_ms <= their from_ms < until_ms; also those of until_ms itself whose
schedule is below `below_schedule`. So the tick of an instant is the first with until_ms = instant + 1. audit: newest
first, ids below `after_id`."""


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
    for key, choices in rules.choices.items():
        if key in whole and whole[key] not in choices:
            raise ValueError(f"{key}={whole[key]!r} does not exist; {key}s are {', '.join(choices)}")
    return whole


def scans(chosen: Mapping[str, Any]) -> bool:
    """Tells whether a listing of jobs has to look at rows that it does not show."""
    state = chosen.get("state")
    if state == STATES[RUNNING]:
        return False  # the leases are few
    if state in {STATES[number] for number in TERMINAL - {SUCCEEDED}}:
        return False  # what they are chosen by stands in their index, without their rows
    return any(key in chosen for key in ("state", "queue", "task", "tenant", *FINISHED_FILTERS))
