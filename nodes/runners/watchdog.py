"""Notices a handler that holds the event loop, and says which one and where.

It decides when a loop counts as stuck: it has not turned for a second while jobs are in hand. It must not
know what is done about it. It is a thread, because nothing on the loop can tell; a handler that also holds
the interpreter's lock silences it, and then the parent's PING goes unanswered.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Coroutine, Generator
from typing import Any, Final

from ...broker.tasks.context import CURRENT, Context
from . import frames
from .errors import cap, stack_text
from .outlet import Outlet

STUCK_AFTER_SECONDS: Final = 1.0
LOOK_EVERY_SECONDS: Final = 0.25


class RunTask(asyncio.Task[Any]):
    """A task that knows for which job it works; those that a handler starts work for the same job."""

    job: Context | None = None


def make_task(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    **options: Any,
) -> RunTask:
    """Makes a task for the job that is at hand where it is made; a task factory for the loop."""
    task = RunTask(work, loop=loop, **options)
    task.job = CURRENT.get()
    return task


class Watchdog(threading.Thread):
    """Watches one event loop from outside while it has jobs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, outlet: Outlet) -> None:
        super().__init__(name="mainspring-watchdog", daemon=True)
        self._loop = loop
        self._outlet = outlet
        self._loop_thread = threading.get_ident()
        self._busy = threading.Event()

    def busy(self) -> None:
        """Begins to watch: there are jobs."""
        self._busy.set()

    def idle(self) -> None:
        """Ceases to watch: an idle loop does not turn, and need not be woken to prove that it could."""
        self._busy.clear()

    def run(self) -> None:
        """Watches until the loop is closed."""
        while True:
            self._busy.wait()
            time.sleep(LOOK_EVERY_SECONDS)
            if not self._busy.is_set():
                continue
            turned = threading.Event()
            try:
                self._loop.call_soon_threadsafe(turned.set)
            except RuntimeError:
                return
            if not turned.wait(STUCK_AFTER_SECONDS):
                self._tell()
                # Once for each time that it is stuck.
                turned.wait()

    def _tell(self) -> None:
        frame = sys._current_frames().get(self._loop_thread)  # pyright: ignore[reportPrivateUsage]  (there is no public way to another thread's stack)
        task = asyncio.current_task(self._loop)
        job = task.job if isinstance(task, RunTask) else None
        stack = stack_text(frame) if frame is not None else "(no stack)"
        self._outlet.send_blocking(frames.pack([frames.STUCK, job.run_id if job else None, cap(stack)]))
