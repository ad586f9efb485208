"""`mainspring jobs`: the newest jobs, a page at a time, or as a live view.

Decides columns, filters and how the next page is named. It must not know how pages are read (job_pages.py).
"""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...actors.jobs.lifecycle import LIVE, STATES
from ...broker.wire.ids import format_id
from .connection import Url, connected, job_ids
from .formats import iso_utc, one_line, short_time, shown_ids, state_style
from .job_pages import Page, read_page, shown_before
from .moments import now_ms
from .options import Before, ErrorKind, Limit, Queue, State, Task, Tenant, check_span, moment
from .output import Column, Json, show_list

if TYPE_CHECKING:
    from ...broker.net.client import Client

LIVE_NAMES: Final = frozenset(STATES[state] for state in LIVE)
LIMIT_DEFAULT: Final = 20
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


def command(
    state: State = None,
    queue: Queue = None,
    task: Task = None,
    tenant: Tenant = None,
    error_kind: ErrorKind = None,
    finished_after: Annotated[
        int | None, moment("--finished-after", "Ended then or later: 2h ago, yesterday, ISO 8601.")
    ] = None,
    finished_before: Annotated[int | None, moment("--finished-before", "Ended before that.")] = None,
    limit: Limit = LIMIT_DEFAULT,
    before: Before = None,
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
    check_span(finished_after, finished_before, ("--finished-after", "--finished-before"), now_ms())
    chosen: dict[str, Any] = {
        "state": state, "queue": queue, "task": task, "tenant": tenant, "error_kind": error_kind,
        "finished_after_ms": finished_after, "finished_before_ms": finished_before,
    }  # fmt: skip
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
    tell_next_page(["mainspring", "jobs"], chosen, None if limit == LIMIT_DEFAULT else limit, url, page)
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


OPTION_NAMES: Final = {"finished_after_ms": "finished-after", "finished_before_ms": "finished-before"}
"""Filter -> its option, where that is not the filter's own name."""


def tell_next_page(
    command: list[str],
    chosen: Mapping[str, Any],
    limit: int | None,
    url: str | None,
    page: Page,
    names: Mapping[str, str] = OPTION_NAMES,
) -> None:
    """Writes the command that shows the next page on stderr, if there is one.

    Args:
        command: the program and the subcommand.
        chosen: the filter; None is left out.
        limit: how many a page has, None if that was not said.
        url: as given.
        page: the page that was shown.
        names: filter -> its option.
    """
    from shlex import join

    if not page.before:
        return
    words = list(command)
    for name, value in chosen.items():
        if value is not None:
            shown = iso_utc(value) if name.endswith("_ms") else str(value)
            words += [f"--{names.get(name, name.replace('_', '-'))}", shown or str(value)]
    words += [] if limit is None else ["--limit", str(limit)]
    words += [] if url is None else ["--url", url]
    sys.stderr.write(f"next page: {join([*words, '--before', shown_before(page.before)])}\n")
