"""`mainspring submit`: submits one job by the name of its task, and waits for it if asked to.

Decides how the command line is read into a job, and what is printed of its end. It must not know the protocol. Exit
status with `--wait`: 0 only if the job has succeeded.
"""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from ...broker.wire.ids import format_id
from ..spans import DURATION, parse_duration
from .arguments import FOR_EVER, UnclearWords, job_arguments, told_apart, unknown_option
from .connection import Url, connected, names_of
from .errors import CommandError
from .formats import parse_instant
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


def _option(metavar: str, help: str, parser: Callable[[str], Any] | None = None) -> Any:  # noqa: A002  (as typer names it)
    return typer.Option(metavar=metavar, help=help, parser=parser, show_default=False)


Task = Annotated[
    str, typer.Argument(metavar="TASK", help="Its name; `mainspring tasks` lists them.", autocompletion=_tasks)
]
Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="ARGS", help="Values, or name=value; JSON where it parses, else text.", show_default=False),
]
Kwargs = Annotated[str | None, _option("JSON", "More named arguments, a JSON object.")]
Delay = Annotated[float | None, _option("SPAN", "Run it so much later: 5, 250ms, 10m.", _seconds)]
At = Annotated[datetime | None, _option("TIME", "Run it then: ISO 8601, local without offset.", _instant)]
Key = Annotated[str | None, _option("TEXT", "A second submit with this key gives the first job.")]
Queue = Annotated[str | None, _option("NAME", "Its queue, if not the task's own.")]
Tenant = Annotated[str | None, _option("NAME", "For which tenant; default if not given.")]
Priority = Annotated[int | None, _option("N", "-100 to 100, higher first.")]
Retries = Annotated[int | None, _option("N", "How often a failed attempt is tried again, if not as the task says.")]
Timeout = Annotated[float | None, _option("SPAN", "The longest an attempt may run.", _seconds)]
Expires = Annotated[float | None, _option("SPAN", "Drop it if it has not started by then.", _seconds)]
Deadline = Annotated[float | None, _option("SPAN", "End all its attempts by then, and start none later.", _seconds)]
Wait = Annotated[
    float | None, _option("[SPAN]", "Wait until it has ended, or so long at most, and print its result.", _wait)
]


@app.command(cls=SubmitCommand, context_settings={"ignore_unknown_options": True})
def command(
    ctx: typer.Context,
    task: Task,
    words: Words = None,
    kwargs: Kwargs = None,
    delay: Delay = None,
    at: At = None,
    key: Key = None,
    queue: Queue = None,
    tenant: Tenant = None,
    priority: Priority = None,
    retries: Retries = None,
    timeout: Timeout = None,
    expires: Expires = None,
    deadline: Deadline = None,
    wait: Wait = None,
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
    from ...broker.tasks.exceptions import InvalidOption, MainspringError
    from ...broker.tasks.job import job

    try:
        args, named = job_arguments(_checked(ctx, task, words or []), kwargs)
        wanted = job(task, *args, **named)
    except (ValueError, MainspringError) as fault:
        raise typer.BadParameter(str(fault)) from None
    options: dict[str, Any] = {
        "delay": delay, "at": at, "key": key, "queue": queue, "tenant": tenant, "priority": priority,
        "retries": retries, "timeout": timeout, "expires": expires, "deadline": deadline,
    }  # fmt: skip
    with connected(url) as client:
        try:
            handle = client.submit(wanted, **{name: value for name, value in options.items() if value is not None})
        except InvalidOption as fault:
            raise typer.BadParameter(str(fault)) from None
        if wait is not None:
            return waited(handle, wait, as_json=json)
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


def waited(handle: "JobHandle[Any]", wait_s: float, *, as_json: bool) -> int:
    """Waits for a job, prints how it ended, and returns the exit status."""
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
