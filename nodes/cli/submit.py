"""`mainspring submit`: submits one job by the name of its task, and waits for it if asked to.

Decides how the command line is read into a job, and what is printed of its end. It must not know the protocol. Exit
status with `--wait`: 0 only if the job has succeeded.
"""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from ...broker.wire.ids import format_id
from .arguments import FOR_EVER, UnclearWords, job_arguments, told_apart, unknown_option
from .connection import Url, connected, names_of
from .errors import CommandError
from .formats import DURATION, parse_duration, parse_instant
from .output import Json, cell, json_text, show_json

if TYPE_CHECKING:
    from ...broker.net.handles import JobHandle

_LITERAL = "mainspring.literal"


class SubmitCommand(typer.core.TyperCommand):
    """Takes negative numbers for arguments, and `--wait` with or without seconds."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Makes the words clear before they are parsed."""
        try:
            words = told_apart(args, DURATION)
        except UnclearWords as fault:
            raise typer.BadParameter(str(fault)) from None
        ctx.meta[_LITERAL] = len(words) - words.index("--") - 1 if "--" in words else 0
        return super().parse_args(ctx, words)


app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


def _wait(text: str) -> float:
    return float("inf") if text == FOR_EVER else _seconds(text)


def _tasks(incomplete: str) -> list[str]:
    return names_of("tasks", "name", incomplete)


@app.command(cls=SubmitCommand, context_settings={"ignore_unknown_options": True})
def command(
    ctx: typer.Context,
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="Its name; `mainspring tasks` lists them.", autocompletion=_tasks)
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ARGS", help="Values, or name=value; JSON where it parses, else text.", show_default=False
        ),
    ] = None,
    kwargs: Annotated[
        str | None, typer.Option(metavar="JSON", help="More named arguments, a JSON object.", show_default=False)
    ] = None,
    delay: Annotated[
        float | None,
        typer.Option(parser=_seconds, metavar="SPAN", help="Run it so much later: 5, 250ms, 10m.", show_default=False),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=_instant, metavar="TIME", help="Run it then: ISO 8601, local without offset.", show_default=False
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="A second submit with this key gives the first job.", show_default=False),
    ] = None,
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its queue, if not the task's own.", show_default=False)
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(metavar="NAME", help="For which tenant; default if not given.", show_default=False)
    ] = None,
    priority: Annotated[
        int | None, typer.Option(metavar="N", help="-100 to 100, higher first.", show_default=False)
    ] = None,
    retries: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="How often a failed attempt is tried again, if not as the task says.", show_default=False
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(parser=_seconds, metavar="SPAN", help="The longest an attempt may run.", show_default=False),
    ] = None,
    expires: Annotated[
        float | None,
        typer.Option(
            parser=_seconds, metavar="SPAN", help="Drop it if it has not started by then.", show_default=False
        ),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            parser=_wait,
            metavar="[SPAN]",
            help="Wait until it has ended, or so long at most, and print its result.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    json: Json = False,
) -> int:
    """Submit a job by the name of its task.

    Prints its id, once it is durable. A value is read as JSON where it parses (3, true, '[1, 2]'), else as text;
    '"3"' is text, too. Write `--` before values that begin with a dash, other than numbers.
    With `--wait` the result is printed instead, as JSON; the exit status is 1 if the job has not succeeded, or not in
    time (then it goes on).

    Example: mainspring submit shop.mail.send_email a@b.c retries=3 --delay 10m --key welcome-17
    """
    from ...broker.tasks.exceptions import InvalidOption
    from ...broker.tasks.job import job

    try:
        args, named = job_arguments(_checked(ctx, task, words or []), kwargs)
        wanted = job(task, *args, **named)
    except (ValueError, InvalidOption) as fault:
        raise typer.BadParameter(str(fault)) from None
    options: dict[str, Any] = {
        "delay": delay, "at": at, "key": key, "queue": queue, "tenant": tenant, "priority": priority,
        "retries": retries, "timeout": timeout, "expires": expires,
    }  # fmt: skip
    with connected(url) as client:
        try:
            handle = client.submit(wanted, **{name: value for name, value in options.items() if value is not None})
        except InvalidOption as fault:
            raise typer.BadParameter(str(fault)) from None
        if wait is not None:
            return _waited(handle, wait, as_json=json)
    if json:
        show_json({"id": handle.id, "job": format_id(handle.id)})
    else:
        sys.stdout.write(f"{format_id(handle.id)}\n")
    return 0


def _checked(ctx: typer.Context, task: str, words: list[str]) -> list[str]:
    """Refuses an option that does not exist; the parser has taken it for an argument."""
    unknown = unknown_option([task, *words], ctx.meta.get(_LITERAL, 0))
    if unknown is not None:
        raise typer.BadParameter(f"there is no option {unknown}; write `--` before values that begin with a dash")
    return words


def _waited(handle: "JobHandle[Any]", wait_s: float, *, as_json: bool) -> int:
    from ...broker.net.exceptions import JobError, JobFailed, ResultTimeout

    shown = format_id(handle.id)
    told: dict[str, Any] = {"id": handle.id, "job": shown, "state": "succeeded", "result": None, "error": None}
    if not as_json:
        sys.stderr.write(f"job {shown}\n")
    try:
        told["result"] = handle.result(None if wait_s == float("inf") else wait_s)
    except ResultTimeout:
        told["state"] = handle.status()
        told["error"] = f"job {shown} has not ended in time, and goes on: `mainspring job {shown}` shows it"
    except JobError as error:
        told["state"] = error.state
        told["error"] = error.traceback if as_json and isinstance(error, JobFailed) else str(error)
    if as_json:
        show_json(told)
    elif told["error"] is not None:
        raise CommandError(cell(told["error"]))
    else:
        sys.stdout.write(f"{json_text(told['result'])}\n")
    return 0 if told["error"] is None else 1
