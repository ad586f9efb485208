"""The options that several commands about jobs share: filters, limits, reasons.

Decides how each is spelled, read and completed, once. It must not know what a command does with it.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from ...actors.jobs.lifecycle import STATES
from ...broker.wire.limits import REASON_CHARS_MAX
from .connection import names_of
from .moments import past_moment

STATE_NAMES: Final = tuple(STATES.values())
LIMIT_MAX: Final = 100_000


def option(name: str, metavar: str, help: str, **more: Any) -> Any:  # noqa: A002  (as typer names it)
    """Returns an option that has no default to show."""
    return typer.Option(name, metavar=metavar, help=help, show_default=False, **more)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Returns a parser of whole numbers that says its bounds."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise typer.BadParameter(f"{text!r:.40} is out of range; give a whole number from {low} to {high}")
        return number

    return parse


def one_of(words: tuple[str, ...], what: str) -> Callable[[str], str]:
    """Returns a parser that takes these words alone."""

    def parse(text: str) -> str:
        if text not in words:
            raise typer.BadParameter(f"{text!r:.40} is no {what}; there are {', '.join(words)}")
        return text

    return parse


def _states(incomplete: str) -> list[str]:
    return [name for name in STATE_NAMES if name.startswith(incomplete)]


def _queues(incomplete: str) -> list[str]:
    return names_of("queues", "queue", incomplete)


def _tasks(incomplete: str) -> list[str]:
    return names_of("tasks", "name", incomplete)


def _reason(text: str) -> str:
    if not 0 < len(text) <= REASON_CHARS_MAX:
        raise typer.BadParameter(f"it has {len(text)} characters; give 1 to {REASON_CHARS_MAX}")
    return text


State = Annotated[
    str | None,
    option("--state", "STATE", ", ".join(STATE_NAMES), parser=one_of(STATE_NAMES, "state"), autocompletion=_states),
]
Queue = Annotated[str | None, option("--queue", "NAME", "Of this queue.", autocompletion=_queues)]
Task = Annotated[str | None, option("--task", "NAME", "Of this task.", autocompletion=_tasks)]
Tenant = Annotated[str | None, option("--tenant", "NAME", "Of this tenant.")]
ErrorKind = Annotated[str | None, option("--error-kind", "KIND", "Whose last attempt failed so: ValueError, timeout.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", help="How many at most.", parser=whole(1, LIMIT_MAX))]
Before = Annotated[str | None, option("--before", "ID,...", "Only jobs with lower ids; one id a shard.")]
Reason = Annotated[str | None, option("--reason", "TEXT", "Why, for the audit.", parser=_reason)]


def moment(name: str, help: str) -> Any:  # noqa: A002  (as typer names it)
    """Returns an option that takes a moment."""
    return option(name, "TIME", help, parser=past_moment)


def check_span(after_ms: int | None, before_ms: int | None, names: tuple[str, str], present_ms: int) -> None:
    """Refuses a span of time in which nothing can lie.

    Raises:
        typer.BadParameter: naming the options.
    """
    if after_ms is not None and after_ms > present_ms:
        raise typer.BadParameter(f"{names[0]} lies in the future; give a moment that has passed, such as 2h ago")
    if None not in (after_ms, before_ms) and before_ms <= after_ms:  # type: ignore[operator]  # neither is None
        raise typer.BadParameter(f"{names[1]} is not later than {names[0]}: nothing lies between them, so change one")
