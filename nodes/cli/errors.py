"""Which errors a command expects.

Decides that these end a command with one clear text on stderr, without a traceback. It must not know any command. An
error of any other class is a fault of the program, and shows where it comes from.
"""

import sys
from typing import Final


class CommandError(Exception):
    """A command cannot do what it was asked to; the text names the fault and the mend."""


_EXPECTED: Final = {
    "broker.tasks.exceptions": "MainspringError",
    "nodes.settings.errors": "SettingsError",
    "nodes.supervisor.errors": "NodeError",
}
"""Module of the package -> its class of expected errors."""


def expected() -> tuple[type[Exception], ...]:
    """Returns the classes of expected errors; one whose module is not loaded cannot have been raised."""
    root = __name__.removesuffix("nodes.cli.errors")
    loaded = [(sys.modules.get(root + module), name) for module, name in _EXPECTED.items()]
    return (CommandError, *(getattr(module, name) for module, name in loaded if module is not None))
