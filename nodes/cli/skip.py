"""`mainspring skip`: puts jobs aside that are not wanted any more.

Decides only how it is called; what a skip means in each state the coordinator decides (docs/operating-jobs.md).
"""

from typing import Annotated

import typer

from .connection import Ids, Url
from .job_acts import acted
from .options import Reason
from .output import Json


def command(
    ids: Ids,
    reason: Reason = None,
    force: Annotated[bool, typer.Option("--force", help="Also jobs that run: they are told to stop.")] = False,
    url: Url = None,
    json: Json = False,
) -> int:
    """Put jobs aside, by their ids: those that wait will not run, and dead ones are dead letters no more.

    They end as `skipped`, which counts neither as done nor as failed. The exit status is 1 if any of them was left
    alone, or not found.

    Example: mainspring skip 1042 --force --reason "the order was withdrawn"
    """
    return acted("skip", ids, reason, url, as_json=json, force=force)
