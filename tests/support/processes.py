"""Waits for processes that need not be children of the test.

It decides nothing; the kernel tells through a pidfd.
"""

import os
import select

PATIENCE_S = 20


def wait_dead(pids: list[int]) -> None:
    """Waits until none of the processes is left; they need not be our children."""
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            assert select.select([fd], [], [], PATIENCE_S)[0], f"process {pid} lives on"
        finally:
            os.close(fd)
