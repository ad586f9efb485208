"""A node under test: started from a file of its own, on a fresh data directory, and ended for good.

Decides the settings under which everything is measured: the defaults, with two executors. A coordinator can run
without executors, so that a backlog can be built up and drained. It must not know what is measured. Only processes
that were started here are ever signalled.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ..cli.errors import CommandError
from .procfs import family, words

TASKS = f"{__package__}.tasks"
STOP_S = 30.0
GONE_S = 10.0
LOOK_EVERY_S = 0.01

_NODE = """
[node]
name = "{name}"
data_dir = "{data_dir}"
log_level = "warning"
"""

_EXECUTORS = """
[[executor]]
count = 2
tasks = ["{tasks}"]
queues = ["{queue}"]
"""

_ALONE = """
[coordinator]
enabled = false
"""


class BenchNode:
    """The supervisor of one node, and how to end it."""

    def __init__(
        self, folder: Path, text: str, data_dir: Path | None = None, *, name: str = "bench", is_awaited: bool = True
    ) -> None:
        """Starts the node and waits until it is ready.

        Args:
            folder: for its file, its data and its log; made.
            text: the TOML file behind the table `[node]`.
            data_dir: where its data stand, if not in `folder`.
            name: of the node.
            is_awaited: False if others have to be started before it can be ready: `wait_ready` follows then.

        Raises:
            CommandError: the node did not come up; the text has the end of its log.
        """
        folder.mkdir(parents=True)
        self.data_dir = data_dir or folder / "data"
        file = folder / "node.toml"
        file.write_text(_NODE.format(name=name, data_dir=self.data_dir) + text, encoding="utf-8")
        self._log = folder / "node.log"
        self.begun_ms = time.time_ns() / 1e6
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__.split(".")[0], "node", str(file), "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.url = ""
        if is_awaited:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Waits until it is.

        Raises:
            CommandError: it did not come up; the text has the end of its log.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("ready "):
            self._process.kill()
            self._process.wait()
            raise CommandError(f"the node under test did not start; its log ends with: {self._tail()}")
        self.url = line.split(" ", 1)[1].strip()

    def _tail(self) -> str:
        return self._log.read_text("utf-8", "replace")[-500:].strip() or "nothing"

    def stop(self) -> None:
        """Ends the node in good order."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def kill(self) -> None:
        """Ends the node as a power loss would, all its processes at once, and waits until none is left.

        Raises:
            CommandError: some are still there.
        """
        pids = family(self.pid)
        self._process.kill()
        self._process.wait()
        until_s = time.monotonic() + GONE_S
        while left := [pid for pid in pids if words(pid)]:
            if time.monotonic() > until_s:
                raise CommandError(f"processes {left} of the node under test outlive their supervisor; end them")
            time.sleep(LOOK_EVERY_S)
        self.stop()

    @property
    def coordinator_pid(self) -> int:
        """The process of its coordinator."""
        return next(pid for pid in family(self.pid) if "processes.coordinator" in words(pid))

    @property
    def shard_file(self) -> Path:
        """The SQLite file of its only shard."""
        return self.data_dir / "tasks_default_shard_0.db"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def whole_node(folder: Path, data_dir: Path | None = None, *, queue: str = "*", more: str = "") -> BenchNode:
    """Starts a coordinator with two executors, as `mainspring up` does.

    Args:
        folder: for its file and its log.
        data_dir: data that may be there already, if not in `folder`.
        queue: the only one that the executors take jobs from.
        more: further tables of the node's file.
    """
    return BenchNode(folder, more + _EXECUTORS.format(tasks=TASKS, queue=queue), data_dir)


def coordinator_alone(folder: Path, data_dir: Path | None = None) -> BenchNode:
    """Starts a coordinator without executors, on data that may be there already."""
    return BenchNode(folder, "", data_dir)


def executors_alone(folder: Path, url: str) -> BenchNode:
    """Starts a node of two executors for somebody else's coordinators, whose endpoints are joined by commas."""
    text = _ALONE + _EXECUTORS.format(tasks=TASKS, queue="*")
    coordinators = ", ".join(f'"{endpoint}"' for endpoint in url.split(","))
    return BenchNode(folder, f"{text}coordinators = [{coordinators}]\n")
