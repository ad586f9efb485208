"""Decides which keys a command's table has, with types, bounds and defaults; the reference prints the descriptions.

It must not know about files, lines or error texts, nor how a command is run. What a command gets stands here and
nowhere else: a client only names it.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Final, cast

from pydantic import AfterValidator, BeforeValidator, Field

from ...broker.tasks.exceptions import InvalidOption
from ...broker.tasks.limits import RETRIES_MAX
from ...broker.tasks.options import check_task_name, span_ms
from ...broker.wire.limits import PRIORITY_MAX
from ..runners.command import TASK_PREFIX
from ..spans import parse_duration
from .forms import FilePath, Form, QueueName
from .section import Section

NAME_CHARS_MAX: Final = 100
WORDS_MAX: Final = 10_000
OUTPUT_BYTES_MAX: Final = 128 * 1024
"""As JSON, where a byte may take six, it still fits into a result."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN_VARIABLES: Final = "MAINSPRING_"


def _check_name(text: str) -> str:
    fits = len(text) <= NAME_CHARS_MAX
    try:
        check_task_name(f"{TASK_PREFIX}{text}")
    except InvalidOption:
        fits = False
    if not fits or ":" in text:
        raise ValueError(
            f"give 1 to {NAME_CHARS_MAX} letters, digits, dashes, underscores or dots, without a dash at the begin"
            " or behind a dot"
        )
    return text


def _check_word(text: str) -> str:
    if "\0" in text:
        raise ValueError("give a text without NUL, which no program can be given")
    return text


def _check_variables(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ValueError('give a table of texts, such as { LANG = "C.UTF-8" }')
    variables = cast("dict[str, Any]", given)
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a variable: give letters, digits and underscores")
        if name.startswith(_OWN_VARIABLES):
            raise ValueError(f"{name} is set for each attempt: take it out")
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(f"{name} is no text: put its value in quotes")
    return variables


def _check_timeout(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError('give a span such as "30s" or "10m", or seconds as a number')
    try:
        return span_ms("it", parse_duration(given) if isinstance(given, str) else given, least_ms=1)
    except InvalidOption as error:
        raise ValueError(str(error).partition("; ")[2]) from None
    except ValueError:
        raise ValueError('give a span such as "30s", "10m" or "1h30m"') from None


CommandName = Annotated[str, AfterValidator(_check_name), Form("a command's name", "names")]
Word = Annotated[str, AfterValidator(_check_word), Form("a text", "texts: the program, then its arguments")]
Variables = Annotated[dict[str, str], BeforeValidator(_check_variables), Form("a table of texts", "tables")]
Timeout = Annotated[int, BeforeValidator(_check_timeout), Form('a span such as `"10m"`, more than 0', "spans")]
ExitStatus = Annotated[int, Field(ge=0, le=255), Form("an exit status from 0 to 255", "exit statuses from 0 to 255")]


class CommandSection(Section):
    """A program that runs as a job of the task `command.NAME`. Its use is told in [commands.md](commands.md)."""

    argv: Annotated[tuple[Word, ...], Field(strict=False)] = Field(
        min_length=1,
        max_length=WORDS_MAX,
        description='The program and its arguments. No shell reads them, unless it is one: `["/bin/sh", "-c", "…"]`.',
        json_schema_extra={"default": "must be given"},
    )
    env: Variables = Field(
        default={},
        description="Environment variables, besides the node's own `PATH`, `HOME`, `LANG` and `USER`, or instead of"
        " them.",
        json_schema_extra={"default": "`{}`"},
    )
    stdin: str = Field(
        default="", description="The text on standard input.", json_schema_extra={"default": "an empty input"}
    )
    cwd: FilePath = Field(
        default=Path(),
        description="The folder that it runs in.",
        json_schema_extra={"default": "the folder of the file"},
    )
    timeout_ms: Timeout = Field(
        default=0,
        alias="timeout",
        description="Time limit of an attempt; then the program and what it has started are told to end.",
        json_schema_extra={"default": "the executor's `timeout_default_s`"},
    )
    output_bytes_max: int = Field(
        default=64 * 1024,
        ge=0,
        le=OUTPUT_BYTES_MAX,
        description="How much of its output, the beginning and the end, is kept in the result.",
    )
    ok_exits: Annotated[tuple[ExitStatus, ...], Field(strict=False)] = Field(
        default=(0,), min_length=1, max_length=256, description="Exit statuses that are a success."
    )
    queue: QueueName = Field(default="default", description="The queue of its jobs.")
    retries: int = Field(default=0, ge=0, le=RETRIES_MAX, description="How often a failed attempt is tried again.")
    priority: int = Field(
        default=0, ge=-PRIORITY_MAX, le=PRIORITY_MAX, description="The priority of its jobs; higher first."
    )


Commands = Annotated[dict[CommandName, CommandSection], Field(max_length=10_000)]


class CommandsFile(Section):
    """A whole file of commands."""

    commands: Commands = Field(default_factory=dict[str, CommandSection], description="")
