"""`mainspring retry`: has jobs run again.

Decides only how it is called; what a retry means in each state the coordinator decides (docs/operating-jobs.md).
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
    force: Annotated[bool, typer.Option("--force", help="Also jobs that have succeeded.")] = False,
    url: Url = None,
    json: Json = False,
) -> int:
    """Run jobs again, by their ids: dead ones, and whatever else has ended without success.

    The job keeps its id, arguments and attempts, and gets its retries and crashes anew. One that waits for its time, or
    for its next retry, runs now. The exit status is 1 if any of them neither runs nor waits afterwards.

    Example: mainspring retry 1042 3-77 --reason "the mail server is back"
    """
    return acted("retry", ids, reason, url, as_json=json, force=force)
