"""`mainspring discard`: takes jobs off the dead letters.

Decides only how it is called; what a discard means in each state the coordinator decides (docs/operating-jobs.md).
"""

from .connection import Ids, Url
from .job_acts import acted
from .options import Reason
from .output import Json


def command(ids: Ids, reason: Reason = None, url: Url = None, json: Json = False) -> int:
    """Take jobs off the dead letters, by their ids: it is settled that nobody retries them.

    They end as `discarded`, and stay readable for as long as finished jobs are kept. The exit status is 1 if any of
    them was left alone, for it has not ended or has succeeded, or not found.

    Example: mainspring dead --task shop.mail.send --json | jq -r '.[].job' | mainspring discard - --reason "too late"
    """
    return acted("discard", ids, reason, url, as_json=json)
