"""A turn of a machine without a log: an executor's, a client's, a schedule keeper's.

Decides its order alone. It stands apart from turn.py, so that a client need not know of logs and rows.
"""

from collections.abc import Iterable
from typing import Any

from .effects import Send
from .events import Wake
from .machine import Machine, Now


def step(machine: Machine, events: Iterable[Any], now: Now) -> tuple[list[Send], list[Any]]:
    """One turn of a machine without a log (executor, client): its sends rest on nothing that this process must keep.

    Returns:
        The sends, in order, and the acts for the machine's own shell.
    """
    sends: list[Send] = []
    acts: list[Any] = []
    for event in (*events, Wake()):
        effects = machine.handle(event, now)
        assert effects.entry is None, "a machine without a log sealed an entry"
        sends.extend(effects.urgent)
        sends.extend(effects.sends)
        acts.extend(effects.acts)
    return sends, acts
