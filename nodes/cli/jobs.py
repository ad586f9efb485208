"""`mainspring jobs`: the newest jobs, a page at a time, or as a live view.

Decides columns, filters and how the next page is named. It must not know how pages are read (job_pages.py).
"""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...actors.jobs.lifecycle import LIVE, STATES
from ...broker.wire.ids import format_id
from .connection import Url, connected, job_ids, names_of
from .formats import one_line, short_time, shown_ids, state_style
from .job_pages import Page, read_page, shown_before
from .output import Column, Json, show_list

if TYPE_CHECKING:
    from ...broker.net.client import Client

STATE_NAMES: Final = tuple(STATES.values())
LIVE_NAMES: Final = frozenset(STATES[state] for state in LIVE)
LIMIT_DEFAULT: Final = 20
LIMIT_MAX: Final = 100_000
ERROR_CHARS: Final = 60

COLUMNS: Final = (
    Column("job", "id", right=True),
    Column("state", "state", style=state_style),
    Column("task", "task"),
    Column("queue", "queue"),
    Column("attempts", "attempts", right=True),
    Column("created", "created"),
    Column("when", "due or ended"),
    Column("error", "error"),
)


def _states(incomplete: str) -> list[str]:
    return [name for name in STATE_NAMES if name.startswith(incomplete)]


def _queues(incomplete: str) -> list[str]:
    return names_of("queues", "queue", incomplete)


def _tasks(incomplete: str) -> list[str]:
    return names_of("tasks", "name", incomplete)


def _state(text: str) -> str:
    if text not in STATE_NAMES:
        raise typer.BadParameter(f"{text!r} is no state; there are {', '.join(STATE_NAMES)}")
    return text


def command(
    state: Annotated[
        str | None,
        typer.Option(
            parser=_state, metavar="STATE", help=", ".join(STATE_NAMES), autocompletion=_states, show_default=False
        ),
    ] = None,
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of this queue.", autocompletion=_queues, show_default=False)
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of this task.", autocompletion=_tasks, show_default=False)
    ] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Of this tenant.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, metavar="N", help="How many at most.")] = LIMIT_DEFAULT,
    before: Annotated[
        str | None,
        typer.Option(metavar="ID,...", help="Only jobs with lower ids; one id a shard.", show_default=False),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show them anew every second; with --json each change, a line each.")
    ] = False,
    url: Url = None,
    json: Json = False,
) -> int:
    """List jobs, newest first.

    If there are more, the command for the next page is written on stderr. With --json every instant stands there as
    UTC milliseconds (`…_ms`) and in ISO 8601 (`…_at`).
    """
    chosen: dict[str, Any] = {"state": state, "queue": queue, "task": task, "tenant": tenant}
    if watch:
        if before is not None:
            raise typer.BadParameter("--watch shows the newest jobs; leave --before out")
        from .job_watch import watch_jobs

        with connected(url) as client:
            return watch_jobs(client, chosen, limit, as_json=json)
    ids = job_ids(before.split(",")) if before is not None else []
    with connected(url) as client:
        page = read_page(client, chosen, ids, limit)
    if json:
        show_list([shown_ids(row) for row in page.rows], COLUMNS, as_json=True)
    else:
        show_list([table_row(row) for row in page.rows], COLUMNS, as_json=False, empty="no jobs")
    if page.before:
        sys.stderr.write(f"next page: {_again(chosen, limit, url, page)}\n")
    return 0


def table_row(row: dict[str, Any]) -> dict[str, Any]:
    """Returns what the table shows of a job."""
    when_ms = (row["due_ms"] or row["scheduled_ms"]) if row["state"] in LIVE_NAMES else row["finished_ms"]
    return {
        **row,
        "job": format_id(row["id"]),
        "created": short_time(row["created_ms"]),
        "when": short_time(when_ms),
        "error": one_line(row["error"], ERROR_CHARS),
    }


def newest(client: "Client", chosen: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """Reads the newest jobs."""
    return read_page(client, chosen, (), limit).rows


def _again(chosen: dict[str, Any], limit: int, url: str | None, page: Page) -> str:
    from shlex import join

    words = ["mainspring", "jobs"]
    for name, value in chosen.items():
        if value is not None:
            words += [f"--{name}", value]
    if limit != LIMIT_DEFAULT:
        words += ["--limit", str(limit)]
    if url is not None:
        words += ["--url", url]
    return join([*words, "--before", shown_before(page.before)])
