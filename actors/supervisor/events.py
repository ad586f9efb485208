"""What the supervisor learns: the facts that its shell reports, besides `Wake`.

Decides the list. It must not know how the shell learns them (signals, pipes). Rule: docs/design.md, "The
machine contract".
"""

from typing import NamedTuple

from ..events import Wake

BY_SIGNAL = 0
"""The request of a reload for which nobody waits."""


class Exited(NamedTuple):
    """A process has ended, or could not be started; everything it had to say was reported before."""

    name: str
    text: str
    """How it ended, in words."""


class Ready(NamedTuple):
    """A process does its work: the coordinator answers, the executor can run jobs."""

    name: str


class Failed(NamedTuple):
    """A process has said why it cannot work; it is about to end."""

    name: str
    text: str


class AllDead(NamedTuple):
    """One life of an executor is over, its runner children included: nothing holds its life pipe any more."""

    name: str
    incarnation: int


class StopAsked(NamedTuple):
    """Somebody asked the node to stop; asked again, it stops at once."""


class ReloadAsked(NamedTuple):
    """Somebody asked the node to go over to the code and the schedules that the files hold now."""

    request: int = BY_SIGNAL
    """Whom to tell how it goes."""


Event = Exited | Ready | Failed | AllDead | StopAsked | ReloadAsked | Wake
