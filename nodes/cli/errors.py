"""Which errors a command expects, and how they end it.

Decides that an expected error is one clear text on stderr and exit status 1, without a traceback. It must not know
any command. An error of any other class is a fault of the program, and shows its traceback.
"""

import sys


class CommandError(Exception):
    """A command cannot do what it was asked to; the text names the fault and the mend."""


def expected() -> tuple[type[Exception], ...]:
    """Returns the classes of expected errors; only those whose modules are loaded can have been raised."""
    classes: list[type[Exception]] = [CommandError]
    package = __name__.removesuffix(".nodes.cli.errors")
    for module, name in _EXPECTED:
        if loaded := sys.modules.get(package + module):
            classes.append(getattr(loaded, name))
    return tuple(classes)


_EXPECTED = (
    (".broker.tasks.exceptions", "MainspringError"),
    (".nodes.settings.errors", "SettingsError"),
    (".nodes.supervisor.errors", "NodeError"),
)
