"""The tasks that run during a drill: they write down each of their runs, by job, attempt and fence.

Decides what a job of a drill does. Must not know faults. They are ordinary tasks, as any module of a user has them.
"""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from ...broker.tasks.context import Context
from ...broker.tasks.task import task
from . import runs

BEAT_S: Final = 0.02
RETRIES: Final = 20


@contextmanager
def _noted(folder: str) -> Generator[None]:
    _sign(folder, runs.BEGUN)
    yield
    _sign(folder, runs.ENDED)


def _sign(folder: str, kind: str) -> None:
    context = Context.current()
    fence = context.fence
    runs.note(folder, kind, context.job_id, context.attempt, fence.epoch, fence.index)


@task(name="drill.quick", retries=RETRIES, backoff=(0.05, 0.5))
async def quick(folder: str, number: int) -> int:
    """Ends at once, on the asyncio runner."""
    with _noted(folder):
        return number


@task(name="drill.slow", retries=RETRIES, backoff=(0.05, 0.5))
async def slow(folder: str, number: int, beats: int) -> int:
    """Takes a while, and writes down that it still runs: so a run that overlaps another is seen."""
    with _noted(folder):
        for _ in range(beats):
            await asyncio.sleep(BEAT_S)
            _sign(folder, runs.GOING)
        return number


@task(name="drill.process", retries=RETRIES, backoff=(0.05, 0.5))
def in_process(folder: str, number: int, beats: int) -> int:
    """The same in a child process of its own."""
    with _noted(folder):
        for _ in range(beats):
            time.sleep(BEAT_S)
            _sign(folder, runs.GOING)
        return number


@task(name="drill.tick", retries=RETRIES, backoff=(0.05, 0.5))
async def tick(folder: str) -> None:
    """The job of the schedule."""
    with _noted(folder):
        pass
