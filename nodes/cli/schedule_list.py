"""`mainspring schedules list`: the schedules of a cluster, by name.

Decides columns, filters and how the next page is named. It must not know how a state comes about.
"""

import sys
from shlex import join
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...actors.cron.calendar import calendar
from ...broker.wire.ids import format_id
from .connection import Url, connected
from .options import Limit
from .output import Column, Json, show_list
from .schedule_formats import ahead, for_programs, full_name, now_ms, state_style, zone_of, zone_time

if TYPE_CHECKING:
    from ...broker.net.client import Client

STATES: Final = ("active", "paused", "ended", "removed")
LIMIT_DEFAULT: Final = 100
PAGE_MAX: Final = 1000
NUMBER_MAX: Final = (1 << 53) - 1

COLUMNS: Final = (
    Column("shown", "schedule"),
    Column("expression", "expression"),
    Column("zone", "zone"),
    Column("next", "next"),
    Column("ahead", "in", right=True),
    Column("state", "state", style=state_style),
    Column("runs", "runs", right=True),
    Column("last", "last"),
    Column("source", "source"),
)


def _state(text: str) -> str:
    if text not in STATES:
        raise typer.BadParameter(f"{text!r} is no state; there are {', '.join(STATES)}")
    return text


def _option(metavar: str, help: str, **more: Any) -> Any:  # noqa: A002  (as typer names it)
    return typer.Option(metavar=metavar, help=help, show_default=False, **more)


def command(
    state: Annotated[str | None, _option("STATE", ", ".join(STATES), parser=_state)] = None,
    task: Annotated[str | None, _option("NAME", "Of this task.")] = None,
    queue: Annotated[str | None, _option("NAME", "Of this queue.")] = None,
    tenant: Annotated[str | None, _option("NAME", "Of this tenant.")] = None,
    source: Annotated[
        str | None, _option("SOURCE", "From there: code, client, or such as file:schedules.toml.")
    ] = None,
    limit: Limit = LIMIT_DEFAULT,
    after: Annotated[str | None, _option("TENANT/NAME", "Only those behind this one.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List schedules by name, with the next time of each in its own zone.

    A schedule is active, paused or ended (it names no time from now on, or has made all its jobs); those that were
    removed are listed with `--state removed`. `last` is the last time that made a job. If there are more, the command
    for the next page is written on stderr.
    """
    if after is not None and "/" not in after:
        raise typer.BadParameter(f"--after {after!r} names no tenant; write such as default/{after}")
    chosen = {"state": state, "task": task, "queue": queue, "tenant": tenant, "source": source}
    with connected(url) as client:
        rows, more = read_schedules(client, chosen, limit, after)
    if json:
        show_list([for_programs(row) for row in rows], COLUMNS, as_json=True)
    else:
        present_ms = now_ms()
        empty = "no schedules: `mainspring schedules add` makes one, and so do @task(cron=...) and schedules.toml"
        show_list([_table_row(row, present_ms) for row in rows], COLUMNS, as_json=False, empty=empty)
    if more:
        words = ["mainspring", "schedules", "list"]
        for name, value in chosen.items():
            words += [] if value is None else [f"--{name}", value]
        words += [] if limit == LIMIT_DEFAULT else ["--limit", str(limit)]
        words += [] if url is None else ["--url", url]
        sys.stderr.write(f"next page: {join([*words, '--after', key_of(rows[-1])])}\n")


def key_of(row: dict[str, Any]) -> str:
    """Writes which schedule a page ended with."""
    return f"{row['tenant']}/{row['name']}"


def read_schedules(
    client: "Client", chosen: dict[str, Any], limit: int, after: str | None = None
) -> tuple[list[dict[str, Any]], bool]:
    """Reads schedules of all shards in order of name and tenant.

    Args:
        client: who asks the node.
        chosen: the filter; None is left out.
        limit: how many at most.
        after: TENANT/NAME, of the last one that is known.

    Returns:
        The rows, and whether there are more.
    """
    found: list[dict[str, Any]] = []
    while True:
        size = min(PAGE_MAX, limit - len(found))
        behind: dict[str, Any] = {}
        if after is not None:
            tenant, _, name = after.partition("/")
            behind = {"after_name": name, "after_tenant": tenant, "after_schedule": NUMBER_MAX}
        columns, rows, more = client.listing("schedules", **chosen, **behind, limit=size)
        page = [dict(zip(columns, row, strict=True)) for row in rows]
        page.sort(key=lambda row: (row["name"], row["tenant"], row["schedule"]))
        # Each shard has given up to `size`: what lies behind the cut comes with the next page.
        more = more or len(page) > size
        found += page[:size]
        if not more or not page or len(found) >= limit:
            return found, more and bool(page)
        after = key_of(found[-1])


def _table_row(row: dict[str, Any], present_ms: int) -> dict[str, Any]:
    zone = zone_of(row["expression"], row["zone"])
    next_ms = _next_ms(row, present_ms)
    last = zone_time(row["fired_ms"], zone)
    return {
        **row,
        "shown": full_name(row["tenant"], row["name"]),
        "zone": zone,
        "next": zone_time(next_ms, zone),
        "ahead": "-" if next_ms is None else ahead(next_ms, present_ms).removeprefix("in "),
        "last": last if row["fired_job"] is None else f"{last} job {format_id(row['fired_job'])}",
        "runs": row["runs"] if row["runs_max"] is None else f"{row['runs']} of {row['runs_max']}",
    }


def _next_ms(row: dict[str, Any], present_ms: int) -> int | None:
    """Returns the next time; what a paused schedule's row names may have passed, for it is looked at once an hour."""
    stored_ms = row["next_ms"] if row["state"] in ("active", "paused") else None
    if stored_ms is None or row["state"] == "active" or stored_ms > present_ms:
        return stored_ms
    try:
        one = calendar(*(row[key] for key in ("expression", "zone", "fold", "gap", "start_ms", "end_ms")))
    except ValueError:
        return stored_ms  # a zone that this machine does not know
    return one.next_ms(present_ms)
