"""A small heap of timers that are due any moment, with cancellation.

It decides which of its keys comes first and whether it is still wanted; it knows neither the time nor the
levels of the wheel. The rule is the usual one for heaps without removal: a count of the live copies settles
what surfaces.
"""

from heapq import heapify, heappop, heappush

DEAD_MIN = 64
"""Cancelled keys below this number are left in the heap."""


class Near:
    """A heap of integers in which a cancelled key stays until it surfaces, or until such are the most."""

    __slots__ = ("_heap", "_live")

    def __init__(self) -> None:
        """Makes an empty heap."""
        self._heap: list[int] = []
        self._live: dict[int, int] = {}  # key -> its live copies

    def __bool__(self) -> bool:
        """Returns whether a live key is left."""
        return bool(self._live)

    def __len__(self) -> int:
        """Returns the number of keys held, cancelled ones included."""
        return len(self._heap)

    def add(self, key: int) -> None:
        """Adds one live copy of the key."""
        heappush(self._heap, key)
        self._live[key] = self._live.get(key, 0) + 1

    def cancel(self, key: int) -> bool:
        """Kills one live copy of the key, and reports whether there was one."""
        if key not in self._live:
            return False
        self._forget(key)
        if len(self._heap) > 2 * len(self._live) + DEAD_MIN:
            self._heap = [key for key, copies in self._live.items() for _ in range(copies)]
            heapify(self._heap)
        return True

    def head(self) -> int | None:
        """Returns the first live key, dropping cancelled ones before it; None when no live key is left."""
        heap, live = self._heap, self._live
        while heap:
            if heap[0] in live:
                return heap[0]
            heappop(heap)
        return None

    def pop(self) -> None:
        """Takes out the key that ``head`` has just returned."""
        assert self._heap, "pop follows a head that returned a key"
        self._forget(heappop(self._heap))

    def clear(self) -> None:
        """Drops cancelled keys when no live one is left."""
        assert not self._live, "a live key would be lost"
        self._heap.clear()

    def _forget(self, key: int) -> None:
        copies = self._live.pop(key)
        if copies > 1:
            self._live[key] = copies - 1

    def check(self, end: int) -> int:
        """Asserts that every key lies before ``end`` and in the heap; returns the number of live ones."""
        assert all(key < end for key in self._heap), "the small heap ends with the opened slots"
        assert set(self._live) <= set(self._heap), "each live key must be in the heap"
        assert all(copies > 0 for copies in self._live.values()), "a key without live copies was kept"
        return sum(self._live.values())
