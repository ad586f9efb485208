"""What runner children use: the memory of each now and then, memory and CPU time of watched runs a few times a second.

Decides when it looks, and what counts as used by a run: by its child, by whatever is in the child's session or was
started below it. It must not know limits. What a process used before the run began is not the run's.
"""

import time
from collections.abc import Mapping
from typing import Final

from ...actors.executor.events import ChildrenSized, RunUsed
from ..runners.handle import ChildHandle
from ..runners.process_table import Process, family, processes, read, rss_bytes, share_bytes

SIZE_EVERY_NS: Final = 1_000_000_000
USE_EVERY_NS: Final = 250_000_000
START_TICK_MS: Final = 10
USE_SHARE: Final = 20
"""On a machine of so many processes that a look takes long, only one part in so many is spent on looking."""


class Watched:
    """A run that is watched."""

    __slots__ = ("base_bytes", "base_ms", "run_id", "started_ms")

    def __init__(self, run_id: int, child: Process | None, started_ms: float) -> None:
        self.run_id = run_id
        self.started_ms = started_ms
        self.base_bytes = 0 if child is None else child.rss_bytes
        # Process id -> CPU time that it had used before.
        self.base_ms: dict[int, float] = {} if child is None else {child.pid: child.cpu_ms}

    def memory_bytes(self, found: list[Process]) -> int:
        """Returns the memory of these processes beyond what the child had before the run.

        What forked processes share counts once.
        """
        whole = found[0].rss_bytes if len(found) == 1 else sum(share_bytes(process) for process in found)
        return max(0, whole - self.base_bytes)

    def cpu_ms(self, found: list[Process]) -> float:
        """Returns the CPU time of these processes since the run began."""
        for process in found:
            if process.pid not in self.base_ms:
                is_new = process.started_ms >= self.started_ms
                self.base_ms[process.pid] = 0.0 if is_new else process.cpu_ms
        return sum(max(0.0, process.cpu_ms - self.base_ms[process.pid]) for process in found)


class ChildWatch:
    """Looks at an executor's children.

    Attributes:
        watched: The runs that are watched, by child.
        look_ns: When to look next.
    """

    def __init__(self, children: Mapping[int, ChildHandle]) -> None:
        self._children = children
        self.watched: dict[int, Watched] = {}
        self.look_ns = 0
        self._size_ns = 0
        self._use_ns = 0

    def watch(self, number: int, run_id: int | None, now_ns: int) -> None:
        """Watches a run from now on; None ends it."""
        child = self._children.get(number)
        if run_id is None or child is None:
            self.watched.pop(number, None)
            return
        if not self.watched:
            self._use_ns = max(self._use_ns, now_ns + USE_EVERY_NS)
            self.look_ns = min(self.look_ns, self._use_ns)
        # The clock of a process's start has whole ticks; a run may be as old as the one before it.
        self.watched[number] = Watched(run_id, read(child.pid), now_ns / 1e6 - START_TICK_MS)

    def sizes(self, now_ns: int, dropped_bytes: int) -> ChildrenSized | None:
        """Looks how large the children are, if it is time to."""
        if now_ns < self._size_ns:
            return None
        self._size_ns = now_ns + SIZE_EVERY_NS
        self._settle()
        return ChildrenSized([[number, rss_bytes(each.pid)] for number, each in self._children.items()], dropped_bytes)

    def uses(self, now_ns: int) -> list[RunUsed]:
        """Looks what watched runs use, if it is time to."""
        if not self.watched or now_ns < self._use_ns:
            return []
        began_ns = time.monotonic_ns()
        table = processes()
        found: list[RunUsed] = []
        for number, watched in list(self.watched.items()):
            child = self._children.get(number)
            if child is None:
                del self.watched[number]
                continue
            mine = family(table, child.pid)
            if mine:
                cpu_ms = round(watched.cpu_ms(mine))
                found.append(RunUsed(number, watched.run_id, watched.memory_bytes(mine), cpu_ms))
        took_ns = time.monotonic_ns() - began_ns
        self._use_ns = now_ns + max(USE_EVERY_NS, USE_SHARE * took_ns)
        self._settle()
        return found

    def _settle(self) -> None:
        self.look_ns = min(self._size_ns, self._use_ns) if self.watched else self._size_ns
