"""One actor process as its parent holds it: start it, hear from it, signal it, learn how it ended.

It decides nothing about restarts. It must not block, for it lives in the supervisor's loop, and it must be started
from the main thread, because the kernel kills it when the starting *thread* ends.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from ..processes.orders import write_order
from ..processes.plan import CoordinatorPlan, ExecutorPlan, ExporterPlan, SchedulesPlan
from ..processes.status import StatusReader
from ..runners import marks
from ..runners.handle import describe_exit

READ_BYTES: Final = 64 * 1024

Plan = CoordinatorPlan | ExecutorPlan | ExporterPlan | SchedulesPlan


class Pipes(NamedTuple):
    """A process's ends of the pipes to its supervisor."""

    status_fd: int
    life_fd: int
    orders_fd: int


Planner = Callable[[Pipes], Plan]
"""Makes the plan of a process that has these pipes."""


class ActorChild:
    """One life of one actor process.

    Attributes:
        name: The process's name in the node.
        incarnation: The number of this life.
        pid: Its process id, which is also its process group and its session.
        status_fd: Readable when the process has said something; -1 once that pipe is closed.
        life_fd: At its end once the process and the children that hold the other end are dead; -1 once closed.
    """

    def __init__(self, name: str, incarnation: int, module: str, planner: Planner, lock_fd: int) -> None:
        """Starts the process.

        Args:
            name: the process's name.
            incarnation: of this life.
            module: the program, run as `python -m MODULE SUPERVISOR_PID NAME` with the plan on standard input.
            planner: makes the plan.
            lock_fd: inherited by the process, which thereby holds the data directory as long as it lives.

        Raises:
            OSError: the process cannot be started.
        """
        assert threading.current_thread() is threading.main_thread(), "a process dies with the thread that starts it"
        self.name: Final = name
        self.incarnation: Final = incarnation
        self._reader = StatusReader()
        self.status_fd = self.life_fd = self._orders_fd = -1
        theirs: list[int] = []
        try:
            self.status_fd, their_status_fd = os.pipe()
            theirs.append(their_status_fd)
            self.life_fd, their_life_fd = os.pipe()
            theirs.append(their_life_fd)
            their_orders_fd, self._orders_fd = os.pipe()
            theirs.append(their_orders_fd)
            self._process = _started(
                [sys.executable, "-P", "-m", module, str(os.getpid()), name],
                planner(Pipes(their_status_fd, their_life_fd, their_orders_fd)).to_json(),
                (*theirs, lock_fd),
            )
        except BaseException:
            self.close()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self.pid: Final = self._process.pid
        for fd in (self.status_fd, self.life_fd, self._orders_fd):
            os.set_blocking(fd, False)

    def read_status(self) -> list[tuple[str, str]]:
        """Returns what the process has said since the last call, as (`ready` or `failed`, text)."""
        told: list[tuple[str, str]] = []
        while self.status_fd >= 0:
            data = _read(self.status_fd)
            if data is None:
                break
            told += self._reader.feed(data, is_end=not data)
            if not data:
                os.close(self.status_fd)
                self.status_fd = -1
        return told

    def has_left_nothing(self) -> bool:
        """Tells whether the process and all its runner children are dead; closes the life pipe then."""
        while self.life_fd >= 0:
            data = _read(self.life_fd)
            if data is None:
                return False
            if not data:
                os.close(self.life_fd)
                self.life_fd = -1
        return True

    def terminate(self) -> None:
        """Asks the process alone to stop: it knows how to stop its children."""
        self._signal(signal.SIGTERM)

    def order(self, order: bytes) -> bool:
        """Tells the process something while it runs (orders.py); says whether that is on its way."""
        return write_order(self._orders_fd, order)

    def read_again(self) -> None:
        """Asks the process to read its file again."""
        self._signal(signal.SIGHUP)

    def _signal(self, number: signal.Signals) -> None:
        # Until it is reaped the process id cannot be given to anybody else.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Sends SIGKILL to the process group; no more than that once the process was reaped."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> str | None:
        """Returns how the process ended, in words, or None while it runs.

        What it has left in its process group is killed, while its id still holds the group, and what jobs have left.
        """
        if self._process.returncode is None:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            self.kill()
            marks.kill(marks.mark_of(self.incarnation))
        return describe_exit(self._process.wait())

    def close(self) -> None:
        """Closes all pipes."""
        for fd in (self.status_fd, self.life_fd, self._orders_fd):
            if fd >= 0:
                os.close(fd)
        self.status_fd = self.life_fd = self._orders_fd = -1


def _started(words: list[str], plan: str, fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    # The plan is in memory as a file: a pipe would block on a process that does not read.
    with open(os.memfd_create("plan"), "w+b") as file:  # noqa: PTH123  (a descriptor has no path)
        file.write(f"{plan}\n".encode())
        file.seek(0)
        # Standard output belongs to the command, whose readers may stop reading; what a process prints is no answer.
        # The session of its own keeps the terminal's Ctrl-C from it, which is the supervisor's to judge.
        return subprocess.Popen(words, stdin=file, stdout=2, pass_fds=fds, start_new_session=True)


def _read(fd: int) -> bytes | None:
    """Reads what there is: no bytes at the end of the pipe, None if nothing is there yet."""
    try:
        return os.read(fd, READ_BYTES)
    except BlockingIOError:
        return None
