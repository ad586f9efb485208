"""Jobs that end in every way there is."""

import asyncio
import ctypes
import os
import sys
import time

from mainspring import Context, task


@task(retries=0)
def returns(value: int) -> int:
    """Returns what it got."""
    return value


@task(retries=0)
def raises() -> None:
    """Raises."""
    raise ValueError("this job fails on purpose")


@task(retries=2, backoff=(0.05, 0.05))
def fails_twice(context: Context) -> int:
    """Fails in its first two attempts."""
    if context.attempt <= 2:
        raise RuntimeError(f"attempt {context.attempt} fails")
    return context.attempt


@task(retries=0)
def exits() -> None:
    """Asks its process to end."""
    sys.exit(7)


@task(retries=0, backoff=(0.05, 0.05))
def hard_exits() -> None:
    """Ends its process without a word."""
    os._exit(9)


@task(retries=0, backoff=(0.05, 0.05))
def segfaults() -> None:
    """Kills its own process by a bad pointer."""
    ctypes.string_at(0)


@task(retries=0, timeout=0.3)
def never_ends() -> None:
    """Ignores everything but SIGKILL."""
    while True:
        try:
            while True:
                time.sleep(10)
        except BaseException:  # noqa: BLE001  (a job that will not be told)
            continue


@task(retries=0, timeout=0.3)
async def async_never_ends() -> None:
    """Waits for ever, and lets itself be cancelled."""
    await asyncio.Event().wait()


@task(retries=0, timeout=0.5)
async def blocks_its_loop() -> None:
    """Never gives the loop back."""
    while True:
        pass


@task(retries=0)
async def waits(seconds: float) -> str:
    """Takes its time on the loop."""
    await asyncio.sleep(seconds)
    return "done"


@task(retries=0)
def works(seconds: float) -> str:
    """Takes its time in a process."""
    time.sleep(seconds)
    return "done"


@task(retries=0)
def forks_a_child() -> int:
    """Leaves a process of its own behind."""
    import subprocess

    return subprocess.Popen(["sleep", "300"]).pid
