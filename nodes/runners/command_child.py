"""The body of a child that supervises commands: each a process of its own, many at once.

Decides when a command is looked after. It must not know deadlines, which the parent watches, nor run a job itself. It
has one thread, for the kernel binds a command's life to the thread that starts it.
"""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from . import frames, sessions
from .command import NO_ARGUMENTS, TASK_PREFIX, Command, read_setup
from .command_run import REFUSED, CommandRun, start_failure
from .frames import Frame, Row
from .inbox import Inbox
from .keeper import Keeper
from .leave import leave
from .outcome import not_started
from .verdict import NO_RETRY


def run_commands(sock: socket.socket, keep_fds: Sequence[int]) -> int:
    """Runs the child; returns its exit status."""
    commands, grace_ms = read_setup(sys.stdin.read())
    # A setup may hold secrets; what this process starts has no way to it.
    null_fd = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_fd, 0)
    os.close(null_fd)
    # With the socket in its hands the parent hears of this process's death only when nothing is left of the commands,
    # and gives none of them to somebody else before.
    keeper = Keeper([*keep_fds, sock.fileno()])
    child = CommandChild(sock, commands, keeper, grace_ms)
    # The executor knows the commands from its plan; a child has nothing to tell of them.
    sock.sendall(frames.pack([frames.READY, os.getpid(), [], [], []]))
    child.run()
    return 0


class CommandChild:
    """Runs commands until STOP; the parent's end of the socket going away ends the process at once."""

    def __init__(self, sock: socket.socket, commands: dict[str, Command], keeper: Keeper, grace_ms: int) -> None:
        self._sock = sock
        self._commands = commands
        self._keeper = keeper
        self._grace_ms = grace_ms
        self._inbox = Inbox(sock)
        self._runs: dict[int, CommandRun] = {}
        self._by_fd: dict[int, CommandRun] = {}
        self._stopping = False
        self._poll = select.epoll()
        self._poll.register(sock.fileno(), select.EPOLLIN)
        self._poll.register(keeper.pidfd, select.EPOLLIN)

    def run(self) -> None:
        """Works until STOP, or never comes back."""
        while not self._stopping or self._runs:
            for fd, _ in self._poll.poll(self._wait_s()):
                if fd == self._sock.fileno():
                    for frame in self._inbox.receive():
                        self._take(frame)
                elif fd == self._keeper.pidfd:
                    self._end_without_keeper()
                else:
                    self._hear(fd)
            now_ns = time.monotonic_ns()
            for run in [run for run in self._runs.values() if run.is_over(now_ns)]:
                self._finish(run)

    def _wait_s(self) -> float | None:
        wakes = [wake_ns for run in self._runs.values() if (wake_ns := run.wake_ns()) is not None]
        return max(0.0, (min(wakes) - time.monotonic_ns()) / 1e9) if wakes else None

    def _take(self, frame: Frame) -> None:
        kind = frame[0]
        if kind == frames.RUN:
            for row in frame[1]:
                self._start(row)
        elif kind == frames.CANCEL:
            now_ns = time.monotonic_ns()
            for run_id in frame[1]:
                if run_id in self._runs:
                    self._runs[run_id].stop(frame[2], now_ns)
        elif kind == frames.PING:
            self._send(frames.pack([frames.PONG, frame[1]]))
        elif kind == frames.STOP:
            self._stopping = True

    def _start(self, row: Row) -> None:
        run_id, task, payload = row[0], row[5], row[6]
        started_ms = time.time_ns() // 1_000_000
        command = self._commands.get(task)
        if self._stopping:
            self._report(not_started(run_id, "cancelled", "the child was told to stop"))
        elif command is None:
            text = f"no command is named {task.removeprefix(TASK_PREFIX)!r} here; declare it in the node's file"
            self._refuse(run_id, started_ms, text)
        elif payload not in NO_ARGUMENTS:
            text = f"{task} takes no arguments; what it gets stands in [commands.{command.name}] of the node's file"
            self._refuse(run_id, started_ms, text)
        else:
            try:
                run = CommandRun(command, row, self._keeper, self._grace_ms)
            except (OSError, subprocess.SubprocessError) as fault:
                self._report(start_failure(command, run_id, started_ms, fault))
                return
            self._runs[run_id] = run
            for fd in (run.out_fd, run.pidfd):
                self._by_fd[fd] = run
                self._poll.register(fd, select.EPOLLIN)

    def _hear(self, fd: int) -> None:
        run = self._by_fd.get(fd)
        if run is None:
            return  # it was finished in this turn
        if fd == run.pidfd:
            self._forget(fd)
            run.ended(time.monotonic_ns())
        elif not run.read():
            self._forget(fd)
            run.close_output()

    def _forget(self, fd: int) -> None:
        del self._by_fd[fd]
        self._poll.unregister(fd)

    def _finish(self, run: CommandRun) -> None:
        for fd in (run.out_fd, run.pidfd):
            if fd in self._by_fd:
                self._forget(fd)
        del self._runs[run.run_id]
        self._report(run.finish())

    def _end_without_keeper(self) -> NoReturn:
        """Leaves, to be started again, with nothing left that nobody would end later."""
        for run in self._runs.values():
            sessions.kill(run.pid)
        leave(frames.EXIT_KEEPER, "runner child: its keeper was killed, so it ends with its commands")

    def _refuse(self, run_id: int, started_ms: int, text: str) -> None:
        self._report([run_id, "failed", started_ms, started_ms, None, text, REFUSED, None, NO_RETRY, None])

    def _report(self, row: Row) -> None:
        for frame in frames.pack_rows(frames.DONE, [row]):
            self._send(frame)

    def _send(self, frame: bytes) -> None:
        try:
            self._sock.sendall(frame)
        except OSError:
            leave(frames.EXIT_ORPHAN)
