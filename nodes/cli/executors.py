"""`mainspring executors`: who runs jobs now.

Decides how what each shard says of an executor becomes one row. It must not know leases or credit beyond their sums.
"""

from typing import Any, Final

from .connection import Url, connected
from .formats import duration
from .output import Column, Json, show_list


def _style(state: object) -> str:
    return "green" if state == "connected" else "red"


COLUMNS: Final = (
    Column("executor", "executor"),
    Column("node", "node"),
    Column("state", "state", style=_style),
    Column("used", "jobs", right=True),
    Column("slots", "credit", right=True),
    Column("tasks", "tasks", right=True),
    Column("queues", "queues"),
    Column("lease", "lease left", right=True),
)
LABELS: Final = Column("labels", "labels")
"""Shown where an executor has any."""


def command(url: Url = None, json: Json = False) -> None:
    """List the executors that are connected now.

    `credit` is how many jobs an executor takes at once, look-ahead included; `jobs` how many it has.
    """
    with connected(url) as client:
        rows = merged(client.query("executors"))
    if not json:
        rows = [
            {
                **row,
                "state": "silent" if row["silent"] else "connected",
                "lease": duration(row["lease_left_ms"]),
                "queues": "all" if row["queues"] == "*" else row["queues"],
            }
            for row in rows
        ]
    empty = "no executor is connected: jobs are taken and wait; `mainspring up --tasks MODULE` starts some"
    columns = (*COLUMNS, LABELS) if any(row.get("labels") for row in rows) else COLUMNS
    show_list(rows, columns, as_json=json, empty=empty)


def merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one row an executor; each shard has told its own share."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in rows:
        key = (row["node"], row["executor"], row["incarnation"])
        if key not in found:
            found[key] = dict(row)
            continue
        known = found[key]
        known["slots"] += row["slots"]
        known["used"] += row["used"]
        known["lease_left_ms"] = min(known["lease_left_ms"], row["lease_left_ms"])
        known["silent"] = known["silent"] or row["silent"]
    return [found[key] for key in sorted(found)]
