"""What `retry`, `skip` and `discard` share: how they ask, and what each answer means.

Decides the words for every code, and which codes are what was wanted: the exit status is 1 if a job got another one.
What an act means in which state the coordinator decides.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from ...broker.wire.ids import format_id
from .connection import connected, job_ids
from .formats import state_style
from .output import Column, show_list

if TYPE_CHECKING:
    from ...broker.net.client import Client

_GONE: Final = "no job has this id, or retention has removed it"

MEANINGS: Final[dict[str, dict[str, str]]] = {
    "retry": {
        "retried": "runs again",
        "running": "runs already",
        "waiting": "waits already, and runs when it is its turn",
        "succeeded": "has succeeded, and was left alone; --force runs it again",
        "not_found": _GONE,
    },
    "skip": {
        "skipped": "was put aside",
        "asked": "runs, and was told to stop",
        "ended": "was put aside before",
        "running": "runs, and was left alone; --force stops it",
        "succeeded": "has succeeded, and was left alone",
        "not_found": _GONE,
    },
    "discard": {
        "discarded": "is no dead letter any more",
        "ended": "was put aside before",
        "running": "runs, and was left alone; `mainspring skip --force` stops it",
        "waiting": "has not ended, and was left alone; `mainspring skip` puts it aside",
        "succeeded": "has succeeded, and was left alone",
        "not_found": _GONE,
    },
}
"""Action -> code -> what has happened, in words."""

WANTED: Final[dict[str, frozenset[str]]] = {
    "retry": frozenset({"retried", "running", "waiting"}),
    "skip": frozenset({"skipped", "asked", "ended"}),
    "discard": frozenset({"discarded", "ended"}),
}
"""Action -> the codes of jobs that are as the action wants them, now or before."""

COLUMNS: Final = (Column("job", "id", right=True), Column("code", "code", style=state_style), Column("meaning", ""))


def act(
    client: "Client", action: str, ids: Sequence[int], reason: str | None, *, force: bool = False
) -> dict[int, str]:
    """Does something with jobs; returns a code by id."""
    if action == "retry":
        return client.retry(ids, reason=reason, force=force)
    if action == "skip":
        return client.skip(ids, reason=reason, force=force)
    assert action == "discard", action
    return client.discard(ids, reason=reason)


def acted(
    action: str, words: Sequence[str], reason: str | None, url: str | None, *, as_json: bool, force: bool = False
) -> int:
    """Does something with the jobs that were named, prints what became of each, and returns the exit status."""
    wanted = job_ids(words)
    if not wanted:
        sys.stderr.write("no ids, so nothing was done\n")
    with connected(url) as client:
        codes = act(client, action, wanted, reason, force=force) if wanted else {}
    rows = [{"id": id, "job": format_id(id), "code": codes.get(id, "not_found")} for id in wanted]
    rows = [{**row, "meaning": meaning(action, str(row["code"]))} for row in rows]
    if as_json or rows:
        show_list(rows, COLUMNS, as_json=as_json)
    return 0 if is_wanted(action, codes.values()) else 1


def meaning(action: str, code: str) -> str:
    """Returns what a code says in words; nothing for one of a later version."""
    return MEANINGS[action].get(code, "")


def is_wanted(action: str, codes: Iterable[str]) -> bool:
    """Says whether all jobs are as the action wants them."""
    return all(code in WANTED[action] for code in codes)
