"""The program's frame: finds the subcommand, runs it, and turns how it ended into an exit status.

Decides the statuses: 0 done, 1 failed, 2 wrong usage, 130 interrupted. It must not know any subcommand; `commands`
has the table.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
import typer.core
import typer.main

from ... import __version__
from .commands import COMMANDS
from .errors import expected

NAME = "mainspring"
DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

# Newer versions of typer bring their own click: its classes are found through what typer exports.
_UsageError, _ClickException = typer.BadParameter.__mro__[1:3]
assert issubclass(_UsageError, Exception)
assert issubclass(_ClickException, Exception)


class LazyGroup(typer.core.TyperGroup):
    """Knows its subcommands by name, and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Lists the subcommands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Finds a subcommand; a stub with its one line of help where that is all that is wanted."""
        if cmd_name not in COMMANDS:
            return None
        # While help is printed nothing is called, and nothing needs to be imported.
        is_called = cmd_name in getattr(ctx, "_protected_args", ()) or not getattr(ctx, "resilient_parsing", False)
        return _loaded(cmd_name) if is_called else _stub(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the list of subcommands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])


def _loaded(name: str) -> Any:
    module: Any = import_module(COMMANDS[name].module, __package__)
    if hasattr(module, "app"):
        found: Any = typer.main.get_command(module.app)
    else:
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        single.command(name)(module.command)
        found = typer.main.get_command(single)
    found.name = name
    return found
