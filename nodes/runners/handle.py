"""The parent's end of a runner child: start it, talk to it without blocking, stop it, learn how it ended.

It decides nothing about jobs: it moves frames and signals. It must not block, for it lives in the executor's
loop, and children must be started from the main thread, because the kernel kills them when the starting
*thread* ends.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, TypeAlias

from . import marks, sessions
from .child_output import ChildOutput
from .frames import Frame, FrameReader

Kind: TypeAlias = Literal["process", "asyncio", "thread", "command"]

RECEIVE_BYTES: Final = 256 * 1024
RECEIVES_PER_CALL: Final = 16
UNSENT_BYTES_MAX: Final = 32 * 1024 * 1024


class ChildHandle:
    """One runner child.

    Attributes:
        pid: Its process id, which is also its process group.
        closed: True once the child's end of the socket is gone; `reap` then tells how it ended.
        output: What it writes to its standard output and error; None of a command child, which keeps its own.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        sock: socket.socket,
        output: ChildOutput | None = None,
        mark: str | None = None,
        unsent_bytes_max: int = UNSENT_BYTES_MAX,
    ) -> None:
        sock.setblocking(False)
        self.pid: Final = process.pid
        self.closed = False
        self.output: Final = output
        self._mark = mark
        self._process = process
        self._sock = sock
        self._reader = FrameReader()
        self._unsent = bytearray()
        self._unsent_bytes_max = unsent_bytes_max
        self._interrupt_waits = False

    @classmethod
    def spawn(
        cls,
        kind: Kind,
        tasks: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        import_paths: Sequence[str] = (),
        keep_fds: Sequence[int] = (),
        setup: str = "",
        mark: str | None = None,
        unsent_bytes_max: int = UNSENT_BYTES_MAX,
    ) -> "ChildHandle":
        """Starts a child; its first frame is READY or FAILED.

        Args:
            kind: Which body it runs.
            tasks: The task modules that it imports.
            cwd: Its working directory, which comes first on its `sys.path`; by default this process's.
            env: Its environment; by default this process's.
            import_paths: Folders that come first on its `sys.path`, before the working directory.
            keep_fds: Descriptors that it holds open for as long as it lives.
            setup: What it finds on its standard input.
            mark: What it has started is found by this when it is gone; see `marks`. None for a command child, which
                keeps its own.
            unsent_bytes_max: How much may wait here to be sent.

        Raises:
            OSError: The process cannot be started.
        """
        assert threading.current_thread() is threading.main_thread(), "a child dies with the thread that starts it"
        # The setup is in memory as a file: no other process sees it, as it would see the command line.
        with open(os.memfd_create("setup"), "w+b") as stdin:  # noqa: PTH123  (a descriptor has no path)
            stdin.write(setup.encode())
            stdin.seek(0)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            words = {
                "--fd": theirs.fileno(),
                "--parent": os.getpid(),
                "--kind": kind,
                "--tasks": ",".join(tasks),
                "--paths": os.pathsep.join(import_paths),
                "--keep": ",".join(map(str, keep_fds)),
            }
            pipe = None
            try:
                pipe = None if kind == "command" else os.pipe()
                process = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        f"{__package__}.child",
                        *(str(word) for pair in words.items() for word in pair),
                    ],
                    stdin=stdin if setup else subprocess.DEVNULL,
                    stdout=None if pipe is None else pipe[1],
                    stderr=None if pipe is None else pipe[1],
                    pass_fds=(theirs.fileno(), *keep_fds),
                    start_new_session=True,
                    cwd=cwd,
                    env={**(os.environ if env is None else env), **({} if mark is None else {marks.VARIABLE: mark})},
                )
            except BaseException:
                ours.close()
                if pipe is not None:
                    os.close(pipe[0])
                raise
            finally:
                theirs.close()
                if pipe is not None:
                    os.close(pipe[1])
        return cls(process, ours, None if pipe is None else ChildOutput(pipe[0]), mark, unsent_bytes_max)

    def fileno(self) -> int:
        """Returns the socket's descriptor, to poll; -1 once `close` was called."""
        return self._sock.fileno()

    @property
    def wants_write(self) -> bool:
        """Tells whether something waits to be sent: poll for writing too, and call `flush` then."""
        return bool(self._unsent)

    def send(self, frame: bytes) -> bool:
        """Sends a packed frame, now or at a later `flush`.

        Returns:
            False, with nothing sent, if more than the bound would wait.
        """
        if len(self._unsent) + len(frame) > self._unsent_bytes_max:
            return False
        self._unsent += frame
        self.flush()
        return True

    def flush(self) -> None:
        """Sends what the socket takes; what is for a child that is gone is dropped."""
        while self._unsent and not self.closed:
            try:
                sent = self._sock.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.closed = True
                break
            del self._unsent[:sent]
        self._unsent.clear()
        if self._interrupt_waits:
            self._interrupt_waits = False
            self.interrupt()

    def receive(self) -> list[Frame]:
        """Returns the frames that have arrived, maybe none; sets `closed` at the end of the stream.

        Raises:
            FrameError: The child sent what is no frame; kill it.
        """
        frames: list[Frame] = []
        for _ in range(RECEIVES_PER_CALL):
            if self.closed:
                break
            try:
                data = self._sock.recv(RECEIVE_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                data = b""
            if not data:
                self.closed = True
                break
            frames += self._reader.feed(data)
            if len(data) < RECEIVE_BYTES:
                break
        return frames

    def interrupt(self) -> None:
        """Sends SIGUSR1, behind everything sent before: the child looks for the CANCEL that names the run.

        Send it again every 100 ms or so until the run is answered: a signal that arrives in the instant before a
        system call blocks is seen by Python only when that call returns. Repeats do no harm.
        """
        if self._unsent:
            self._interrupt_waits = True
        elif self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGUSR1)

    def kill(self) -> None:
        """Sends SIGKILL to the child's process group at once; what else it has started dies as it is reaped."""
        # Until it is reaped the process id cannot be given to anybody else.
        if self._process.returncode is None:
            sessions.signal_group(self.pid, signal.SIGKILL)

    def _kill_left(self) -> None:
        sessions.kill(self.pid)
        if self._mark is not None:
            marks.kill(self._mark)

    def has_ended(self) -> bool:
        """Tells whether the child is dead; somebody else may still hold its end of the socket."""
        if self._process.returncode is not None:
            return True
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return True

    def reap(self) -> int | None:
        """Returns the exit status if the child has ended (negative: killed by that signal), else None.

        What the child has started and left behind is killed, while its id still holds the session: everything in that,
        and whoever has its mark. To look for them takes some milliseconds.
        """
        if self._process.returncode is None:
            if not self.has_ended():
                return None
            self._kill_left()
        return self._process.poll()

    def end(self) -> None:
        """Kills the child, and what it has started, and waits until it is gone."""
        if self._process.returncode is None:
            self._kill_left()
        with suppress(subprocess.TimeoutExpired):  # not even SIGKILL ends a process that hangs in the kernel
            self._process.wait(timeout=1)
        self.close()

    def close(self) -> None:
        """Closes the socket, at which a child that idles or runs a loop ends itself, and the pipe of its output."""
        self.closed = True
        self._sock.close()
        if self.output is not None:
            self.output.close()


def describe_exit(status: int) -> str:
    """Returns an exit status in words, such as "killed by signal 11 (SIGSEGV)" or "exited with status 3"."""
    if status >= 0:
        return f"exited with status {status}"
    name = signal_name(-status)
    return f"killed by signal {-status}" + (f" ({name})" if name.startswith("SIG") else "")


def signal_name(number: int) -> str:
    """Returns a signal's name, or "signal 63" where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
