"""`mainspring queues`: how many jobs each queue has, by state.

Decides only the columns; the counts are the coordinator's.
"""

from typing import Any, Final

from .connection import Url, connected
from .formats import STATE_STYLES
from .output import Column, Json, show_list

_COUNTS: Final = (
    "scheduled",
    "ready",
    "retrying",
    "running",
    "succeeded",
    "dead",
    "cancelled",
    "expired",
    "skipped",
    "discarded",
)


def _shown(name: str) -> Column:
    def style(count: object) -> str:
        return STATE_STYLES[name] if count else "dim"

    return Column(name, name, right=True, style=style)


COLUMNS: Final = (Column("tenant", "tenant"), Column("queue", "queue"), *map(_shown, _COUNTS))


def command(url: Url = None, json: Json = False) -> None:
    """List queues with their jobs by state.

    Finished jobs count until retention removes them. A job that runs may also count in the state that it had before.
    """
    with connected(url) as client:
        rows = merged(client.query("queues"))
    show_list(rows, COLUMNS, as_json=json, empty="no queues: nothing has been submitted yet")


def merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one row a queue; its partitions lie in several shards."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row["tenant"], row["queue"])
        known = found.setdefault(key, {"tenant": key[0], "queue": key[1], **dict.fromkeys(_COUNTS, 0)})
        for name in _COUNTS:
            known[name] += row[name]
    return [found[key] for key in sorted(found)]
