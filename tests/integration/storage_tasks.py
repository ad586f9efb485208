"""Tasks for the drills of the disk."""

import time
from pathlib import Path

import mainspring


@mainspring.task
def double(number: int) -> int:
    """Ends at once."""
    return 2 * number


@mainspring.task
def hold(path: str) -> int:
    """Runs until the file is there."""
    until = time.monotonic() + 120
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.02)
    return 7
