"""`mainspring cancel`: ends jobs that have not ended.

Decides the words for who won each race, and the exit status: 1 if any of the jobs was not found. What a cancel means in
each state the coordinator decides.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...broker.wire.ids import format_id
from .connection import Ids, Url, connected, job_ids
from .formats import state_style
from .output import Column, Json, show_list

if TYPE_CHECKING:
    from ...broker.net.client import Client

ASKED: Final = "asked"

MEANINGS: Final = {
    "cancelled": "will not run",
    ASKED: "runs, and was told to stop",
    "finished": "had ended already",
    "not_found": "no job has this id, or retention has removed it",
}

ENDS: Final = {
    "cancelled": "was running, and has been stopped",
    "succeeded": "was running, and succeeded before it could be stopped",
    "dead": "was running, and failed before it could be stopped",
    "skipped": "was running, and was skipped meanwhile",
    "not_found": "was running, has ended, and retention has removed it",
}
"""How a job that was told to stop has ended -> what that means."""

COLUMNS: Final = (Column("job", "id", right=True), Column("code", "code", style=state_style), Column("meaning", ""))


def command(
    ids: Ids,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until those that run have ended, and tell how that went.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> int:
    """Cancel jobs by their ids.

    Each answers with a code: cancelled (it will not run), asked (it runs and was told to stop), finished, not_found.
    One that was asked may still succeed first; `--wait` tells. The exit status is 1 if any was not found.
    """
    wanted = job_ids(ids)
    with connected(url) as client:
        codes = client.cancel(wanted)
        ends = _ends(client, [id for id in wanted if codes.get(id) == ASKED]) if wait else {}
    rows = told(wanted, codes, ends)
    if not json:
        rows = [{**row, "meaning": _meaning(row)} for row in rows]
    show_list(rows, COLUMNS, as_json=json)
    return 1 if any(row["code"] == "not_found" for row in rows) else 0


def _ends(client: "Client", ids: Sequence[int]) -> dict[int, str]:
    """Waits for jobs that were told to stop; returns the state in which each has ended."""
    handles = [client.job(id) for id in ids]
    client.wait_all(handles)
    return {handle.id: handle.status() for handle in handles}


def told(wanted: Sequence[int], codes: Mapping[int, str], ends: Mapping[int, str]) -> list[dict[str, Any]]:
    """Returns a row a job; one whose end was waited for has its state, too."""
    rows: list[dict[str, Any]] = []
    for id in wanted:
        row: dict[str, Any] = {"id": id, "job": format_id(id), "code": codes.get(id, "not_found")}
        if id in ends:
            row["state"] = ends[id]
        rows.append(row)
    return rows


def _meaning(row: Mapping[str, Any]) -> str:
    if "state" in row:
        return ENDS.get(str(row["state"]), f"was running, and has ended as {row['state']}")
    return MEANINGS.get(str(row["code"]), "")
