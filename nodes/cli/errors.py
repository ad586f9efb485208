"""Which errors a command expects.

Decides that these end a command with one clear text on stderr, without a traceback, and with which status: that of
wrong usage if a file of settings cannot be used, else that of failure. It must not know any command. An error of any
other class is a fault of the program, and shows where it comes from.
"""

import sys
from typing import Final

FAILED: Final = 1
USAGE: Final = 2


class CommandError(Exception):
    """A command cannot do what it was asked to; the text names the fault and the mend.

    Attributes:
        status: The exit status.
    """

    def __init__(self, text: str, status: int = FAILED) -> None:
        super().__init__(text)
        self.status = status


_EXPECTED: Final = {
    "broker.tasks.exceptions": "MainspringError",
    "nodes.settings.errors": "SettingsError",
    "nodes.shards.report": "OperatorError",
    "nodes.supervisor.errors": "NodeError",
}
"""Module of the package -> its class of expected errors."""


def status_of(error: Exception) -> int:
    """Returns the exit status of an expected error."""
    if isinstance(error, CommandError):
        return error.status
    return USAGE if type(error).__name__ == "SettingsError" else FAILED


def expected() -> tuple[type[Exception], ...]:
    """Returns the classes of expected errors; one whose module is not loaded cannot have been raised."""
    root = __name__.removesuffix("nodes.cli.errors")
    loaded = [(sys.modules.get(root + module), name) for module, name in _EXPECTED.items()]
    return (CommandError, *(getattr(module, name) for module, name in loaded if module is not None))
