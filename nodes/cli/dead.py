"""`mainspring dead`: the dead letters, which are jobs that have failed for good and wait for a person.

Decides columns, filters and when groups say more than jobs. It must not know what may be done about them (repair.py).
"""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...broker.wire.ids import format_id
from .connection import Url, connected, job_ids
from .dead_groups import read_groups
from .formats import one_line, short_time, shown_ids
from .job_pages import read_page
from .jobs import tell_next_page
from .moments import now_ms
from .options import Before, ErrorKind, Limit, Queue, Task, Tenant, check_span, moment
from .output import Column, Json, show_list

if TYPE_CHECKING:
    from ...broker.net.client import Client

LIMIT_DEFAULT: Final = 20
ERROR_CHARS: Final = 70
OPTION_NAMES: Final = {"finished_after_ms": "failed-after", "finished_before_ms": "failed-before"}
STATE: Final = {"state": "dead"}

COLUMNS: Final = (
    Column("job", "id", right=True),
    Column("task", "task"),
    Column("queue", "queue"),
    Column("when", "failed"),
    Column("attempts", "attempts", right=True),
    Column("error_kind", "error kind"),
    Column("error", "error"),
)

GROUP_COLUMNS: Final = (
    Column("count", "jobs", right=True),
    Column("task", "task"),
    Column("queue", "queue"),
    Column("error_kind", "error kind"),
    Column("first", "first"),
    Column("last", "last"),
    Column("job", "such as", right=True),
    Column("error", "error"),
)

FailedAfter = Annotated[int | None, moment("--failed-after", "Failed then or later: 2h ago, yesterday, ISO 8601.")]
FailedBefore = Annotated[int | None, moment("--failed-before", "Failed before that.")]


def command(
    queue: Queue = None,
    task: Task = None,
    tenant: Tenant = None,
    error_kind: ErrorKind = None,
    failed_after: FailedAfter = None,
    failed_before: FailedBefore = None,
    limit: Limit = LIMIT_DEFAULT,
    before: Before = None,
    group: Annotated[
        bool | None,
        typer.Option(
            "--group/--each",
            help="One line for all that failed alike, or one a job; else groups on a terminal if there are many.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    json: Json = False,
) -> int:
    """List dead letters: jobs that have failed for good, newest first.

    They stay until retention removes them, or somebody retries, skips or discards them. If there are more, the command
    for the next page is written on stderr.

    Example: mainspring dead --failed-after 2h --group
    """
    if group and before is not None:
        raise typer.BadParameter("--group shows all of them; leave --before out")
    chosen = dead_filter(queue, task, tenant, error_kind, failed_after, failed_before)
    ids = job_ids(before.split(",")) if before is not None else []
    with connected(url) as client:
        if group:
            return _show_groups(client, chosen, limit, as_json=json)
        page = read_page(client, {**STATE, **chosen}, ids, limit)
        if group is None and page.before and not ids and not json and sys.stdout.isatty():
            return _show_groups(client, chosen, limit, as_json=False)
    if json:
        show_list([shown_ids(row) for row in page.rows], COLUMNS, as_json=True)
    else:
        show_list([_row(row) for row in page.rows], COLUMNS, as_json=False, empty="no dead letters")
    said = None if limit == LIMIT_DEFAULT else limit
    tell_next_page(["mainspring", "dead"], chosen, said, url, page, OPTION_NAMES)
    return 0


def dead_filter(
    queue: str | None,
    task: str | None,
    tenant: str | None,
    error_kind: str | None,
    failed_after: int | None,
    failed_before: int | None,
) -> dict[str, Any]:
    """Returns the filter of the listings, without a state, once the span of time is known to be sound."""
    check_span(failed_after, failed_before, ("--failed-after", "--failed-before"), now_ms())
    return {
        "queue": queue, "task": task, "tenant": tenant, "error_kind": error_kind,
        "finished_after_ms": failed_after, "finished_before_ms": failed_before,
    }  # fmt: skip


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "job": format_id(row["id"]),
        "when": short_time(row["finished_ms"]),
        "error": one_line(row["error"], ERROR_CHARS),
    }


def _show_groups(client: "Client", chosen: dict[str, Any], limit: int, *, as_json: bool) -> int:
    groups, more = read_groups(client, chosen)
    shown = groups[:limit]
    if as_json:
        show_list([shown_ids(group, "example_id") for group in shown], GROUP_COLUMNS, as_json=True)
    else:
        rows = [
            {
                **group,
                "job": format_id(group["example_id"]),
                "first": short_time(group["first_ms"]),
                "last": short_time(group["last_ms"]),
                "error": one_line(group["error"], ERROR_CHARS),
            }
            for group in shown
        ]
        show_list(rows, GROUP_COLUMNS, as_json=False, empty="no dead letters")
    if more:
        sys.stderr.write("there are more groups than a node lists: narrow them down, by --task or --failed-after\n")
    elif len(groups) > len(shown):
        sys.stderr.write(f"{len(groups) - len(shown)} more groups: --limit {len(groups)} shows them all\n")
    return 0
