"""`mainspring schedules pause`, `resume`, `run` and `remove`: what is done with schedules by name.

Decides the exit status: 1 if any of them was not found. What each means for the times of a schedule the coordinator
decides.
"""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...broker.wire.ids import format_id
from .connection import Url, connected
from .output import Column, Json, show_json, show_list
from .schedule_formats import DEFAULT_TENANT, Name, Names, Tenant, change_style, full_name
from .submit import SubmitCommand, Wait, waited

if TYPE_CHECKING:
    from ...broker.net.changes import Change
    from ...broker.net.client import Client

COLUMNS: Final = (
    Column("schedule", "schedule"),
    Column("change", "change", style=change_style),
)


class RunCommand(SubmitCommand):
    """Takes `--wait` with or without seconds."""


def pause(
    names: Names,
    note: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why, for those who see it paused.", show_default=False)
    ] = None,
    tenant: Tenant = DEFAULT_TENANT,
    url: Url = None,
    json: Json = False,
) -> int:
    """Pause schedules: their times are passed over until they are resumed.

    Jobs that they have made go on. The exit status is 1 if any was not found.
    """
    return _done(lambda client: client.schedules.pause(names, note, tenant), url, as_json=json)


def resume(names: Names, tenant: Tenant = DEFAULT_TENANT, url: Url = None, json: Json = False) -> int:
    """Let paused schedules go on, from now; the exit status is 1 if any was not found."""
    return _done(lambda client: client.schedules.resume(names, tenant), url, as_json=json)


def remove(names: Names, tenant: Tenant = DEFAULT_TENANT, url: Url = None, json: Json = False) -> int:
    """Remove schedules; jobs that they have made go on.

    What stands in schedules.toml or in the code of a task comes back from there: remove it there. The exit status is 1
    if any was not found.
    """
    return _done(lambda client: client.schedules.remove(names, tenant), url, as_json=json)


def run(
    name: Name,
    wait: Wait = None,
    tenant: Tenant = DEFAULT_TENANT,
    url: Url = None,
    json: Json = False,
) -> int:
    """Make a job of a schedule now, whatever its times are, even if it is paused.

    Prints the job's id. With `--wait` its result is printed instead, as JSON; the exit status is 1 if it has not
    succeeded, or not in time (then it goes on). It is refused while an earlier job has not ended, unless the schedule's
    overlap is allow.

    Example: mainspring schedules run nightly-report --wait 10m
    """
    from ...broker.tasks.exceptions import InvalidOption

    with connected(url) as client:
        try:
            handle = client.schedules.run(name, tenant)
        except InvalidOption as fault:
            raise typer.BadParameter(str(fault)) from None
        if wait is not None:
            return waited(handle, wait, as_json=json)
    if json:
        show_json({"id": handle.id, "job": format_id(handle.id)})
    else:
        sys.stdout.write(f"{format_id(handle.id)}\n")
    return 0


def _done(act: "Callable[[Client], list[Change]]", url: str | None, *, as_json: bool) -> int:
    """Does something with named schedules, prints what became of each, and returns the exit status."""
    from ...broker.net.exceptions import ScheduleNotFound
    from ...broker.tasks.exceptions import InvalidOption

    missing: ScheduleNotFound | None = None
    with connected(url) as client:
        try:
            changes = act(client)
        except ScheduleNotFound as error:
            missing, changes = error, error.changes
        except InvalidOption as fault:
            raise typer.BadParameter(str(fault)) from None
    show_changes(changes, as_json=as_json)
    if missing is not None:
        sys.stderr.write(f"mainspring: {missing}\n")
        return 1
    return 0


def show_changes(changes: "Sequence[Change]", *, as_json: bool) -> None:
    """Prints what became of schedules."""
    if as_json:
        show_json([told_change(change) for change in changes])
    elif changes:
        rows = [{"schedule": full_name(change.tenant, change.name), "change": change.change} for change in changes]
        show_list(rows, COLUMNS, as_json=False)


def told_change(change: "Change") -> dict[str, Any]:
    """Returns a change for programs."""
    fields = [{"field": field, "before": before, "after": after} for field, before, after in change.fields]
    return {
        "tenant": change.tenant,
        "name": change.name,
        "change": change.change,
        "schedule": change.schedule or None,
        "fields": fields,
    }
