"""The body of a child that runs one sync job at a time, in its main thread, in the order of arrival.

It decides the order of work and what an interrupt may end. It must not know of deadlines, which the parent
watches. An interrupt is a CANCEL frame followed by SIGUSR1: the signal alone names no run and could hit the
next one, so its handler reads the socket and raises only if the job that runs at this moment has been
cancelled. SIGPROF comes when a run has used up its CPU time; a run without limits costs nothing for those of others.
"""

import signal
import socket
import time
from collections import deque
from contextvars import copy_context
from types import FrameType

from ...broker.tasks.context import CURRENT, Context
from ...broker.tasks.exceptions import AttemptCancelled, AttemptTimedOut, CpuLimitExceeded, MainspringError
from ...broker.tasks.registry import Registry
from . import frames
from .allowance import Allowance, allowances
from .frames import Frame, Row
from .inbox import Inbox
from .leave import leave
from .outcome import failure, not_started, success


class ProcessChild:
    """Runs jobs until STOP; the parent's end of the socket going away ends the process at once."""

    def __init__(self, sock: socket.socket, registry: Registry) -> None:
        self._sock = sock
        self._registry = registry
        self._inbox = Inbox(sock)
        self._allowances = allowances(registry)
        self._queue: deque[Row] = deque()
        self._stopping = False
        # The run in the user's code, or the last one; an interrupt may end it while it is armed.
        self._running: int | None = None
        self._armed = False
        self._interrupted = False  # while it was not armed
        self._allowance: Allowance | None = None
        self._context: Context | None = None
        self._cancelled: str | None = None

    def run(self) -> None:
        """Works until STOP, or never comes back."""
        while True:
            self._interrupted = False
            self._receive(wait=not self._queue and not self._stopping)
            if self._stopping:
                self._drop_queue("the child was told to stop")
                return
            if self._queue:
                self._send(self._execute(self._queue.popleft()))

    def on_interrupt(self, _signum: int, _frame: FrameType | None) -> None:
        """Handles SIGUSR1: raises AttemptInterrupted in the running job if that is cancelled."""
        if not self._armed:
            # The main loop, or this very handler, may be in the middle of reading the socket.
            self._interrupted = True
            return
        while True:
            # Nothing is raised meanwhile, or what was read could be lost before it is understood.
            self._armed = self._interrupted = False
            self._receive_unlimited()
            reason = self._cancelled
            if reason is not None:
                break  # and it stays so: a second raise could hit the code that records how the first one ended
            self._armed = True
            if not self._interrupted:
                return
        if reason == "timeout":
            raise AttemptTimedOut
        raise AttemptCancelled(*(("the lease of the job was lost",) if reason == "lease_lost" else ()))

    def on_cpu_time(self, _signum: int, _frame: FrameType | None) -> None:
        """Handles SIGPROF: the run has used what its task allows."""
        if self._armed:
            self._armed = False
            raise CpuLimitExceeded("the job used more CPU time than its task allows")

    def _receive(self, *, wait: bool) -> None:
        """Takes in what has arrived; with `wait` blocks until something has."""
        for frame in self._inbox.receive(wait=wait):
            self._take(frame)

    def _receive_unlimited(self) -> None:
        """Takes in what has arrived, while a run has its memory limited: frames are none of its memory."""
        if self._allowance is None:
            self._receive(wait=False)
            return
        self._allowance.lift()
        try:
            self._receive(wait=False)
        finally:
            self._allowance.restore()

    def _take(self, frame: Frame) -> None:
        kind = frame[0]
        if kind == frames.RUN:
            self._queue.extend(frame[1])
        elif kind == frames.CANCEL:
            self._cancel(frozenset(frame[1]), frame[2])
        elif kind == frames.PING:
            self._sock.sendall(frames.pack([frames.PONG, frame[1]]))
        elif kind == frames.STOP:
            self._stopping = True

    def _cancel(self, run_ids: frozenset[int], reason: str) -> None:
        if self._running in run_ids:
            self._cancelled = reason
            if self._context is not None:
                self._context.cancelled = True
        dropped = [row for row in self._queue if row[0] in run_ids]
        if dropped:
            self._queue = deque(row for row in self._queue if row[0] not in run_ids)
            for row in dropped:
                self._send(not_started(row[0], reason))

    def _drop_queue(self, why: str) -> None:
        while self._queue:
            self._send(not_started(self._queue.popleft()[0], "cancelled", why))

    def _send(self, row: Row) -> None:
        for frame in frames.pack_rows(frames.DONE, [row]):
            try:
                self._sock.sendall(frame)
            except OSError:
                leave(frames.EXIT_ORPHAN)

    def _execute(self, row: Row) -> Row:
        run_id, job_id, attempt, epoch, index, name, payload, _, due_ms, deadline_ms, queue, tenant, trace = row
        started_ms = time.time_ns() // 1_000_000
        context = Context(job_id, attempt, epoch, index, name, due_ms, deadline_ms, queue, tenant, trace, run_id)
        try:
            task = self._registry.get(name)
            args, kwargs = task.signature.decode(payload, context)
        except MainspringError as fault:
            return failure(run_id, started_ms, fault, None, self._registry.options(name))
        self._running, self._context, self._cancelled = run_id, context, None
        CURRENT.set(context)
        allowance = self._allowance = self._allowances.get(name)
        value: object = None
        try:
            try:
                # A context of its own, so that one job's variables do not meet the next job.
                variables = copy_context()
                if allowance is not None:
                    allowance.begin()
                self._armed = True
                if self._interrupted:  # just before: nobody would look what for
                    self.on_interrupt(signal.SIGUSR1, None)
                value = variables.run(task.func, *args, **kwargs)
            finally:
                self._armed = False
        except BaseException as fault:  # noqa: BLE001  (whatever a job raises ends the job and not the child)
            if allowance is not None:
                allowance.end()
            return failure(run_id, started_ms, fault, self._cancelled, task.options)
        if allowance is not None:
            allowance.end()
        return success(run_id, started_ms, value)
