"""A real node for integration tests.

`mainspring up` in a folder of its own, with every process findable and killable.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

BOUND_S = 60.0
"""No wait of a test lasts longer; a healthy node needs a fraction of a second."""


def wait_until(condition: Callable[[], bool], what: str, bound_s: float = BOUND_S) -> None:
    """Waits for a condition of the outside world, which nobody announces; fails with what was waited for."""
    until_s = time.monotonic() + bound_s
    while not condition():
        assert time.monotonic() < until_s, f"waited {bound_s} s in vain for {what}"
        time.sleep(0.01)


class LiveNode:
    """One `mainspring up` and the processes below it."""

    def __init__(self, folder: Path, tasks: str, *, arguments: Sequence[str] = ()) -> None:
        self.folder = folder
        self.tasks = tasks
        self.arguments = list(arguments)
        self.log_path = folder / "node.log"
        self.process: subprocess.Popen[str] | None = None

    @property
    def data_dir(self) -> Path:
        """Where the built-in node keeps its files."""
        return self.folder / "mainspring-data"

    @property
    def url(self) -> str:
        """Where the node listens."""
        return (self.data_dir / "coordinator.url").read_text().strip()

    def start(self) -> None:
        """Starts the node and waits for `ready`."""
        environment = {**os.environ, "MAINSPRING_TASKS": self.tasks, "PYTHONUNBUFFERED": "1"}
        with self.log_path.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mainspring", "up", *self.arguments],
                cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:  # it has ended, or is about to
            self.process.wait(timeout=BOUND_S)
            self._close()
        assert line.startswith("ready "), f"the node did not start: {line!r}\n{self.log()}"

    def log(self) -> str:
        """Returns what the node has logged."""
        return self.log_path.read_text()

    def supervisor(self) -> psutil.Process:
        """Returns the node's first process."""
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def below(self) -> list[psutil.Process]:
        """Returns all processes below the supervisor."""
        try:
            return self.supervisor().children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def actors(self, word: str) -> list[psutil.Process]:
        """Returns the processes whose command line has this word.

        Processes.coordinator, processes.executor, runners.child.
        """
        found: list[psutil.Process] = []
        for process in self.below():
            try:
                if any(word in part for part in process.cmdline()):
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def stop(self) -> int:
        """Stops the node in good order and returns its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=BOUND_S)
        self._close()
        return status

    def _close(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()

    def kill(self) -> None:
        """Kills the supervisor at once and waits until nothing of the node is left."""
        assert self.process is not None
        left = self.below()
        self.process.kill()
        self.process.wait(timeout=BOUND_S)
        self._close()
        wait_until(lambda: not any(map(is_alive, left)), "every process of the node to die with its supervisor")


def is_alive(process: psutil.Process) -> bool:
    """Says whether a process still runs (a zombie does not)."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
