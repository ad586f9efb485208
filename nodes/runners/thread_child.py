"""The body of a child that runs many sync jobs at once, each in a thread.

It decides which thread runs what, and when a cancellation may be raised in it. It must not know of deadlines, which the
parent watches. The main thread reads frames, gives runs to idle threads and sends results; user code runs in the others
alone. An exception can be raised in another thread only between two steps of its Python code: one that is blocked in C
never hears it, and the parent kills the child after its grace.
"""

import ctypes
import os
import select
import socket
import threading
import time
from collections import deque
from contextvars import Context as Variables
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, Final

from ...broker.tasks.context import CURRENT, Context
from ...broker.tasks.exceptions import AttemptCancelled, AttemptInterrupted, AttemptTimedOut
from ...broker.tasks.registry import Registry
from . import frames
from .frames import Frame, Row
from .inbox import Inbox
from .leave import leave
from .outcome import failure, not_started, success

THREADS_MAX: Final = 1000
"""How many jobs run at once at the most; the parent's slots are fewer, and what is beyond waits."""

_raise_in: Any = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in.argtypes = (ctypes.c_ulong, ctypes.py_object)


class LiveRun:
    """A run that a thread has been given.

    Attributes:
        row: The run, with the columns of `frames.RUN_COLUMNS`.
        context: The handler's.
        reason: Why it was cancelled, if it was.
        armed: Whether it is in the user's code, where an exception may be raised.
        telling: Whether the main thread is about to raise one.
    """

    __slots__ = ("armed", "context", "reason", "row", "telling", "thread_id")

    def __init__(self, row: Row) -> None:
        run_id, job_id, attempt, epoch, index, name, _, _, due_ms, deadline_ms, queue, tenant, trace = row
        self.row = row
        self.context = Context(job_id, attempt, epoch, index, name, due_ms, deadline_ms, queue, tenant, trace, run_id)
        self.reason: str | None = None
        self.armed = False
        self.telling = False
        self.thread_id = 0

    def stop(self, reason: str) -> None:
        """Tells the run to end, once; called from the main thread."""
        if self.reason is not None:
            return
        self.reason = reason
        self.context.cancelled = True
        fault: type[AttemptInterrupted] = AttemptTimedOut if reason == "timeout" else AttemptCancelled
        self.telling = True
        if self.armed:
            _raise_in(self.thread_id, fault)
        self.telling = False

    def disarm(self) -> None:
        """Sees to it that nothing is raised in this thread from here on; called from the run's own.

        What is raised while it works is raised a single time: called again then, it is not disturbed any more. There is
        no lock in it, for that exception could leave one locked.
        """
        self.armed = False
        while self.telling:
            time.sleep(0)
        _raise_in(threading.get_ident(), ctypes.py_object())


class Worker(threading.Thread):
    """A thread that runs one job after the other."""

    def __init__(self, number: int, child: "ThreadChild") -> None:
        # A daemon, so that a thread which never ends does not keep a process that has been told to leave.
        super().__init__(name=f"mainspring-{number}", daemon=True)
        self.inbox: Final[SimpleQueue[LiveRun | None]] = SimpleQueue()
        self._child = child

    def run(self) -> None:
        """Works until it is given None."""
        while (live := self.inbox.get()) is not None:
            row = self._child.execute(live)
            self._child.hand_in(self, live, row)
            del live, row  # a job's arguments and result do not wait here for the next one


class ThreadChild:
    """Runs jobs until STOP; the parent's end of the socket going away ends the process at once."""

    def __init__(self, sock: socket.socket, registry: Registry) -> None:
        self._sock = sock
        self._registry = registry
        self._inbox = Inbox(sock)
        # Each job starts with the variables that the task modules have set when they were imported.
        self._variables: Final[Variables] = copy_context()
        self._waiting: deque[Row] = deque()
        self._live: dict[int, LiveRun] = {}
        self._idle: list[Worker] = []
        self._workers = 0
        self._ended: deque[tuple[Worker, LiveRun, Row]] = deque()
        self._bell_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._stopping = False

    def run(self) -> None:
        """Works until STOP and until what runs has ended, or never comes back."""
        poll = select.poll()
        poll.register(self._sock.fileno(), select.POLLIN)
        poll.register(self._bell_fd, select.POLLIN)
        while not self._stopping or self._live:
            for fd, _ in poll.poll():
                if fd == self._bell_fd:
                    os.eventfd_read(self._bell_fd)
                    self._report()
                else:
                    for frame in self._inbox.receive():
                        self._take(frame)
            self._hand_out()
        for worker in self._idle:
            worker.inbox.put(None)
        for worker in self._idle:
            worker.join()

    def execute(self, live: LiveRun) -> Row:
        """Runs a job in the thread that calls this, and returns its DONE row."""
        run_id, name, payload = live.row[0], live.context.task, live.row[6]
        started_ms = time.time_ns() // 1_000_000
        value: object = None
        try:
            task = self._registry.get(name)
            args, kwargs = task.signature.decode(payload, live.context)
            variables = self._variables.copy()
            variables.run(CURRENT.set, live.context)
            try:
                live.thread_id = threading.get_ident()
                live.armed = True
                # Whoever stops a run first writes the reason and then looks whether it is armed.
                if live.reason is not None:
                    return not_started(run_id, live.reason)
                value = variables.run(task.func, *args, **kwargs)
            finally:
                live.disarm()
        except BaseException as fault:  # noqa: BLE001  (whatever a job raises ends the job and not the child)
            live.disarm()  # again, for what was raised may have cut off the first time
            return failure(run_id, started_ms, fault, live.reason, self._registry.options(name))
        return success(run_id, started_ms, value)

    def hand_in(self, worker: Worker, live: LiveRun, row: Row) -> None:
        """Takes the end of a run from its thread, for the main thread to send."""
        self._ended.append((worker, live, row))
        os.eventfd_write(self._bell_fd, 1)

    def _take(self, frame: Frame) -> None:
        kind = frame[0]
        if kind == frames.RUN:
            self._waiting.extend(frame[1])
        elif kind == frames.CANCEL:
            self._cancel(frozenset(frame[1]), frame[2])
        elif kind == frames.PING:
            self._send(frames.pack([frames.PONG, frame[1]]))
        elif kind == frames.STOP:
            self._stopping = True
            self._drop(list(self._waiting), "cancelled", "the child was told to stop")
            self._waiting.clear()

    def _cancel(self, run_ids: frozenset[int], reason: str) -> None:
        for run_id in run_ids:
            live = self._live.get(run_id)
            if live is not None:
                live.stop(reason)
        dropped = [row for row in self._waiting if row[0] in run_ids]
        if dropped:
            self._waiting = deque(row for row in self._waiting if row[0] not in run_ids)
            self._drop(dropped, reason)

    def _drop(self, rows: list[Row], reason: str, why: str | None = None) -> None:
        self._send_rows([not_started(row[0], reason, why) for row in rows])

    def _hand_out(self) -> None:
        """Gives waiting runs to idle threads, and to new ones while there may be more."""
        while self._waiting:
            if not self._idle:
                if self._workers >= THREADS_MAX:
                    return
                worker = Worker(self._workers + 1, self)
                try:
                    worker.start()
                except RuntimeError:  # no room for one more; those that run will come back
                    if not self._live:
                        raise
                    return
                self._workers += 1
                self._idle.append(worker)
            live = LiveRun(self._waiting.popleft())
            self._live[live.row[0]] = live
            self._idle.pop().inbox.put(live)

    def _report(self) -> None:
        """Sends the results that have been handed in, in the order in which they were."""
        rows: list[Row] = []
        while self._ended:
            worker, live, row = self._ended.popleft()
            del self._live[live.row[0]]
            self._idle.append(worker)
            rows.append(row)
        self._send_rows(rows)

    def _send_rows(self, rows: list[Row]) -> None:
        for frame in frames.pack_rows(frames.DONE, rows):
            self._send(frame)

    def _send(self, data: bytes) -> None:
        try:
            self._sock.sendall(data)
        except OSError:
            leave(frames.EXIT_ORPHAN)
