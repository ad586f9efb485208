"""`mainspring job`: everything about one job, its attempts, and what was done about it by hand.

Decides what is read of a job, and what programs are told. It must not know how people are told (job_shown.py). Exit
status 1 if no job has the id.
"""

import json as json_format
import sys
from typing import Annotated, Any, Final, Protocol

import typer

from ...broker.wire.ids import format_id
from .connection import Url, connected, job_ids
from .formats import shown_ids
from .job_shown import show_job
from .output import Json, show_json
from .tasks import with_policy

ATTEMPTS_MAX: Final = 1000
NOT_FOUND: Final = "not_found"
APPLIED_TRIES: Final = 20
APPLIED_WAIT_S: Final = 0.05


def command(
    id: Annotated[str, typer.Argument(metavar="ID", help="Such as 1042 or 3-1042.")],
    url: Url = None,
    json: Json = False,
) -> int:
    """Show everything about one job: state, times, arguments, result, attempts, and what was done by hand.

    Of attempts that failed the traceback is shown, and the end of what they wrote, if that is known. The exit status is
    1 if no job has the id.
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
        show_job(found)
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
        return {"id": id, "job": format_id(id), "state": state, "executions": [], "audit": []}
    columns, executions, _ = client.listing("executions", job_id=id, limit=ATTEMPTS_MAX)
    found = with_policy(shown_ids({**rows[0], "retry": _policy(client, rows[0])}))
    found |= _arguments(found.pop("payload", None))
    found["result"] = _value(found.get("result"))
    attempts = [dict(zip(columns, row, strict=True)) for row in executions]
    found["executions"] = [_execution(row) for row in attempts]
    if found.get("error") is None and attempts and found["state"] != "succeeded":
        found["error"] = attempts[-1]["error"]
    audit = client.query("audit", object=format_id(id))
    found["audit"] = [_change(row) for row in sorted(audit, key=lambda row: row["id"])]
    return found


def _policy(client: Asker, row: dict[str, Any]) -> Any:
    """Returns the retry policy that holds for a job, as a row: its own, or its task's."""
    if row.get("retry") is not None:
        return row["retry"]
    return next((task["retry"] for task in client.query("tasks") if task["name"] == row.get("task")), None)


def _pause() -> None:
    from time import sleep

    sleep(APPLIED_WAIT_S)


def _execution(row: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if name not in ("job_id", "tenant", "queue", "task")}
    started, finished, scheduled = row["started_ms"], row["finished_ms"], row["scheduled_ms"]
    own["duration_ms"] = finished - started if None not in (started, finished) else None
    own["lateness_ms"] = started - scheduled if None not in (started, scheduled) else None
    return shown_ids(own)


def _change(row: dict[str, Any]) -> dict[str, Any]:
    return shown_ids({name: value for name, value in row.items() if name not in ("id", "object")})


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
