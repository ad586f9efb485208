"""The stores of entries under an engine with members, each with a disk that a test can restart and crash."""

import shutil
from pathlib import Path
from typing import Protocol

from mainspring.actors.log import EntryStore
from mainspring.chaos.memory_log import MemoryLog
from mainspring.nodes.storage.log.local_log import LocalLog


class Stand(Protocol):
    """A store under test, with its disk."""

    @property
    def store(self) -> EntryStore:
        """The store, as it is open now."""
        ...

    def reopen(self) -> None:
        """Closes the store and opens it again."""

    def crash(self) -> None:
        """Kills the process that holds the store and starts another one."""

    def end(self) -> None:
        """Gives everything back."""


class LocalStand:
    """`LocalLog` with segments of a few entries."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._life = 0
        self._now_ns = 0
        self.store = self._opened()

    def _opened(self) -> LocalLog:
        return LocalLog(
            self.path, segment_bytes=24_000, elapsed_ns=self._elapsed_ns, tolerate_lost=True, ballast_bytes=0
        )

    @property
    def path(self) -> Path:
        """Where the files are now."""
        return self._directory / str(self._life)

    def _elapsed_ns(self) -> int:
        self._now_ns += 30_000_000
        return self._now_ns

    def reopen(self) -> None:
        """Closes the store and opens it again."""
        self.store.close()
        self.store = self._opened()

    def crash(self) -> None:
        """What the kernel has at a kill is what the next process finds: a copy of the files as they stand."""
        before, self._life = self.path, self._life + 1
        shutil.copytree(before, self.path)
        self.store.close()
        shutil.rmtree(before)
        self.store = self._opened()

    def end(self) -> None:
        """Gives everything back."""
        self.store.close()
        shutil.rmtree(self._directory)


class MemoryStand:
    """`MemoryLog` with segments of a few entries."""

    def __init__(self, _directory: Path) -> None:
        self.store = MemoryLog(segment_entries=3)

    def reopen(self) -> None:
        """Closes the store and opens it again."""
        self.store.close()
        self.store.reopen()

    def crash(self) -> None:
        """Loses what was not synced."""
        self.store.crash()

    def end(self) -> None:
        """Nothing to give back."""


STANDS = [LocalStand, MemoryStand]


def put(store: EntryStore, group: int, *entries: tuple[int, bytes]) -> None:
    """Adds (epoch, blob) entries."""
    for epoch, blob in entries:
        store.put(group, epoch, blob)


def kept(store: EntryStore, group: int) -> list[tuple[int, int, bytes]]:
    """Everything that is kept of a group."""
    first, last = store.base(group)[0] + 1, store.last_index(group)
    return [tuple(record) for record in store.read(group, first, last)]


def numbered(store: EntryStore, group: int, epoch: int, count: int, size_bytes: int = 3_000) -> None:
    """Adds entries one by one, each durable, of a size at which a few fill a segment."""
    for _ in range(count):
        index = store.put(group, epoch, b"")
        store.cut(group, index)
        store.put(group, epoch, (b"%d/%d/%d " % (group, epoch, index)).ljust(size_bytes, b"x"))
        store.sync()
