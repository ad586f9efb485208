"""`mainspring tasks`: what can be submitted.

Decides how a retry policy is written for people. It must not know how tasks are announced.
"""

from typing import Any, Final

from ...actors.jobs.retry import RetryPolicy
from .connection import Url, connected
from .formats import duration
from .output import Column, Json, show_list

COLUMNS: Final = (
    Column("name", "task"),
    Column("runner", "runner"),
    Column("queue", "queue"),
    Column("priority", "priority", right=True),
    Column("timeout", "timeout", right=True),
    Column("retries", "retries", right=True),
    Column("backoff", "backoff"),
)


def command(url: Url = None, json: Json = False) -> None:
    """List the tasks that executors have announced, now or earlier."""
    with connected(url) as client:
        found = {row["name"]: row for row in client.query("tasks")}
    rows = [with_policy(found[name]) for name in sorted(found)]
    if not json:
        rows = [{**row, "timeout": duration(row["timeout_ms"]), "backoff": _backoff(row)} for row in rows]
    show_list(rows, COLUMNS, as_json=json, empty="no tasks: `mainspring up --tasks MODULE` brings those of a module")


def with_policy(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a row with the fields of its retry policy, which travels as a list, by their names."""
    told = {name: value for name, value in row.items() if name != "retry"}
    policy = policy_of(row.get("retry"))
    if policy is not None:
        told |= {
            "retries": policy.retries,
            "backoff_ms": policy.base_ms,
            "backoff_factor": policy.factor,
            "backoff_max_ms": policy.cap_ms,
            "jitter": policy.jitter,
        }
    return told


def policy_of(row: Any) -> RetryPolicy | None:
    """Reads a retry policy's row; None if there is none, or one of a later version."""
    try:
        return None if row is None else RetryPolicy.from_row(row)
    except ValueError:
        return None


def _backoff(row: dict[str, Any]) -> str:
    if not row.get("retries"):
        return ""
    base, cap = duration(row["backoff_ms"]), duration(row["backoff_max_ms"])
    return base if row["backoff_ms"] == row["backoff_max_ms"] else f"{base} to {cap}"
