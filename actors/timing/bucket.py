"""One span of the wheel: its entries as packed integers, kept in sorted runs.

A bucket decides how entries are stored, found and cancelled; it never learns what time it is, nor what an
item means. The rule is ours: a run is sorted while the bucket fills, a little at each add, so that opening a
bucket of a million entries needs no sort and cannot stall the loop (see the timing section of the design
map).

A key is ``offset_ms << 41 | item << 1 | dead``, with the offset counted from the start of a coarse bucket.
The dead bit is the tombstone: it lies lowest, so setting it on the last live copy of a key leaves the run
sorted.
"""

from array import array

ITEM_BITS = 40
ITEM_MASK = (1 << ITEM_BITS) - 1
OFFSET_SHIFT = ITEM_BITS + 1

TAIL_MAX = 256
"""Unsorted entries that a bucket holds before it sorts them into a run."""
RUN_MAX = 8192
"""Entries in one run: bounds the work of the slowest single add, cancel or open."""
DEAD_MIN = 64
"""Tombstones below this number are never worth a compaction."""


class Run:
    """A sorted array of keys, read from its front."""

    __slots__ = ("at", "dead", "keys")

    def __init__(self, keys: list[int]) -> None:
        """Takes over keys that are already sorted and all live.

        Args:
            keys: packed keys in ascending order.
        """
        assert 0 < len(keys) <= RUN_MAX, f"a run holds 1 to {RUN_MAX} keys, got {len(keys)}"
        self.keys = array("Q", keys)
        self.at = 0
        self.dead = 0

    def head(self) -> int | None:
        """Returns the first live key, dropping dead ones before it; None when the run is used up."""
        keys, at = self.keys, self.at
        size = len(keys)
        while at < size and keys[at] & 1:
            at += 1
        self.dead -= at - self.at
        self.at = at
        assert self.dead >= 0, "a run dropped more tombstones than it held"
        return keys[at] if at < size else None

    def take(self, stop: int, room: int, start_ms: int, fired: list[tuple[int, int]]) -> None:
        """Moves live entries with a key of at most ``stop`` from the front of the run to ``fired``.

        Args:
            stop: the last key that may go.
            room: at most this many entries go; at least 1.
            start_ms: start of the coarse bucket, in milliseconds.
            fired: receives (due_ms, item) pairs.
        """
        assert room > 0, "take needs room for one entry at least"
        keys, at = self.keys, self.at
        size = len(keys)
        dead = 0
        while room and at < size:
            key = keys[at]
            if key > stop:
                break
            at += 1
            if key & 1:
                dead += 1
                continue
            fired.append((start_ms + (key >> OFFSET_SHIFT), key >> 1 & ITEM_MASK))
            room -= 1
        self.at = at
        self.dead -= dead
        assert self.dead >= 0, "a run fired past more tombstones than it held"

    def cancel(self, key: int) -> bool:
        """Kills one live copy of the key, and reports whether there was one."""
        keys = self.keys
        low, high = self.at, len(keys)
        grave = key | 1
        while low < high:
            middle = (low + high) >> 1
            if keys[middle] < grave:
                low = middle + 1
            else:
                high = middle
        # All live copies stand before the dead ones, so the last live copy may change in place.
        low -= 1
        if low < self.at or keys[low] != key:
            return False
        keys[low] = grave
        self.dead += 1
        rest = len(keys) - self.at
        if self.dead == rest or (self.dead > DEAD_MIN and self.dead * 4 > rest):
            self.compact()
        return True

    def compact(self) -> None:
        """Drops used entries and tombstones, so that a run stays at most a quarter dead weight."""
        self.keys = array("Q", self.live_keys())
        self.at = 0
        self.dead = 0

    def live_keys(self) -> list[int]:
        """Returns the live keys that are left, in order."""
        rest = self.keys[self.at :].tolist()
        return [key for key in rest if not key & 1] if self.dead else rest

    def check(self) -> int:
        """Asserts the relations inside the run and returns its number of live keys."""
        rest = self.keys[self.at :].tolist()
        live = [key for key in rest if not key & 1]
        assert rest == sorted(rest), "a run must stay sorted"
        assert len(rest) - len(live) == self.dead, "a run must count its tombstones"
        assert self.dead <= DEAD_MIN or self.dead * 4 <= len(self.keys), "a run must be compacted in time"
        return len(live)


class Bucket:
    """The entries of one span: sorted runs, and an unsorted tail that takes the adds."""

    __slots__ = ("live", "runs", "tail")

    def __init__(self) -> None:
        """Makes an empty bucket."""
        self.tail = array("Q")
        self.runs: list[Run] = []
        self.live = 0

    def add(self, key: int) -> None:
        """Adds a live key; once in ``TAIL_MAX`` adds the tail is sorted into a run."""
        self.tail.append(key)
        self.live += 1
        if len(self.tail) >= TAIL_MAX:
            self._seal()

    def cancel(self, key: int) -> bool:
        """Kills one live copy of the key, and reports whether there was one."""
        tail = self.tail
        if key in tail:
            last = tail.pop()
            if last != key:
                tail[tail.index(key)] = last
        else:
            for index, run in enumerate(self.runs):
                if run.cancel(key):
                    if not run.keys:
                        del self.runs[index]
                    break
            else:
                return False
        self.live -= 1
        assert self.live >= 0, "a bucket cancelled more entries than it held"
        return True

    def open(self) -> list[Run]:
        """Sorts what is left of the tail and gives all runs away; the bucket is not to be used afterwards."""
        if self.tail:
            self._seal()
        runs = self.runs
        # One source is read faster than many, and joining a few small runs costs less than a commit.
        if len(runs) > 1 and self.live <= RUN_MAX:
            runs = [_joined(runs)]
        self.runs = []
        return runs

    def _seal(self) -> None:
        runs = self.runs
        runs.append(Run(sorted(self.tail)))
        self.tail = array("Q")
        while len(runs) > 1:
            left, right = len(runs[-2].keys), len(runs[-1].keys)
            if left > right or left + right > RUN_MAX:
                break
            runs[-2:] = [_joined(runs[-2:])]

    def check(self) -> None:
        """Asserts the relations inside the bucket."""
        assert self.live > 0, "a bucket without live entries must be dropped"
        assert len(self.tail) < TAIL_MAX, "a full tail must have been sorted"
        assert not any(key & 1 for key in self.tail), "the tail removes cancelled keys at once"
        counts = [run.check() for run in self.runs]
        assert all(counts), "a run without live entries must be dropped"
        assert len(self.tail) + sum(counts) == self.live, "a bucket must count its entries"


def _joined(runs: list[Run]) -> Run:
    keys: list[int] = []
    for run in runs:
        keys += run.live_keys()
    keys.sort()
    return Run(keys)
