"""Jobs that tell in which process they run."""

import os
import threading

from mainspring import task

_kept: list[bytes] = []


@task(retries=0)
def in_process() -> int:
    """Its child."""
    return os.getpid()


@task(retries=0)
async def in_loop() -> int:
    """Its child."""
    return os.getpid()


@task(retries=0, runner="thread")
def in_thread() -> list[int]:
    """Its child and its thread."""
    return [os.getpid(), threading.get_ident()]


@task(retries=0)
def leaks(megabytes: int) -> int:
    """Leaves its child larger than it was."""
    _kept.append(b"x" * (megabytes * 1024 * 1024))
    return os.getpid()


@task(retries=0, labels={"gpu": "a100"})
def on_gpu() -> int:
    """Its executor."""
    return os.getppid()


@task(retries=0, labels={"gpu": "h100"})
def nowhere() -> None:
    """Asks for what nobody has."""
