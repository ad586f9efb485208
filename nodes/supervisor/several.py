"""Several nodes in the foreground: each a supervisor process of its own, as it would be on a machine of its own.

Decides that they come and go together: ready when all are, stopped when one ends, unless they are to outlive it. It
must not know what a node is, nor print anything. They die with this process.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from .signals import STOPS, Signals

LINE_BYTES_MAX = 64 * 1024


class _Node:
    """One supervisor process."""

    def __init__(self, file: Path) -> None:
        words = [sys.executable, "-P", "-m", "mainspring", "node", str(file), "--parent", str(os.getpid())]
        self.file = file
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        assert self.process.stdout is not None, "asked for a pipe"
        self.fd = self.process.stdout.fileno()
        os.set_blocking(self.fd, False)
        self.url: str | None = None
        self.is_open = True
        self.is_told = False
        """That it has ended."""
        self._said = b""

    def read(self) -> None:
        """Takes what it has printed; the first line is `ready URL`."""
        data = os.read(self.fd, LINE_BYTES_MAX)
        self.is_open = bool(data)
        if self.url is None and len(self._said) < LINE_BYTES_MAX:
            self._said += data
            line, end, _ = self._said.partition(b"\n")
            word, _, url = line.decode("utf-8", "replace").partition(" ")
            if end and word == "ready":
                self.url = url

    def ask_to_stop(self) -> None:
        """Sends SIGTERM: the second time it stops at once."""
        if self.process.poll() is None:
            self.process.terminate()

    def ask_to_reload(self) -> None:
        """Sends SIGHUP: it goes over to new code and schedules."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)


def run_nodes(
    files: Sequence[Path],
    *,
    ready: Callable[[str], None],
    ended: Callable[[Path, int, bool], None],
    is_outlived: bool = False,
) -> int:
    """Runs the nodes of several files until asked to stop, or until one of them ends by itself.

    Args:
        files: the nodes' TOML files.
        ready: called with each node's URL once all are ready.
        ended: called with the file and the exit status of a node that ended unasked, and whether the others go on.
        is_outlived: whether they go on, once all were ready: it ends when the last one has ended.

    Returns:
        The exit status: 0 if all have stopped in good order, else 1.
    """
    with Signals() as signals:
        nodes = [_Node(file) for file in files]
        try:
            return _watch(nodes, signals, ready, ended, is_outlived=is_outlived)
        finally:
            for node in nodes:
                with suppress(ProcessLookupError):
                    node.process.kill()
                node.process.wait()
                if node.process.stdout is not None:
                    node.process.stdout.close()


def _watch(
    nodes: list[_Node],
    signals: Signals,
    ready: Callable[[str], None],
    ended: Callable[[Path, int, bool], None],
    *,
    is_outlived: bool,
) -> int:
    is_stopping = is_ready = False
    while any(node.process.poll() is None for node in nodes):
        poll = select.poll()
        for fd in (signals.fileno(), *(node.fd for node in nodes if node.is_open)):
            poll.register(fd, select.POLLIN)
        found = {fd for fd, _ in poll.poll()}
        for node in nodes:
            if node.fd in found:
                node.read()
        if not is_ready and all(node.url for node in nodes):
            is_ready = True
            for node in nodes:
                ready(node.url or "")
        numbers = signals.read()
        asked = sum(number in STOPS for number in numbers)
        if signal.SIGHUP in numbers and is_ready:  # before that they do not hear it yet, and read their files anyway
            for node in nodes:
                node.ask_to_reload()
        if signal.SIGCHLD in numbers and not is_stopping:
            goes_on = is_outlived and is_ready
            gone = [node for node in nodes if node.process.poll() is not None and not node.is_told]
            for node in gone:
                node.is_told = True
                ended(node.file, node.process.returncode, goes_on)
            asked += bool(gone) and not goes_on
        for _ in range(asked):
            is_stopping = True
            for node in nodes:
                node.ask_to_stop()
    return int(any(node.process.returncode for node in nodes))
