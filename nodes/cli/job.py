"""`mainspring job`: everything about one job, and its attempts.

Decides what is told of a job and in which order. It must not know where the rows come from. Exit status 1 if no job has
the id.
"""

import json as json_format
import sys
from typing import Annotated, Any, Final, Protocol

import typer

from ...broker.wire.ids import format_id
from .connection import Url, connected, job_ids
from .formats import duration, local_time, one_line, shown_ids, state_style
from .output import Column, Json, cell, json_text, show_json, show_list, show_one
from .tasks import with_policy

ATTEMPTS_MAX: Final = 1000
NOT_FOUND: Final = "not_found"
APPLIED_TRIES: Final = 20
APPLIED_WAIT_S: Final = 0.05

COLUMNS: Final = (
    Column("attempt", "attempt", right=True),
    Column("outcome", "outcome", style=state_style),
    Column("executor", "executor"),
    Column("node", "node"),
    Column("started", "started"),
    Column("lateness", "late", right=True),
    Column("duration", "took", right=True),
    Column("error", "error"),
)


def command(
    id: Annotated[str, typer.Argument(metavar="ID", help="Such as 1042 or 3-1042.")],
    url: Url = None,
    json: Json = False,
) -> int:
    """Show everything about one job: state, times, arguments, result and attempts.

    The exit status is 1 if no job has the id.
    """
    (wanted,) = job_ids([id])
    with connected(url) as client:
        found = read_job(client, wanted)
    if found is None:
        shown = format_id(wanted)
        if json:
            show_json({"id": wanted, "job": shown, "state": NOT_FOUND})
        sys.stderr.write(
            f"mainspring: job {shown} was NOT FOUND: no job has this id, or retention has removed it; `mainspring jobs`"
            " lists those there are\n"
        )
        return 1
    if json:
        show_json(found)
    else:
        _show(found)
    return 0


class Asker(Protocol):
    """What this needs of a client."""

    def status(self, jobs: int) -> dict[int, str]:
        """Returns the state by id."""
        ...

    def query(self, name: str, /, **chosen: Any) -> list[dict[str, Any]]:
        """Returns the rows of a listing."""
        ...

    def listing(self, name: str, /, **chosen: Any) -> tuple[list[str], list[list[Any]], bool]:
        """Returns (columns, rows, more)."""
        ...


def read_job(client: Asker, id: int) -> dict[str, Any] | None:
    """Reads a job and its attempts, as `--json` shows them; None if there is none."""
    rows: list[dict[str, Any]] = []
    state = NOT_FOUND
    for _ in range(APPLIED_TRIES):
        state = client.status(id)[id]
        if state == NOT_FOUND:
            return None
        rows = client.query("job", id=id)
        if rows:
            break
        # Listings are as of the last applied entry, a moment behind the state.
        _pause()
    if not rows:
        return {"id": id, "job": format_id(id), "state": state, "executions": []}
    columns, executions, _ = client.listing("executions", job_id=id, limit=ATTEMPTS_MAX)
    found = with_policy(shown_ids(rows[0]))
    found |= _arguments(found.pop("payload", None))
    found["result"] = _value(found.get("result"))
    attempts = [dict(zip(columns, row, strict=True)) for row in executions]
    found["executions"] = [_execution(row) for row in attempts]
    if found.get("error") is None and attempts and found["state"] != "succeeded":
        found["error"] = attempts[-1]["error"]
    return found


def _pause() -> None:
    from time import sleep

    sleep(APPLIED_WAIT_S)


def _execution(row: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if name not in ("job_id", "tenant", "queue", "task")}
    started, finished, scheduled = row["started_ms"], row["finished_ms"], row["scheduled_ms"]
    own["duration_ms"] = finished - started if None not in (started, finished) else None
    own["lateness_ms"] = started - scheduled if None not in (started, scheduled) else None
    return shown_ids(own)


def _arguments(payload: str | None) -> dict[str, Any]:
    """Returns the arguments, or the payload as it stands if it holds none."""
    value = _value(payload)
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], list) and isinstance(value[1], dict):  # pyright: ignore[reportUnknownArgumentType]  (any JSON)
        return {"args": value[0], "kwargs": value[1]}
    return {"payload": payload}


def _value(text: str | None) -> Any:
    """Reads JSON text; what is none stays text."""
    if text is None:
        return None
    try:
        return json_format.loads(text)
    except (ValueError, RecursionError):
        return text


def _show(found: dict[str, Any]) -> None:
    show_one(_told(found), as_json=False)
    executions: list[dict[str, Any]] = found["executions"]
    if executions:
        sys.stdout.write("\n")
        rows = [
            {
                **row,
                "started": local_time(row["started_ms"], millis=True),
                "lateness": duration(row["lateness_ms"]),
                "duration": duration(row["duration_ms"]),
                "error": one_line(row["error"], 80),
            }
            for row in executions
        ]
        show_list(rows, COLUMNS, as_json=False)
    if found.get("error") and "\n" in found["error"].strip():
        sys.stdout.write(f"\n{cell(found['error'].strip())}\n")


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """Returns what people read, without what says nothing."""
    told: dict[str, Any] = {"job": found["job"], "state": found["state"]}
    if found.get("asked"):
        told["state"] += " (was told to stop)"
    for name in ("task", "queue", "tenant", "priority", "key", "attempts", "failures", "crashes"):
        told[name] = found.get(name) or None
    if found.get("args") or found.get("kwargs"):
        told["arguments"] = _call(found["args"], found["kwargs"])
    told["payload"] = found.get("payload")
    for name in ("created", "scheduled", "due", "finished", "expires"):
        ms = found.get(f"{name}_ms")
        told[name] = local_time(ms, millis=True) if ms is not None else None
    told["timeout"] = duration(found["timeout_ms"]) if found.get("timeout_ms") else None
    told["retries"] = found.get("retries")
    told["trace"] = found.get("trace")
    told["error"] = one_line(found.get("error")) or None
    told = {name: value for name, value in told.items() if value is not None}
    if found["state"] == "succeeded":
        told["result"] = json_text(found.get("result"))
    return told


def _call(args: list[Any], kwargs: dict[str, Any]) -> str:
    """Writes arguments as `submit` reads them."""
    words = [json_text(value) for value in args]
    words += [f"{name}={json_text(value)}" for name, value in kwargs.items()]
    return " ".join(words)
