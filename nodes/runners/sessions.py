"""The processes of a session: those that a program has started, and that have not made a session of their own.

Decides who belongs to a program and how all of them are signalled. It must not know why. A shell with job control
puts its children into process groups of their own; only the session still holds them together, and only /proc lists
it. A program that calls setsid leaves it for good.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from .process_table import processes

_ROUNDS_MAX: Final = 10
_LOOK_EVERY_S: Final = 0.005


def signal_group(leader: int, number: int) -> None:
    """Signals the leader's process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def terminate(leader: int) -> None:
    """Asks every process of the session to end, those that are stopped, too."""
    for number in (signal.SIGTERM, signal.SIGCONT):
        signal_group(leader, number)
        _signal(_strangers(leader), number)


def kill(leader: int) -> None:
    """Kills every process of the session.

    The group dies as one. Whoever has a group of its own may start another process while it is looked for, so that is
    done until none is found.
    """
    signal_group(leader, signal.SIGKILL)
    for _ in range(_ROUNDS_MAX):
        left = _strangers(leader)
        if not left:
            return
        _signal(left, signal.SIGKILL)


def wait_until_gone(leaders: Iterable[int], bound_s: float) -> None:
    """Waits until no process of these sessions is left, or the time is over."""
    until_s = time.monotonic() + bound_s
    wanted = set(leaders)
    while wanted & {each.session for each in processes().values() if not each.is_zombie} and time.monotonic() < until_s:
        time.sleep(_LOOK_EVERY_S)


def _strangers(leader: int) -> list[int]:
    """Lists the living processes of the session that are not in the leader's group."""
    found = processes().values()
    return [each.pid for each in found if each.session == leader and each.group != leader and not each.is_zombie]


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
