"""The two clocks, read once a turn: the only place in the package that reads them for a machine."""

import time

from ..actors.machine import Now

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def read_clocks() -> Now:
    """Reads elapsed time (counting suspend where the system can) and the wall clock."""
    return Now(time.clock_gettime_ns(_BOOTTIME), time.time_ns() // 1_000_000)
