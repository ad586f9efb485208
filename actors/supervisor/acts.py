"""What the supervisor has its shell do.

Decides the list. It must not know how a process is started or signalled. Rule: docs/design.md, "The machine
contract".
"""

from typing import Literal, NamedTuple

Level = Literal["debug", "info", "warning", "error"]


class Start(NamedTuple):
    """Start a process."""

    name: str
    incarnation: int
    """This life of the process: 63 bits, never 0."""
    replaces: tuple[int, ...]
    """Former lives of an executor that are known to be dead, children included; the youngest last."""


class Terminate(NamedTuple):
    """Ask a process to stop in good order."""

    name: str


class Kill(NamedTuple):
    """Kill a process with its process group."""

    name: str


class Reload(NamedTuple):
    """Ask a process to read its file again."""

    name: str


class AllReady(NamedTuple):
    """Every process has been ready once: the node accepts jobs and runs them. Said once."""


class Exit(NamedTuple):
    """End the supervisor; nothing of the node runs any more. Said once."""

    status: int


class Note(NamedTuple):
    """Tell the operator."""

    level: Level
    name: str
    """The process it is about; empty for the node."""
    text: str


Act = Start | Terminate | Kill | Reload | AllReady | Exit | Note
