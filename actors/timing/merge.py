"""The open runs of the wheel, read as one ordered stream.

It decides which run is read next and how far; it knows neither the time nor where the runs came from. The
rule is the k-way merge of sorted runs (Knuth, TAOCP volume 3, section 5.4): opening costs one heap entry a
run, and each read is bounded by the room that the caller has.
"""

from heapq import heappop, heappush, heapreplace

from .bucket import Run


class Merge:
    """A heap over sorted runs whose keys count from the same bucket start."""

    __slots__ = ("_heads", "_order")

    def __init__(self) -> None:
        """Makes an empty stream."""
        # (a key not above the first live one, order of opening, run); head mends what a cancel left.
        self._heads: list[tuple[int, int, Run]] = []
        self._order = 0

    def __len__(self) -> int:
        """Returns the number of runs that are open."""
        return len(self._heads)

    def open(self, run: Run) -> None:
        """Adds a run to the stream."""
        key = run.head()
        if key is not None:
            self._order += 1
            heappush(self._heads, (key, self._order, run))

    def head(self) -> int | None:
        """Returns the first live key; None when all runs are used up."""
        heads = self._heads
        while heads:
            known, order, run = heads[0]
            key = run.head()
            if key == known:
                return key
            assert key is None or key > known, "a key appeared before the head of its run"
            if key is None:
                heappop(heads)
            else:
                heapreplace(heads, (key, order, run))
        return None

    def take(self, stop: int, limit: int, start_ms: int, fired: list[tuple[int, int]]) -> None:
        """Moves entries with a key of at most ``stop`` to ``fired``, in order, until it holds ``limit``.

        Args:
            stop: the last key that may go.
            limit: length of ``fired`` at which to end.
            start_ms: start of the open bucket, in milliseconds.
            fired: receives (due_ms, item) pairs.
        """
        heads = self._heads
        while heads and heads[0][0] <= stop and len(fired) < limit:
            _, order, run = heads[0]
            # Reads on in one run up to the head of the next: the smaller of the root's two children.
            until = min(heads[1:3])[0] if len(heads) > 1 else stop
            run.take(min(until, stop), limit - len(fired), start_ms, fired)
            key = run.head()
            if key is None:
                heappop(heads)
            else:
                heapreplace(heads, (key, order, run))

    def cancel(self, key: int) -> bool:
        """Kills one live copy of the key, and reports whether there was one."""
        return any(run.cancel(key) for _, _, run in self._heads)

    def clear(self) -> None:
        """Drops runs that hold nothing but tombstones."""
        assert self.head() is None, "a live key would be lost"
        self._heads.clear()

    def held(self) -> int:
        """Returns the number of keys in memory, used and cancelled ones included."""
        return sum(len(run.keys) for _, _, run in self._heads)

    def check(self) -> int:
        """Asserts that no head is late; returns the number of live keys."""
        for known, _, run in self._heads:
            key = run.head()
            assert key is None or known <= key, "a run would be read too late"
        return sum(run.check() for _, _, run in self._heads)
