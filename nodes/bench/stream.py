"""A steady stream of no-op jobs from a process of its own: the load beside what is measured.

Decides what a load is: so many jobs a second, in batches at a steady pace, each on disk before the next is sent; a late
batch is made up for at once. It must not know what is measured beside it. `python -m mainspring.nodes.bench.stream URL
BATCH EVERY_S` is the process; it says when it has warmed up, and ends when its input does.
"""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from select import select
from types import TracebackType
from typing import Self

from ...broker.net.client import Client
from ..cli.errors import CommandError
from ..storage.shard.offline import open_offline
from . import tasks
from .pace import paced

WARM_S = 1.0
PATIENCE_S = 60.0
FAR = 1 << 40
_FINISHED = "SELECT finished FROM meta"


class Stream:
    """The process that makes the load, from its first second on."""

    def __init__(self, url: str, jobs_a_second: int, every_s: float) -> None:
        """Starts it and waits until it flows.

        Args:
            url: of the coordinator.
            jobs_a_second: how many, once it is warm.
            every_s: between two batches.
        """
        batch = round(jobs_a_second * every_s)
        words = [sys.executable, "-m", __name__, url, str(batch), str(batch / jobs_a_second)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"flows\n":
            self._process.kill()
            self._process.wait()
            raise CommandError("the load did not begin: its process has ended; see its words above")

    def check(self) -> None:
        """Makes sure that it still flows.

        Raises:
            CommandError: it has ended.
        """
        if self._process.poll() is not None:
            raise CommandError("the load has ended before its time; see its words above")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Flow:
    """How many jobs a second end, by the count in the shard file; the clock runs from the start of the object."""

    def __init__(self, shard_file: Path) -> None:
        self._file = shard_file
        self._before = self._finished()
        self._begun = time.perf_counter()

    def _finished(self) -> int:
        connection = open_offline(self._file)
        try:
            return int(connection.execute(_FINISHED).fetchone()[0])
        finally:
            connection.close()

    def rate(self) -> float:
        """Returns jobs a second since the start."""
        return (self._finished() - self._before) / (time.perf_counter() - self._begun)


def flow(url: str, batch: int, every_s: float) -> None:
    """Submits batches until standard input ends."""
    with Client(url, timeout=PATIENCE_S) as client:

        def submit(_number: int) -> None:
            if select([sys.stdin], [], [], 0)[0]:
                raise EOFError
            client.submit_many([tasks.noop.job() for _ in range(batch)])

        paced(round(WARM_S / every_s), every_s, submit)
        sys.stdout.write("flows\n")
        sys.stdout.flush()
        paced(FAR, every_s, submit)


if __name__ == "__main__":
    with suppress(EOFError):
        flow(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
