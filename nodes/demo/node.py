"""The demonstration's node, on both sides: the process that it is, and the handle by which the demonstration holds it.

Decides that it is the built-in single node, as `mainspring up` runs it, and that it dies with the demonstration. It
must not know what is submitted. Run as `python -m mainspring.nodes.demo.node PARENT_PID DATA_DIR`.
"""

import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..processes.death import die_with_parent

TASKS: Final = "mainspring.nodes.demo.tasks"
LOG_NAME: Final = "node.log"
READY_WAIT_S: Final = 15.0
STOP_WAIT_S: Final = 10.0
KILL_WAIT_S: Final = 5.0
INTERRUPTED_WAIT_S: Final = 0.2
"""Whoever presses Ctrl-C does not wait for jobs of a demonstration."""
LOG_LINES_SHOWN: Final = 5
_LOG_BYTES_READ: Final = 16 * 1024


class NodeFailed(Exception):
    """The node has not started, or has ended by itself; the text ends with what it has logged last."""


class DemoNode:
    """A node in a child process, in a process group of its own, so that Ctrl-C reaches it by way of `stop` alone.

    Args:
        data_dir: its data folder, made if it is missing.

    Raises:
        NodeFailed: it cannot be started.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir: Final = data_dir
        self.log_path: Final = data_dir / LOG_NAME
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            log_fd = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise NodeFailed(
                f"{data_dir} cannot be written to ({error.strerror}); use another folder with --data-dir"
            ) from None
        self._log_start = os.fstat(log_fd).st_size
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(os.getpid()), str(data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_fd,
                process_group=0,
            )
        finally:
            os.close(log_fd)

    @property
    def pid(self) -> int:
        """The id of the node's first process."""
        return self._process.pid

    def wait_ready(self) -> str:
        """Waits until jobs are accepted; returns the URL for clients.

        Raises:
            NodeFailed: the node has ended instead, or takes longer than READY_WAIT_S.
        """
        assert self._process.stdout is not None
        text, until_s = b"", time.monotonic() + READY_WAIT_S
        fd = self._process.stdout.fileno()
        while not text.endswith(b"\n"):
            if not select.select([fd], [], [], max(0.0, until_s - time.monotonic()))[0]:
                raise NodeFailed(f"the node is not ready after {READY_WAIT_S:.0f} s{self._last_words()}")
            data = os.read(fd, 4096)
            if not data:
                self._process.wait()
                raise NodeFailed(
                    f"the node cannot start; mend this, or use another folder with --data-dir{self._last_words()}"
                )
            text += data
        return text.decode().strip().removeprefix("ready ")

    def check(self) -> None:
        """Raises NodeFailed if the node has ended by itself."""
        status = self._process.poll()
        if status is not None:
            raise NodeFailed(f"the node has ended by itself with status {status}{self._last_words()}")

    def wait(self) -> None:
        """Waits until the node has ended by itself, and raises NodeFailed then."""
        self._process.wait()
        self.check()

    def stop(self, drain_s: float = STOP_WAIT_S) -> int:
        """Stops the node and returns its exit status. Twice is once.

        Args:
            drain_s: how long running jobs may take to finish; after that they are killed.
        """
        try:
            for wait_s in (drain_s, KILL_WAIT_S):
                if self._process.poll() is None:
                    self._process.terminate()
                    with suppress(subprocess.TimeoutExpired):
                        self._process.wait(wait_s)
        finally:
            if self._process.poll() is None:
                self._process.kill()  # what it has started dies with it
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self._process.wait()

    def _last_words(self) -> str:
        with self.log_path.open("rb") as log:
            log.seek(max(self._log_start, self.log_path.stat().st_size - _LOG_BYTES_READ))
            lines = log.read().decode("utf-8", "replace").splitlines()
        return "".join(f"\n  {line}" for line in ["", *lines[-LOG_LINES_SHOWN:]] if line)


def main() -> int:
    """Runs the node; returns its exit status."""
    die_with_parent()
    from ..settings.load import default
    from ..supervisor.errors import NodeError
    from ..supervisor.run import run_node

    def announce(url: str) -> None:
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()

    try:
        return run_node(default(Path(sys.argv[2]), [TASKS]), ready=announce)
    except NodeError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
