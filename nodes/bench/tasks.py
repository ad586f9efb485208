"""The tasks that the benchmarks run: they do nothing, or say when they were called."""

import time

from ...broker.tasks import task


@task
async def noop() -> None:
    """Does nothing, on the asyncio runner."""


@task
def noop_process() -> None:
    """Does nothing, on the process runner."""


@task
async def stamp() -> int:
    """Returns the wall clock at its call, in ns, from the asyncio runner."""
    return time.time_ns()


@task
def stamp_process() -> int:
    """Returns the wall clock at its call, in ns, from the process runner."""
    return time.time_ns()
