"""The two clocks, as every shell reads them for its machine, once a turn.

Decides which clock is elapsed time: CLOCK_BOOTTIME, which never steps and counts suspend. Must not know what is
measured. Rule: docs/design.md, "Time".
"""

import time

from ...actors.machine import Now

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def read_clocks() -> Now:
    """Reads elapsed time (counting suspend where the system can) and the wall clock."""
    elapsed_ns, wall_ns = time.clock_gettime_ns(_BOOTTIME), time.time_ns()
    return Now(elapsed_ns, wall_ns // 1_000_000, wall_ns % 1_000_000)
