"""The body of a child that runs many async jobs on one event loop.

It decides when a coroutine gets its first step and which results travel together. It must not know of
deadlines, which the parent watches. A job costs no asyncio task of its own until it waits for something: one
task drives the jobs of a batch, each in its own `contextvars` context, and the first one that suspends keeps
the task for the rest of its life, so that `asyncio.current_task()`, timeouts and task groups behave as ever.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Awaitable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context as Variables
from contextvars import copy_context
from types import coroutine
from typing import Any, Final, cast

from ...broker.tasks.context import CURRENT, Context
from ...broker.tasks.registry import Registry
from . import frames
from .frames import Frame, Row
from .inbox import Inbox
from .outcome import failure, not_started, success
from .outlet import Outlet
from .watchdog import RunTask, Watchdog, make_task

JOBS_PER_TURN: Final = 128
"""How many jobs one turn of the loop begins, so that results, cancels and other jobs get theirs."""
PENDING_BYTES_MAX: Final = 8 * 1024 * 1024
"""With so much unsent, nothing more is taken in until the parent has read it."""


class Live:
    """A job that has suspended: its task, its context, and why it was cancelled, if it was."""

    __slots__ = ("context", "reason", "task")

    def __init__(self, context: Context, task: RunTask) -> None:
        self.context = context
        self.task = task
        self.reason: str | None = None


class AsyncioChild:
    """Runs jobs until STOP; the parent's end of the socket going away ends the process at once."""

    def __init__(self, sock: socket.socket, registry: Registry) -> None:
        self._sock = sock
        self._registry = registry
        self._inbox = Inbox(sock)
        self._loop = asyncio.new_event_loop()
        self._outlet = Outlet(sock, self._loop, self._listen)
        self._waiting: deque[Row] = deque()
        self._live: dict[int, Live] = {}
        self._results: list[Row] = []
        self._stopping = False
        self._stopped = False
        self._driver: RunTask | None = None
        self._watchdog = Watchdog(self._loop, self._outlet)

    def run(self) -> None:
        """Works until STOP, or never comes back."""
        loop = self._loop
        asyncio.set_event_loop(loop)
        loop.set_task_factory(make_task)
        self._sock.setblocking(False)
        self._listen()
        self._watchdog.start()
        while not self._stopped:
            # A task that a job has started may raise SystemExit, which ends the job and not the child.
            with suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def _listen(self) -> None:
        self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        for frame in self._inbox.receive():
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        kind = frame[0]
        if kind == frames.RUN:
            self._waiting.extend(frame[1])
            self._watchdog.busy()
            self._drive_on()
        elif kind == frames.CANCEL:
            self._cancel(frozenset(frame[1]), frame[2])
        elif kind == frames.PING:
            self._outlet.send(frames.pack([frames.PONG, frame[1]]))
        elif kind == frames.STOP:
            self._stopping = True
            self._drop_waiting()
            self._flush()

    def _cancel(self, run_ids: frozenset[int], reason: str) -> None:
        for run_id in run_ids:
            live = self._live.get(run_id)
            if live is not None:
                live.reason = reason
                live.context.cancelled = True
                live.task.cancel(f"the job was cancelled ({reason})")
        dropped = [row for row in self._waiting if row[0] in run_ids]
        if dropped:
            self._waiting = deque(row for row in self._waiting if row[0] not in run_ids)
            for row in dropped:
                self._report(not_started(row[0], reason))

    def _drop_waiting(self) -> None:
        while self._waiting:
            self._report(not_started(self._waiting.popleft()[0], "cancelled", "the child was told to stop"))

    def _report(self, row: Row) -> None:
        if not self._results:
            # Runs in the next turn: whatever ends in this one travels in the same frame.
            self._loop.call_soon(self._flush)
        self._results.append(row)

    def _flush(self) -> None:
        results, self._results = self._results, []
        for frame in frames.pack_rows(frames.DONE, results):
            self._outlet.send(frame)
        if self._outlet.pending_bytes > PENDING_BYTES_MAX:
            self._loop.remove_reader(self._sock.fileno())
        if not self._live and not self._waiting:
            self._watchdog.idle()
            if self._stopping and not self._results:
                self._outlet.drain()
                self._stopped = True
                self._loop.stop()

    def _drive_on(self) -> None:
        """Sees to it that a task takes up the waiting jobs."""
        if self._driver is None and self._waiting:
            self._driver = cast("RunTask", self._loop.create_task(self._drive()))

    async def _drive(self) -> None:
        """Begins waiting jobs, until one suspends and keeps this task; another takes up the rest."""
        me = self._driver
        assert me is not None
        budget = JOBS_PER_TURN
        # A job that cancelled its own task leaves it unfit for the next one.
        while self._waiting and budget and not me.cancelling():
            budget -= 1
            row = self._waiting.popleft()
            (
                run_id,
                job_id,
                attempt,
                epoch,
                index,
                name,
                payload,
                _,
                due_ms,
                deadline_ms,
                queue,
                tenant,
                trace,
            ) = row
            started_ms = time.time_ns() // 1_000_000
            context = Context(job_id, attempt, epoch, index, name, due_ms, deadline_ms, queue, tenant, trace, run_id)
            me.job = context
            CURRENT.set(context)
            variables = copy_context()
            try:
                task = self._registry.get(name)
                args, kwargs = task.signature.decode(payload, context)
                job = task.func(*args, **kwargs)
                awaited = variables.run(job.send, None)
            except StopIteration as end:
                self._report(success(run_id, started_ms, end.value))
            except BaseException as fault:  # noqa: BLE001  (whatever a job raises ends the job and not the child)
                self._report(failure(run_id, started_ms, fault, None, self._registry.options(name)))
            else:
                live = self._live[run_id] = Live(context, me)
                self._hand_over()
                await self._finish(live, run_id, started_ms, resume(job, variables, awaited))
                return
        self._hand_over()

    def _hand_over(self) -> None:
        """Lets another task take up the waiting jobs, in the next turn of the loop."""
        self._driver = None
        self._drive_on()

    async def _finish(self, live: Live, run_id: int, started_ms: int, rest: Awaitable[object]) -> None:
        try:
            value = await rest
        except BaseException as fault:  # noqa: BLE001  (as above)
            row = failure(run_id, started_ms, fault, live.reason, self._registry.options(live.context.task))
        else:
            row = success(run_id, started_ms, value)
        del self._live[run_id]
        self._report(row)


@coroutine
def resume(
    job: Coroutine[Any, Any, object], variables: Variables, awaited: object
) -> Generator[object, object, object]:
    """Carries on a coroutine that has had its first step, each further one in the job's own variables."""
    while True:
        try:
            value = yield awaited
        except BaseException as fault:  # noqa: BLE001  (a cancellation, or the error that was awaited)
            try:
                awaited = variables.run(job.throw, fault)
            except StopIteration as end:
                return end.value
        else:
            try:
                awaited = variables.run(job.send, value)
            except StopIteration as end:
                return end.value
