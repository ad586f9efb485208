"""`mainspring schedules add`: defines one schedule from the command line.

Decides how the command line is read into a schedule. It must not know what an option means for its times: the library's
`Schedule` checks them all.
"""

import json as json_format
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from ..spans import parse_duration
from .connection import Url, connected, names_of
from .errors import CommandError
from .formats import parse_instant
from .output import Json, show_json
from .schedule_acts import told_change
from .schedule_formats import ahead, now_ms, zone_time

if TYPE_CHECKING:
    from ...broker.net.changes import Change
    from ...broker.net.schedules import Schedules

MS_PER_S: Final = 1000


def _option(metavar: str, help: str, parser: Callable[[str], Any] | None = None) -> Any:  # noqa: A002  (as typer names it)
    return typer.Option(metavar=metavar, help=help, parser=parser, show_default=False)


def _checked(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def parser(text: str) -> Any:
        try:
            return read(text)
        except ValueError as fault:
            raise typer.BadParameter(str(fault)) from None

    return parser


def _tasks(incomplete: str) -> list[str]:
    return names_of("tasks", "name", incomplete)


Cron = Annotated[str, typer.Option("--cron", metavar="EXPR", help='When: such as "0 3 * * *", or "@every 90s".')]
Task = Annotated[str, typer.Option("--task", metavar="TASK", help="The task that runs.", autocompletion=_tasks)]


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name.")],
    cron: Cron,
    task: Task,
    args: Annotated[str | None, _option("JSON", "Arguments by place, a JSON array.")] = None,
    kwargs: Annotated[str | None, _option("JSON", "Arguments by name, a JSON object.")] = None,
    tz: Annotated[str | None, _option("ZONE", "The time zone of the expression; UTC if not given.")] = None,
    fold: Annotated[str | None, _option("WORD", "Of two equal times when clocks go back: first, last, both.")] = None,
    gap: Annotated[str | None, _option("WORD", "Times that do not exist: shift, skip.")] = None,
    start: Annotated[datetime | None, _option("TIME", "No time before: ISO 8601.", _checked(parse_instant))] = None,
    end: Annotated[datetime | None, _option("TIME", "No time after: ISO 8601.", _checked(parse_instant))] = None,
    jitter: Annotated[
        float | None, _option("SPAN", "Puts each off by up to so much.", _checked(parse_duration))
    ] = None,
    catch_up: Annotated[str | None, _option("WORD", "What nobody was there for: skip, latest, all.")] = None,
    window: Annotated[float | None, _option("SPAN", "How far catch-up goes back.", _checked(parse_duration))] = None,
    grace: Annotated[float | None, _option("SPAN", "So late is on time.", _checked(parse_duration))] = None,
    overlap: Annotated[str | None, _option("WORD", "While a job lives: skip, allow, buffer_one.")] = None,
    limit: Annotated[int | None, _option("N", "Ends after so many jobs.")] = None,
    paused: Annotated[
        bool | None,
        typer.Option("--paused/--active", help="Pause it, or let it go on; else as it is.", show_default=False),
    ] = None,
    note: Annotated[str | None, _option("TEXT", "For those who read the schedule.")] = None,
    queue: Annotated[str | None, _option("NAME", "Of its jobs, if not the task's own.")] = None,
    tenant: Annotated[str | None, _option("NAME", "For which tenant; default if not given.")] = None,
    priority: Annotated[int | None, _option("N", "Of its jobs: -100 to 100, higher first.")] = None,
    retries: Annotated[int | None, _option("N", "Of its jobs, if not as the task says.")] = None,
    timeout: Annotated[
        float | None, _option("SPAN", "The longest an attempt may run.", _checked(parse_duration))
    ] = None,
    url: Url = None,
    json: Json = False,
) -> int:
    """Define a schedule, or define the one of that name anew.

    Prints what has changed, and the next time. Many schedules are better kept in a file: see `schedules apply`.

    Example: mainspring schedules add nightly-report --cron "0 3 * * *" --tz Europe/Riga --task shop.reports.nightly
    """
    from ...actors.cron.calendar import calendar
    from ...broker.net.exceptions import ScheduleRefused
    from ...broker.tasks.exceptions import InvalidOption, MainspringError
    from ...broker.tasks.job import job

    options: dict[str, Any] = {
        "tz": tz, "fold": fold, "gap": gap, "start": start, "end": end, "jitter": jitter, "catch_up": catch_up,
        "window": window, "grace": grace, "overlap": overlap, "limit": limit, "paused": paused, "note": note,
        "queue": queue, "tenant": tenant, "priority": priority, "retries": retries, "timeout": timeout,
    }  # fmt: skip
    given = {option: value for option, value in options.items() if value is not None}
    try:
        wanted = job(task, *_list(args), **_table(kwargs))
        times = calendar(cron, tz or "UTC", start_ms=_ms(start), end_ms=_ms(end))
    except (ValueError, MainspringError) as fault:
        raise typer.BadParameter(str(fault)) from None
    with connected(url) as client:
        try:
            change = client.schedules.add(name, wanted, cron, **given)
            _set_pause(client.schedules, change, paused)
        except InvalidOption as fault:
            raise typer.BadParameter(str(fault)) from None
        except ScheduleRefused as refusal:
            raise CommandError(str(refusal)) from None
    present_ms = now_ms()
    next_ms = times.next_ms(present_ms)
    if json:
        show_json({**told_change(change), "next_ms": next_ms})
        return 0
    sys.stdout.write(f"{change}\n")
    if next_ms is not None:
        when = zone_time(next_ms, times.expression.zone, offset=True)
        sys.stdout.write(f"next time: {when}, {ahead(next_ms, present_ms)}\n")
    elif not times.is_reboot:
        sys.stderr.write("it names no time from now on\n")
    return 0


def _set_pause(schedules: "Schedules", change: "Change", paused: bool | None) -> None:
    """Pauses a schedule, or lets it go on: said here and now, that holds whatever its definition said before."""
    if paused is None or change.change == "added":
        return
    if paused:
        schedules.pause(change.name, None, change.tenant)
    else:
        schedules.resume(change.name, change.tenant)


def _ms(instant: datetime | None) -> int | None:
    return None if instant is None else round(instant.timestamp() * MS_PER_S)


def _list(text: str | None) -> list[object]:
    found: object = [] if text is None else _json("--args", text)
    if not isinstance(found, list):
        raise ValueError("--args is no JSON array; give one such as '[\"eu\", 3]'")
    return cast("list[object]", found)


def _table(text: str | None) -> dict[str, object]:
    found: object = {} if text is None else _json("--kwargs", text)
    if not isinstance(found, dict):
        raise ValueError('--kwargs is no JSON object; give one such as \'{"region": "eu"}\'')
    return cast("dict[str, object]", found)


def _json(option: str, text: str) -> Any:
    try:
        return json_format.loads(text)
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"{option} is no JSON ({fault}); put the whole of it in quotes") from None
