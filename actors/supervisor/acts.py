"""What the supervisor has its shell do.

Decides the list. It must not know how a process is started or signalled. Rule: docs/design.md, "The machine
contract".
"""

from typing import Literal, NamedTuple

Level = Literal["debug", "info", "warning", "error"]

ReloadCode = Literal["reloaded", "failed", "under_way", "stopping"]


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


class ReadAgain(NamedTuple):
    """Ask a process to read its file again."""

    name: str


class ReloadTold(NamedTuple):
    """Tell whoever has asked for a reload how far it is."""

    request: int
    what: Literal["restarting", "ready", "reads again"]
    name: str


class ReloadEnded(NamedTuple):
    """Tell whoever has asked for a reload what came of it; said once for each that was asked for."""

    request: int
    code: ReloadCode
    name: str
    """The executor that did not come up on new code; empty for none."""
    text: str
    """Fault and mend; empty if all went well."""
    restarted: tuple[str, ...]
    """The executors that run on new code."""


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


Act = Start | Terminate | Kill | ReadAgain | ReloadTold | ReloadEnded | AllReady | Exit | Note
