"""The timing wheel: which timers are due by a given millisecond.

It decides the order in which entries fire and when the caller must look again; it must not know a clock, a
job or a log, and takes the time as a number. The two levels (coarse buckets of 1024 ms, opened into slots of
50 ms and a small heap for the current slot) come from the timing section of the design map; a property test
holds them against a plain model.

An entry lies in exactly one of four places, by its due time:

* before the end of the slots that were opened: in the small heap, or in an open run;
* from there to the end of the open bucket: in a slot, or in an open run;
* later: in a coarse bucket.

The open runs are those of the coarse bucket and of the slots that were opened. They are merged, not sorted
anew.
"""

from heapq import heapify, heappop, heappush

from .bucket import ITEM_MASK, OFFSET_SHIFT, Bucket
from .merge import Merge
from .near import Near

BUCKET_BITS = 10
BUCKET_MS = 1 << BUCKET_BITS
SLOT_MS = 50
SLOTS = -(-BUCKET_MS // SLOT_MS)


class Wheel:
    """Timers by (due time, item): cheap to add, exact to the millisecond, 8 bytes each while they wait.

    Entries form a multiset: a pair added twice fires twice, and each cancel takes one copy away.
    """

    __slots__ = (
        "_base",
        "_coarse",
        "_live",
        "_near",
        "_number",
        "_numbers",
        "_opened",
        "_runs",
        "_slots",
        "_used",
    )

    def __init__(self, now_ms: int) -> None:
        """Makes an empty wheel.

        Args:
            now_ms: the present time in milliseconds, on whichever clock the caller keeps to.
        """
        self._live = 0
        self._coarse: dict[int, Bucket] = {}
        self._numbers: list[int] = []  # heap of coarse bucket numbers; those of dropped buckets linger a little
        self._slots: list[Bucket | None] = [None] * SLOTS
        self._used = 0  # bit n is set while slot n holds a bucket
        self._runs = Merge()  # keys count from the start of the open bucket
        self._near = Near()  # full keys: due_ms << OFFSET_SHIFT | item << 1
        self._enter(now_ms >> BUCKET_BITS)
        self._open_slots(now_ms)

    def __len__(self) -> int:
        """Returns the number of live entries."""
        return self._live

    def add(self, due_ms: int, item: int) -> None:
        """Adds a timer; one that is due in the past fires at the next advance.

        Args:
            due_ms: the millisecond at which it is due, on the caller's clock.
            item: what is due, from 0 to 2**40 - 1.
        """
        assert 0 <= item <= ITEM_MASK, f"item {item} does not fit 40 bits; give the sequence part of the id"
        number = due_ms >> BUCKET_BITS
        if number > self._number:
            bucket = self._coarse.get(number)
            if bucket is None:
                bucket = self._coarse[number] = Bucket()
                heappush(self._numbers, number)
            bucket.add((due_ms & BUCKET_MS - 1) << OFFSET_SHIFT | item << 1)
        else:
            self._add_open(due_ms << OFFSET_SHIFT | item << 1)
        self._live += 1

    def _add_open(self, full: int) -> None:
        key = full - self._base
        slot = (key >> OFFSET_SHIFT) // SLOT_MS
        if slot < self._opened:
            self._near.add(full)
            return
        bucket = self._slots[slot]
        if bucket is None:
            bucket = self._slots[slot] = Bucket()
            self._used |= 1 << slot
        bucket.add(key)

    def cancel(self, due_ms: int, item: int) -> bool:
        """Takes one timer away; what is left of it goes with its bucket at the latest.

        Args:
            due_ms: the due time with which it was added.
            item: the item with which it was added.

        Returns:
            Whether there was such a timer; False when it has fired already or was never added.
        """
        assert 0 <= item <= ITEM_MASK, f"item {item} does not fit 40 bits; give the sequence part of the id"
        number = due_ms >> BUCKET_BITS
        if number > self._number:
            found = self._cancel_coarse(number, (due_ms & BUCKET_MS - 1) << OFFSET_SHIFT | item << 1)
        else:
            found = self._cancel_open(due_ms << OFFSET_SHIFT | item << 1)
        if found:
            self._live -= 1
            assert self._live >= 0, "the wheel cancelled more entries than it held"
            if not self._live:
                self._clear()
        return found

    def _cancel_coarse(self, number: int, key: int) -> bool:
        bucket = self._coarse.get(number)
        if bucket is None or not bucket.cancel(key):
            return False
        if not bucket.live:
            del self._coarse[number]
            # Numbers of dropped buckets stay in the heap until they surface, or until they are the most.
            if len(self._numbers) > 2 * len(self._coarse) + SLOTS:
                self._numbers = list(self._coarse)
                heapify(self._numbers)
        return True

    def _cancel_open(self, full: int) -> bool:
        if self._near.cancel(full):
            return True
        key = full - self._base
        if key < 0:
            return False
        slot = (key >> OFFSET_SHIFT) // SLOT_MS
        bucket = self._slots[slot]
        if bucket is None or not bucket.cancel(key):
            return self._runs.cancel(key)
        if not bucket.live:
            self._slots[slot] = None
            self._used ^= 1 << slot
        return True

    def advance(self, now_ms: int, limit: int) -> list[tuple[int, int]]:
        """Takes out what is due.

        Args:
            now_ms: the present time; it may jump ahead by any distance, and may step back.
            limit: the most entries to return, at least 1; the rest come with the next call.

        Returns:
            (due_ms, item) pairs with due_ms <= now_ms, in ascending order.
        """
        assert limit > 0, f"limit {limit} would never fire anything; give 1 or more"
        fired: list[tuple[int, int]] = []
        while True:
            self._open_slots(now_ms)
            self._drain(now_ms, limit, fired)
            if len(fired) >= limit or not self._open_bucket(now_ms):
                break
        self._live -= len(fired)
        assert self._live >= 0, "the wheel fired more entries than it held"
        assert not fired or fired[-1][0] <= now_ms, "nothing may fire early"
        if not self._live:
            self._clear()
        if len(fired) < limit and not self._near and not self._runs and not self._used:
            self._rest(now_ms)
        return fired

    def next_due_ms(self) -> int | None:
        """Returns when to call advance again: never after the earliest live entry is due.

        The time is exact for what was opened. Otherwise it is the start of the slot or bucket, which that
        advance opens, so that an entry costs two early wakes at most. None when the wheel is empty.
        """
        near, head = self._near.head(), self._runs.head()
        dues: list[int] = []
        if near is not None:
            dues.append(near >> OFFSET_SHIFT)
        if head is not None:
            dues.append(self._base + head >> OFFSET_SHIFT)
        if self._used:
            slot = (self._used & -self._used).bit_length() - 1
            dues.append((self._number << BUCKET_BITS) + slot * SLOT_MS)
        if dues:
            return min(dues)
        number = self._next_number()
        return None if number is None else number << BUCKET_BITS

    def _drain(self, now_ms: int, limit: int, fired: list[tuple[int, int]]) -> None:
        """Merges the small heap and the open runs, up to now."""
        last = (now_ms + 1 << OFFSET_SHIFT) - 1 - self._base
        while len(fired) < limit:
            full, head = self._near.head(), self._runs.head()
            near = last + 1 if full is None else full - self._base
            if head is not None and head <= min(last, near):
                self._runs.take(min(last, near), limit, self._number << BUCKET_BITS, fired)
            elif full is not None and near <= last:
                self._near.pop()
                fired.append((full >> OFFSET_SHIFT, full >> 1 & ITEM_MASK))
            else:
                break

    def _open_slots(self, now_ms: int) -> None:
        reached = min((now_ms - (self._number << BUCKET_BITS)) // SLOT_MS + 1, SLOTS)
        if reached <= self._opened:
            return
        if self._used:
            for slot in range(self._opened, reached):
                bucket = self._slots[slot]
                if bucket is not None:
                    self._slots[slot] = None
                    self._used ^= 1 << slot
                    self._read(bucket)
        self._opened = reached

    def _open_bucket(self, now_ms: int) -> bool:
        """Opens the next coarse bucket if it has begun; the one before is drained by then."""
        number = self._next_number()
        if number is None or number << BUCKET_BITS > now_ms:
            return False
        assert not self._runs, "the open bucket must be drained before the next is opened"
        assert self._opened == SLOTS, "all slots must be opened before the next bucket is"
        heappop(self._numbers)
        self._enter(number)
        self._read(self._coarse.pop(number))
        return True

    def _read(self, bucket: Bucket) -> None:
        for run in bucket.open():
            self._runs.open(run)

    def _enter(self, number: int) -> None:
        self._number = number
        self._base = number << BUCKET_BITS + OFFSET_SHIFT
        self._opened = 0

    def _rest(self, now_ms: int) -> None:
        """With nothing open, lets the open bucket follow the clock, ahead or back."""
        number = now_ms >> BUCKET_BITS
        following = self._next_number()
        assert following is None or following > number, "a bucket that has begun was not opened"
        self._enter(number)
        self._open_slots(now_ms)

    def _next_number(self) -> int | None:
        """Returns the number of the earliest coarse bucket, dropping numbers whose bucket is gone."""
        numbers = self._numbers
        while numbers:
            if numbers[0] in self._coarse:
                return numbers[0]
            heappop(numbers)
        return None

    def _clear(self) -> None:
        """Lets every tombstone go once no live entry is left."""
        assert not self._coarse, "a bucket without live entries was kept"
        assert not self._used, "a slot without live entries was kept"
        self._numbers.clear()
        self._runs.clear()
        self._near.clear()

    def snapshot(self) -> dict[str, int | None]:
        """Returns sizes for inspection: counts of what is held, bytes of packed keys, the next due time."""
        closed = self._closed()
        runs = [run for bucket in closed for run in bucket.runs]
        tails = sum(len(bucket.tail) for bucket in closed)
        return {
            "live": self._live,
            "buckets": len(self._coarse),
            "numbers": len(self._numbers),
            "slots": self._used.bit_count(),
            "closed_runs": len(runs),
            "open_runs": len(self._runs),
            "near": len(self._near),
            "key_bytes": 8 * (tails + sum(len(run.keys) for run in runs) + self._runs.held()),
            "next_due_ms": self.next_due_ms(),
        }

    def check(self) -> None:
        """Asserts every relation between the levels."""
        assert all(number > self._number for number in self._coarse), "a coarse bucket lies before the open one"
        assert set(self._coarse) <= set(self._numbers), "each coarse bucket must be found through the heap"
        assert len(self._numbers) <= 2 * len(self._coarse) + SLOTS + 1, "numbers of dropped buckets piled up"
        for slot, bucket in enumerate(self._slots):
            assert bucket is None or slot >= self._opened, "an opened slot must be empty"
            assert (bucket is not None) == bool(self._used >> slot & 1), "each used slot must have its bit"
        for bucket in self._closed():
            bucket.check()
        near_end = self._base + (min(self._opened * SLOT_MS, BUCKET_MS) << OFFSET_SHIFT)
        held = self._near.check(near_end) + self._runs.check() + sum(bucket.live for bucket in self._closed())
        assert held == self._live, f"the wheel counts {self._live} entries and holds {held}"

    def _closed(self) -> list[Bucket]:
        return [*self._coarse.values(), *(bucket for bucket in self._slots if bucket is not None)]
