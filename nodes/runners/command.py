"""A declared command, and what a job of it gets: its environment and its input.

Decides which words reach a program: those of the node's own files, and the numbers of the attempt in the
environment. It must not know how a program is started. Nothing that a client has sent gets into `argv`, or into the
environment under any other name.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from ...broker.tasks.context import Fence
from ...broker.wire.ids import format_id
from .frames import Row

KIND: Final = "command"
"""The runner of commands, as tasks are announced with it."""
TASK_PREFIX: Final = "command."
"""Before a command's name it makes the name of its task."""

COMMAND_COLUMNS: Final = ("name", "argv", "env", "stdin", "cwd", "output_bytes_max", "ok_exits")
"""A command as a plan and the child's setup hold it; see Command."""

KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG", "USER")
"""What a command has of the node's own environment."""

NO_ARGUMENTS: Final = ("[[],{}]", "[[], {}]")
"""The payloads of a job without arguments."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Command(NamedTuple):
    """One command.

    Attributes:
        name: Its name, without the task's prefix.
        argv: The program and its arguments.
        env: What is added to its environment, or replaced in it.
        stdin: The text on its standard input; None is an empty input.
        cwd: Its working directory.
        output_bytes_max: How much of its output is kept.
        ok_exits: The exit statuses that are a success.
    """

    name: str
    argv: list[str]
    env: dict[str, str]
    stdin: str | None
    cwd: str
    output_bytes_max: int
    ok_exits: list[int]

    @property
    def task(self) -> str:
        """The name of the task."""
        return f"{TASK_PREFIX}{self.name}"


def setup_text(commands: list[list[Any]], grace_ms: int) -> str:
    """Writes what a command child reads from its standard input.

    Args:
        commands: Rows of COMMAND_COLUMNS.
        grace_ms: How long a command has to end once it is told to.
    """
    return json.dumps([commands, grace_ms])


def read_setup(text: str) -> tuple[dict[str, Command], int]:
    """Reads what `setup_text` writes: the commands by the names of their tasks, and the grace."""
    rows, grace_ms = json.loads(text)
    found = [Command(*row) for row in rows]
    return {command.task: command for command in found}, grace_ms


def environment(command: Command, row: Row, own: Mapping[str, str]) -> dict[str, str]:
    """Makes the environment of one attempt.

    Args:
        command: The command.
        row: The run, with the columns of `frames.RUN_COLUMNS`.
        own: The environment of this process.
    """
    _, job_id, attempt, epoch, index, _, _, _, due_ms, *_ = row
    kept = {name: own[name] for name in KEPT_VARIABLES if name in own}
    due = _EPOCH + timedelta(milliseconds=due_ms)
    return {
        "PATH": os.defpath,
        **kept,
        **command.env,
        "MAINSPRING_JOB_ID": format_id(job_id),
        "MAINSPRING_ATTEMPT": str(attempt),
        "MAINSPRING_TASK": command.task,
        "MAINSPRING_SCHEDULED_AT": f"{due:%Y-%m-%dT%H:%M:%S}.{due_ms % 1000:03}Z",
        "MAINSPRING_FENCE": str(Fence(epoch, index)),
    }
