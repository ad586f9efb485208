"""`mainspring schedules ticks`: what became of a schedule's times.

Decides columns and filters. It must not know why a time fired or did not: the reasons have their meanings with them.
Exit status 1 if no schedule has the name.
"""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...actors.schedules.reasons import REASONS
from ...broker.wire.ids import format_id
from .connection import Url, connected
from .errors import CommandError
from .formats import parse_instant, state_style
from .options import one_of, whole
from .output import Column, Json, show_list
from .schedule_formats import DEFAULT_TENANT, Name, Tenant, fate_style, for_programs, zone_of, zone_time

if TYPE_CHECKING:
    from ...broker.net.client import Client

LIMIT_MAX: Final = 1000
MEANINGS: Final = {reason.name: reason.meaning for reason in REASONS.values()}
FATES: Final = ("fired", "skipped", "waiting")

TICK_COLUMNS: Final = (
    Column("when", "time"),
    Column("count", "times", right=True),
    Column("fate", "fate", style=fate_style),
    Column("job", "job", right=True),
    Column("job_state", "job's state", style=state_style),
    Column("meaning", "why"),
)


def _until(text: str) -> int:
    try:
        return int(parse_instant(text).timestamp() * 1000)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


def command(
    name: Name,
    tenant: Tenant = DEFAULT_TENANT,
    fate: Annotated[
        str | None,
        typer.Option(metavar="FATE", help=", ".join(FATES), parser=one_of(FATES, "fate"), show_default=False),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="REASON", help=", ".join(MEANINGS), parser=one_of(tuple(MEANINGS), "reason"), show_default=False
        ),
    ] = None,
    until: Annotated[
        int | None,
        typer.Option(metavar="TIME", help="Only those before: ISO 8601.", parser=_until, show_default=False),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", help="How many at most.", parser=whole(1, LIMIT_MAX))
    ] = 20,
    url: Url = None,
    json: Json = False,
) -> int:
    """Show what became of a schedule's times, newest first, and why.

    Times in a row that share a fate are one line; `times` says how many they are. The exit status is 1 if no schedule
    has the name.
    """
    with connected(url) as client:
        found = read_schedule(client, name, tenant)
        rows = client.query("ticks", name=name, tenant=tenant, fate=fate, reason=reason, until_ms=until, limit=limit)
    rows = sorted(rows, key=lambda row: (-row["from_ms"], -row["schedule"]))[:limit]
    if json:
        show_list([told_tick(row) for row in rows], TICK_COLUMNS, as_json=True)
    else:
        show_ticks(rows, zone_of(found["expression"], found["zone"]))
    return 0


def read_schedule(client: "Client", name: str, tenant: str) -> dict[str, Any]:
    """Reads a schedule; of a name that was given several times, the one that is there, else the last.

    Raises:
        CommandError: there is none.
    """
    rows = client.query("schedule", name=name, tenant=tenant)
    if not rows:
        raise CommandError(
            f"no schedule of tenant {tenant!r} is named {name!r}; `mainspring schedules` lists those there are"
        )
    # Newest first in each shard; a name may have been in another queue, and so in another shard, before.
    return min(rows, key=lambda row: (row["state"] == "removed", -row["changed_ms"]))


def told_tick(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a tick for programs."""
    return {**for_programs(row), "meaning": MEANINGS.get(row["reason"])}


def show_ticks(rows: list[dict[str, Any]], zone: str) -> None:
    """Prints ticks as a table, in a schedule's zone."""
    shown = [
        {
            **row,
            "when": _range(row, zone),
            "job": None if row["job_id"] is None else format_id(row["job_id"]),
            "meaning": MEANINGS.get(row["reason"], row["reason"]),
        }
        for row in rows
    ]
    show_list(shown, TICK_COLUMNS, as_json=False, empty="none of its times has come yet")


def _range(row: dict[str, Any], zone: str) -> str:
    first, last = zone_time(row["from_ms"], zone), zone_time(row["to_ms"], zone)
    return first if first == last else f"{first} … {last}"
