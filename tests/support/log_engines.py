"""The engines behind the log's seam, each with a disk that a test can restart and crash."""

import shutil
from pathlib import Path
from typing import Protocol

from raft_alone import AloneLog

from mainspring.actors.log import ReplicatedLog
from mainspring.chaos.memory_entries import MemoryEntries
from mainspring.chaos.memory_log import MemoryLog
from mainspring.nodes.storage.log.local_log import LocalLog


class Engine(Protocol):
    """An engine under test, with its disk."""

    log: ReplicatedLog

    def reopen(self) -> None:
        """Closes the log and opens it again."""

    def crash(self) -> None:
        """Kills the process that holds the log and starts another one."""

    def end(self) -> None:
        """Gives everything back."""


class LocalEngine:
    """`LocalLog` with segments of a few entries."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._life = 0
        self._now_ns = 0
        self._open()

    def _open(self) -> None:
        self.log = LocalLog(self._path(), segment_bytes=24_000, elapsed_ns=self._elapsed_ns)

    def _path(self) -> Path:
        return self._directory / str(self._life)

    def _elapsed_ns(self) -> int:
        self._now_ns += 30_000_000
        return self._now_ns

    def reopen(self) -> None:
        """Closes the log and opens it again."""
        self.log.close()
        self._open()

    def crash(self) -> None:
        """What the kernel has at a kill is what the next process finds: a copy of the files as they stand."""
        before, self._life = self._path(), self._life + 1
        shutil.copytree(before, self._path())
        self.log.close()
        shutil.rmtree(before)
        self._open()

    def end(self) -> None:
        """Gives everything back."""
        self.log.close()
        shutil.rmtree(self._directory)


class MemoryEngine:
    """`MemoryLog` with segments of a few entries."""

    def __init__(self, directory: Path) -> None:
        self.log = MemoryLog(segment_entries=3)

    def reopen(self) -> None:
        """Closes the log and opens it again."""
        self.log.close()
        self.log.reopen()

    def crash(self) -> None:
        """Loses what was not synced."""
        self.log.crash()

    def end(self) -> None:
        """Nothing to give back."""


class RaftEngine:
    """`RaftLog` with one voter, on the disk of the twin."""

    def __init__(self, directory: Path) -> None:
        self._disk = MemoryEntries(segment_entries=3)
        self.log = AloneLog(self._disk)

    def reopen(self) -> None:
        """Closes the log and opens it again."""
        self.log.close()
        self._disk.reopen()
        self.log.reopened()

    def crash(self) -> None:
        """Loses what was not synced."""
        self._disk.crash()
        self.log.reopened()

    def end(self) -> None:
        """Nothing to give back."""


ENGINES = [LocalEngine, MemoryEngine, RaftEngine]
