"""Decides which values of a schedules file are a span, an instant, a zone, an expression or arguments.

It must not know which key holds the value, nor what a schedule does with it. The bounds are those of the wire.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator

from ...actors.cron.expression import parse
from ...actors.cron.zones import zone_info
from ...broker.tasks.exceptions import InvalidOption
from ...broker.tasks.options import check_task_name, span_ms
from ...broker.tasks.submit import instant_ms
from ...broker.wire.limits import JITTER_MS_MAX, NOTE_CHARS_MAX
from ...broker.wire.schedule_rows import name_fault
from ..settings.forms import Form
from ..spans import parse_duration, span_text

T = TypeVar("T")
V = TypeVar("V")


def _check_zone(text: str) -> str:
    zone_info(text)
    return text


def _check_name(text: str) -> str:
    if fault := name_fault(text):
        raise ValueError(fault)
    return text


def _check_expression(text: str) -> str:
    try:
        parse(text)
    except ValueError as error:
        # The text begins with the expression, which the fault has shown already.
        raise ValueError(str(error).removeprefix(f"cron expression {text!r}: ")) from None
    return text


def _check_task(text: str) -> str:
    return _told(check_task_name, text)


def _check_note(text: str) -> str:
    if not 0 < len(text) <= NOTE_CHARS_MAX:
        raise ValueError(f"give text of 1 to {NOTE_CHARS_MAX:_} characters")
    return text


def _span(least_ms: int, most_ms: int | None = None) -> Callable[[object], int]:
    def check(given: object) -> int:
        if isinstance(given, bool) or not isinstance(given, str | int | float):
            raise ValueError('give a span such as "30s" or "1h30m", or seconds as a number')
        try:
            seconds = parse_duration(given) if isinstance(given, str) else given
        except ValueError:
            raise ValueError('give a span such as "30s", "10m" or "1h30m"') from None
        ms = _told(lambda value: span_ms("it", value, least_ms), seconds)
        if most_ms is not None and ms > most_ms:
            raise ValueError(f'give at most "{span_text(most_ms)}"')
        return ms

    return check


def _check_instant(given: object) -> int:
    if not isinstance(given, datetime) or given.utcoffset() is None:
        raise ValueError("give a date and time with an offset, without quotes, such as 2026-03-01T08:30:00+01:00")
    return _told(lambda value: instant_ms("it", value), given)


def _check_args(given: object) -> list[object]:
    if not isinstance(given, list):
        raise ValueError('give a list of arguments, such as ["eu", 3]')
    return cast("list[object]", given)


def _check_kwargs(given: object) -> dict[str, object]:
    if not isinstance(given, dict):
        raise ValueError('give a table of arguments by name, such as {region = "eu"}')
    return cast("dict[str, object]", given)


def _told(check: Callable[[V], T], value: V) -> T:
    """Raises what an option's check refuses as the fault of a key, whose name and value are told already."""
    try:
        return check(value)
    except InvalidOption as error:
        _, _, mend = str(error).partition("; ")
        raise ValueError(mend or str(error)) from None


ScheduleName = Annotated[str, AfterValidator(_check_name), Form("a name", "names")]
Expression = Annotated[str, AfterValidator(_check_expression), Form("a cron expression", "cron expressions")]
TaskName = Annotated[str, AfterValidator(_check_task), Form("the name of a task", "names of tasks")]
Zone = Annotated[str, AfterValidator(_check_zone), Form("a time zone", "time zones")]
Note = Annotated[str, AfterValidator(_check_note), Form("a text", "texts")]
Span = Annotated[int, BeforeValidator(_span(0)), Form('a span such as `"30s"`, or seconds', "spans")]
Jitter = Annotated[
    int, BeforeValidator(_span(0, JITTER_MS_MAX)), Form('a span such as `"30s"`, at most a day', "spans")
]
Timeout = Annotated[int, BeforeValidator(_span(1)), Form('a span such as `"30s"`, more than 0', "spans")]
Instant = Annotated[int, BeforeValidator(_check_instant), Form("a date and time with an offset", "instants")]
Args = Annotated[list[Any], BeforeValidator(_check_args), Form("a list", "lists")]
Kwargs = Annotated[dict[str, Any], BeforeValidator(_check_kwargs), Form("a table", "tables")]
