"""Jobs that leave a trace of when they ran."""

import select
import time
from pathlib import Path

from mainspring import Context, task


@task(retries=3, backoff=(0.05, 0.05))
def lives(path: str, seconds: float, context: Context) -> int:
    """Says all the time that it runs, until its time is over."""
    until_s = time.monotonic() + seconds
    with Path(path).open("a") as trace:
        while time.monotonic() < until_s:
            trace.write(f"{context.attempt} {time.monotonic_ns()}\n")
            trace.flush()
            select.select([], [], [], 0.01)  # libfaketime, under which some tests run, breaks sleep()
    return context.attempt


@task(retries=0)
def returns(value: int) -> int:
    """Returns what it got."""
    return value
