"""Tasks for the runbook: each goes wrong in a way that an operator meets, until the file `mended` is there."""

import os
import signal
import time
from pathlib import Path

from mainspring import task

AT_ONCE = (0.01, 0.01)


def is_mended() -> bool:
    """Says whether the cause is gone."""
    return Path("mended").exists()


@task
def add(a: int, b: int) -> int:
    """Behaves."""
    return a + b


@task(retries=0)
def charge(order: int) -> int:
    """Needs something outside."""
    if not is_mended():
        raise ConnectionError("payments.example does not answer")
    return order


@task(retries=3, backoff=(3600, 3600))
def later(order: int) -> int:
    """Waits for an hour after a failure."""
    return charge.func(order)


@task(retries=0, backoff=AT_ONCE)
def poison() -> str:
    """Dies of a signal."""
    if not is_mended():
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    return "alive"


@task(retries=0, timeout=0.2)
def deaf() -> None:
    """Heeds no timeout."""
    while True:
        try:
            time.sleep(60)
        except BaseException:  # noqa: BLE001  (it is deaf on purpose)
            continue


@task
def hangs() -> None:
    """Never ends by itself."""
    time.sleep(600)


@task
async def blocks() -> None:
    """Holds its event loop."""
    time.sleep(600)


@task
async def turns() -> str:
    """Needs an event loop."""
    return "turned"
