"""What a supervisor tells a running process through the orders pipe: one JSON object a line.

Decides the form of an order, for the end that writes and the end that reads, and what an order does. It must not know
the process's own work: a thread of its own reads, so that an order is obeyed even while the loop is held up.
"""

import json
import logging
import os
import threading
from typing import Any, Final

from ..log import LEVELS, change_level

log = logging.getLogger("mainspring.process")

ORDER_BYTES_MAX: Final = 4096
"""Within this a write to a pipe is whole or not at all."""


def level_order(level: str) -> bytes:
    """Makes the order to log from this level on."""
    return json.dumps({"log_level": level}).encode() + b"\n"


def follow_orders(fd: int | None) -> threading.Thread | None:
    """Obeys what comes through the orders pipe from now on, if there is one.

    Call it after `configure_log`.

    Returns:
        The thread that does so, which ends with the pipe or with the process.
    """
    if fd is None:
        return None
    thread = threading.Thread(target=_follow, args=(fd,), name="orders", daemon=True)
    thread.start()
    return thread


def _follow(fd: int) -> None:
    with open(fd, "rb", buffering=0) as pipe:  # a buffer's lock, held here, could hold up the end of the process
        while line := pipe.readline(ORDER_BYTES_MAX):
            obey(line)


def obey(line: bytes) -> None:
    """Does what one line says; one that says nothing known is told, and changes nothing."""
    try:
        order: Any = json.loads(line)
        level = order["log_level"]
        if level not in LEVELS:
            raise ValueError(f"{level!r} is no level")
    except (ValueError, TypeError, KeyError) as error:
        log.warning("the supervisor orders what this version does not know: %r", error)
        return
    change_level(level)


def write_order(fd: int, order: bytes) -> bool:
    """Says whether the order is on its way: a process that has ended, or reads none, is not waited for."""
    assert len(order) <= ORDER_BYTES_MAX, "an order must be written whole"
    try:
        return os.write(fd, order) == len(order)
    except (BlockingIOError, BrokenPipeError):
        return False
