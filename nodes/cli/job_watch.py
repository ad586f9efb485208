"""The live view of `mainspring jobs --watch`: a table that is drawn anew every second, or changes as JSON lines.

Decides how often it asks and what a change is. It must not know filters. A node that does not answer is told, and asked
again: whoever watches wants to see it come back.
"""

import sys
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from ...broker.tasks.exceptions import MainspringError
from .errors import CommandError
from .formats import shown_ids
from .output import json_text, table

if TYPE_CHECKING:
    from ...broker.net.client import Client

EVERY_S: Final = 1.0


def watch_jobs(
    client: "Client", chosen: dict[str, Any], limit: int, *, as_json: bool, ended: Event | None = None
) -> int:
    """Shows jobs until Ctrl-C.

    Args:
        client: who asks the node.
        chosen: the filter of the listing.
        limit: how many jobs.
        as_json: whether changes are written as JSON, a line each.
        ended: stops it when set.

    Raises:
        CommandError: nobody watches a terminal.
    """
    if not as_json and not sys.stdout.isatty():
        raise CommandError("--watch draws on a terminal, and stdout is none; add --json for a line a change")
    stop = ended or Event()
    try:
        if as_json:
            _lines(client, chosen, limit, stop)
        else:
            _screen(client, chosen, limit, stop)
    except KeyboardInterrupt:
        pass  # the way to end it
    return 0


def _lines(client: "Client", chosen: dict[str, Any], limit: int, stop: Event) -> None:
    from .jobs import newest

    known: dict[int, dict[str, Any]] = {}
    while True:
        rows = newest(client, chosen, limit)
        for row in reversed(rows):
            if known.get(row["id"]) != row:
                sys.stdout.write(f"{json_text(shown_ids(row))}\n")
        sys.stdout.flush()
        known = {row["id"]: row for row in rows}
        if stop.wait(EVERY_S):
            return


def _screen(client: "Client", chosen: dict[str, Any], limit: int, stop: Event) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from .jobs import COLUMNS, newest, table_row

    drawn: Any = Text("")
    with Live(drawn, auto_refresh=False, screen=True) as live:
        while True:
            fits = max(1, min(limit, live.console.size.height - 4))
            try:
                drawn = table([table_row(row) for row in newest(client, chosen, fits)], COLUMNS)
                told = Text("Ctrl-C ends this", style="dim")
            except MainspringError as error:
                told = Text(str(error), style="red")
            live.update(Group(drawn, told), refresh=True)
            if stop.wait(EVERY_S):
                return
