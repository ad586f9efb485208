"""Which subcommands there are, and which module has each.

Decides the list that `--help` shows, so that it need import none of them. It must not know what they do. A module
has the subcommand as a function named `command`, or, where it has subcommands of its own, as a `typer.Typer`
named `app`; what the function returns is the exit status (None is 0).
"""

from typing import Final, NamedTuple


class Command(NamedTuple):
    """One subcommand."""

    module: str
    """Relative to this package."""
    help: str
    """One line, as `mainspring --help` shows it; the module's own docstring says more."""


COMMANDS: Final[dict[str, Command]] = {
    "up": Command(".up", "Run one node, or several, in the foreground."),
    "node": Command(".node", "Run the node of a TOML file, as a service does."),
    "init": Command(".init", "Write a commented node file and a module of tasks to begin with."),
}
