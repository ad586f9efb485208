"""`mainspring cancel`: ends jobs that have not ended.

Decides the exit status: 1 if any of the jobs was not found. What a cancel means in each state the coordinator decides.
"""

from typing import Annotated, Final

import typer

from ...broker.wire.ids import format_id
from .connection import Url, connected, job_ids
from .formats import state_style
from .output import Column, Json, show_list

MEANINGS: Final = {
    "cancelled": "will not run",
    "asked": "runs, and was told to stop",
    "finished": "had ended already",
    "not_found": "no job has this id, or retention has removed it",
}
COLUMNS: Final = (Column("job", "id", right=True), Column("code", "code", style=state_style), Column("meaning", ""))


def command(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Such as 1042 or 3-1042.")],
    url: Url = None,
    json: Json = False,
) -> int:
    """Cancel jobs by their ids.

    Each answers with a code: cancelled (it will not run), asked (it runs and was told to stop), finished, not_found.
    The exit status is 1 if any was not found.
    """
    wanted = job_ids(ids)
    with connected(url) as client:
        codes = client.cancel(wanted)
    rows = [{"id": id, "job": format_id(id), "code": codes.get(id, "not_found")} for id in wanted]
    if not json:
        rows = [{**row, "meaning": MEANINGS.get(str(row["code"]), "")} for row in rows]
    show_list(rows, COLUMNS, as_json=json)
    return 1 if any(row["code"] == "not_found" for row in rows) else 0
