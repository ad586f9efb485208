"""One command that runs: started, listened to, ended, and reported.

Decides how a command's end becomes the outcome of an attempt. It must not know of the socket or of other commands.
The command leads a session of its own, dies with this process, and is reaped only after its process group was killed,
because until then its number cannot be anybody else's. Limits of that are told in docs/commands.md.
"""

import errno
import json
import os
import signal
import subprocess
import time
from functools import partial
from typing import IO, Final

from ..processes.death import die_with_parent
from . import sessions
from .command import Command, environment
from .errors import cap
from .frames import REASONS, Row
from .handle import describe_exit, signal_name
from .keeper import Keeper
from .kept_output import KeptOutput
from .outcome import failure
from .verdict import NO_RETRY

LINGER_MS: Final = 200
"""How long the output of a command that has ended may stay open before what holds it is killed."""
READ_BYTES: Final = 64 * 1024
READS_PER_TURN: Final = 16

REFUSED: Final = "command_refused"
"""The error_kind of a command that cannot be started as it is declared or asked for."""

_MS: Final = 1_000_000
_REASON_TEXTS: Final = {
    "timeout": "it ran longer than its timeout",
    "cancelled": "the job was cancelled",
    "lease_lost": "the lease of the job was lost",
}


class CommandRun:
    """A command that was started.

    Attributes:
        run_id: The run.
        pid: The command's process, its group and its session.
        pidfd: Readable once the command has ended.
        out_fd: What it writes; -1 once that is at its end.
    """

    def __init__(self, command: Command, row: Row, keeper: Keeper, grace_ms: int) -> None:
        """Starts it.

        Args:
            command: What to run.
            row: The run, with the columns of `frames.RUN_COLUMNS`.
            keeper: Kills it if this process dies.
            grace_ms: How long it has to end once it is told to.

        Raises:
            OSError: It cannot be started.
            subprocess.SubprocessError: It could not be bound to this process.
        """
        self.run_id: Final[int] = row[0]
        self._command = command
        self._keeper = keeper
        self._grace_ms = grace_ms
        self._output = KeptOutput(command.output_bytes_max)
        self._reason: str | None = None
        self._kill_ns: int | None = None
        self._killed = False
        self._linger_ns: int | None = None  # set when it has ended
        self._finished_ms = 0
        self._started_ms = time.time_ns() // _MS
        self.out_fd, their_fd = os.pipe()
        try:
            self._process = _started(command, row, keeper, their_fd)
        except BaseException:
            os.close(self.out_fd)
            raise
        finally:
            os.close(their_fd)
        self.pid: Final = self._process.pid
        self.pidfd: Final = os.pidfd_open(self.pid)
        os.set_blocking(self.out_fd, False)

    def read(self) -> bool:
        """Takes some of what it has written; returns False at the end of it, or if nobody holds it any more."""
        for _ in range(READS_PER_TURN):
            try:
                data = os.read(self.out_fd, READ_BYTES)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._output.take(data)
        return True

    def close_output(self) -> None:
        """Listens no more."""
        if self.out_fd >= 0:
            os.close(self.out_fd)
            self.out_fd = -1

    def ended(self, now_ns: int) -> None:
        """Notes that the command has ended; others may still write for it."""
        self._finished_ms = time.time_ns() // _MS
        self._linger_ns = max(now_ns + LINGER_MS * _MS, self._kill_ns or 0)

    def stop(self, reason: str, now_ns: int) -> None:
        """Tells its whole session to end; `reason` is one of `frames.REASONS`."""
        if self._reason is not None or self._linger_ns is not None:
            return
        self._reason = reason
        # Where the lease is lost, the grace is all that is left before this process is killed itself.
        grace_ms = self._grace_ms * 3 // 4 if reason == "lease_lost" else self._grace_ms
        self._kill_ns = now_ns + grace_ms * _MS
        sessions.terminate(self.pid)

    def is_over(self, now_ns: int) -> bool:
        """Kills what is over its time; tells whether there is nothing left to wait for."""
        if self._linger_ns is None:
            if self._kill_ns is not None and now_ns >= self._kill_ns:
                self._kill_ns, self._killed = None, True
                sessions.kill(self.pid)
            return False
        if self.out_fd >= 0 and now_ns < self._linger_ns:
            return False
        if self.out_fd >= 0:
            sessions.kill(self.pid)
            # Once: whoever has left the session may write for ever.
            self.read()
        return True

    def wake_ns(self) -> int | None:
        """Returns when `is_over` wants to be asked."""
        return self._kill_ns if self._linger_ns is None else self._linger_ns

    def finish(self) -> Row:
        """Reaps it and returns its DONE row; what is left of its process group is killed."""
        if self._reason is None:
            sessions.signal_group(self.pid, signal.SIGKILL)
        else:
            sessions.kill(self.pid)
        self._keeper.forget(self.pid)
        status = self._process.wait()
        self.close_output()
        os.close(self.pidfd)
        times = (self._started_ms, max(self._started_ms, self._finished_ms))
        if self._reason is None and status in self._command.ok_exits:
            return [self.run_id, "succeeded", *times, self._result(status), None, None, None, None, None]
        kind = f"exit {status}" if status >= 0 else signal_name(-status)
        outcome = "failed" if self._reason is None else REASONS[self._reason]
        error, output = cap(self._error(status)), self._output.last_lines() or None
        return [self.run_id, outcome, *times, None, error, self._reason or kind, output, None, None]

    def _result(self, status: int) -> str:
        output = self._output
        told = {
            "exit": status,
            "signal": None,
            "output": output.text(),
            "output_bytes": output.total_bytes,
            "truncated": output.is_cut,
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))

    def _error(self, status: int) -> str:
        how = describe_exit(status) if status >= 0 else f"was {describe_exit(status)}"
        what = f"the command {self._command.name} {how}"
        if self._reason is not None:
            late = " and did not within its grace" if self._killed and status == -signal.SIGKILL else ""
            what += f": it was told to end{late}, because {_REASON_TEXTS[self._reason]}"
        lines = self._output.last_lines()
        return f"{what}; its output ends:\n{lines}" if lines else f"{what}; it has written nothing"


def start_failure(command: Command, run_id: int, started_ms: int, fault: Exception) -> Row:
    """Returns the DONE row of a command that could not be started."""
    mend = _mend(command, fault) if isinstance(fault, OSError) else None
    if mend is None:
        return failure(run_id, started_ms, fault)
    finished_ms = max(started_ms, time.time_ns() // _MS)
    text = cap(f"the command {command.name}: {mend}")
    return [run_id, "failed", started_ms, finished_ms, None, text, REFUSED, None, NO_RETRY, None]


def _mend(command: Command, fault: OSError) -> str | None:
    """Says what is to be mended in the command's table, or on this machine; None if another attempt may work."""
    table = f"[commands.{command.name}]"
    if fault.filename == command.cwd and fault.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
        return f"its folder {command.cwd!r} cannot be entered ({fault.strerror}); correct cwd of {table}, or make it"
    program = command.argv[0]
    match fault.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return (
                f"there is no program {program!r}, or not the interpreter that its first line names; correct argv of "
                f"{table}, or install it"
            )
        case errno.EACCES | errno.EPERM | errno.EISDIR:
            return f"{program!r} may not be executed; set its mode, for example chmod +x, or correct argv of {table}"
        case errno.ENOEXEC:
            return f"{program!r} is no program for this machine; begin a script with a line such as #!/bin/sh"
        case errno.E2BIG | errno.ENAMETOOLONG | errno.ELOOP:
            return f"{program!r} cannot be executed ({fault.strerror}); correct argv and env of {table}"
        case _:
            return None


def _started(command: Command, row: Row, keeper: Keeper, out_fd: int) -> subprocess.Popen[bytes]:
    keeper.expect()
    try:
        with _input(command.stdin) as stdin:
            return subprocess.Popen(
                command.argv,
                stdin=stdin,
                stdout=out_fd,
                stderr=out_fd,
                cwd=command.cwd,
                env=environment(command, row, os.environ),
                start_new_session=True,
                preexec_fn=partial(_bind, os.getpid(), keeper),  # noqa: PLW1509  (this process has one thread)
            )
    except BaseException:
        keeper.failed()
        raise


def _bind(parent_pid: int, keeper: Keeper) -> None:
    """Runs in the new process before it becomes the program."""
    die_with_parent(parent_pid)
    keeper.join()


def _input(text: str | None) -> IO[bytes]:
    """Opens a command's standard input; it is in memory as a file, so a command that does not read it blocks nobody."""
    if text is None:
        return open(os.devnull, "rb")  # noqa: PTH123  (one of the two has no path)
    fd = os.memfd_create("stdin")
    with open(fd, "wb", closefd=False) as file:
        file.write(text.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return open(fd, "rb")  # noqa: PTH123  (as above)
