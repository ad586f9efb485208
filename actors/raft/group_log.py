"""One group's log as its member sees it: which entry is of which term, and the newest entries in memory.

Decides what is answered without the disk: all questions about terms, and the tail that live followers lack. It must not
know why an entry is put or cut.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable

from ...broker.wire.fields import Row
from ..log import EntryStore

ROW_OVERHEAD_BYTES = 16
"""What an entry costs in a frame beside its bytes."""
MARK_BYTES = 256 * 1024
"""How finely a log knows how many bytes lie behind an entry."""
MARKS_MAX = 4096
READ_ENTRIES_MAX = 256
"""Entries that one reading of the disk asks for."""


class GroupLog:
    """The entries of one group: `base` + 1 to `last`, those before are gone."""

    __slots__ = (
        "_group",
        "_marks",
        "_put_bytes",
        "_run_firsts",
        "_run_terms",
        "_store",
        "_tail",
        "_tail_bytes",
        "_tail_bytes_max",
        "base",
        "base_term",
        "last",
    )

    def __init__(self, group: int, store: EntryStore, tail_bytes_max: int) -> None:
        self._group = group
        self._store = store
        self._tail_bytes_max = tail_bytes_max
        self._read_bounds()

    def _read_bounds(self) -> None:
        self.base, self.base_term = self._store.base(self._group)
        self.last = self._store.last_index(self._group)
        runs = self._store.epochs(self._group)
        self._run_firsts = [first for first, _ in runs]
        self._run_terms = [term for _, term in runs]
        self._tail: list[Row] = []
        """Rows [term, blob] of the entries up to `last`."""
        self._tail_bytes = 0
        self._put_bytes = 0
        """All that was put in this life."""
        self._marks: deque[tuple[int, int]] = deque(maxlen=MARKS_MAX)
        """(entry, bytes put up to it) once in a while: what lies on the disk since."""

    @property
    def last_term(self) -> int:
        """The term of the last entry."""
        return self._run_terms[-1] if self._run_terms else self.base_term

    @property
    def tail_first(self) -> int:
        """The first entry that memory holds; last + 1 if it holds none."""
        return self.last - len(self._tail) + 1

    @property
    def synced(self) -> int:
        """The entry up to which this member's disk holds the log."""
        return self._store.synced(self._group)

    def term_at(self, index: int) -> int | None:
        """Returns the term of an entry; None if it is gone or not there yet."""
        if index == self.base:
            return self.base_term
        if index < self.base or index > self.last:
            return None
        return self._run_terms[bisect_right(self._run_firsts, index) - 1]

    def run_first(self, index: int) -> int:
        """Returns the first entry kept of those around this one that share its term."""
        assert self.base < index <= self.last, (self.base, index, self.last)
        return self._run_firsts[bisect_right(self._run_firsts, index) - 1]

    def put(self, term: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index."""
        assert term >= self.last_term, f"an entry of term {term} follows one of term {self.last_term}"
        index = self._store.put(self._group, term, blob)
        assert index == self.last + 1, f"entry {index} follows entry {self.last}"
        if not self._run_terms or self._run_terms[-1] != term:
            self._run_firsts.append(index)
            self._run_terms.append(term)
        self.last = index
        self._tail.append([term, blob])
        self._tail_bytes += len(blob) + ROW_OVERHEAD_BYTES
        self._put_bytes += len(blob) + ROW_OVERHEAD_BYTES
        if self._put_bytes - (self._marks[-1][1] if self._marks else 0) >= MARK_BYTES:
            self._marks.append((index, self._put_bytes))
        if self._tail_bytes > self._tail_bytes_max:
            self._shorten_tail()
        return index

    def _shorten_tail(self) -> None:
        """Lets the older half go, so that it does not cost something at each entry."""
        dropped = 0
        while dropped < len(self._tail) - 1 and 2 * self._tail_bytes > self._tail_bytes_max:
            self._tail_bytes -= len(self._tail[dropped][1]) + ROW_OVERHEAD_BYTES
            dropped += 1
        del self._tail[:dropped]

    def cut(self, first: int) -> None:
        """Takes away the entries from `first` on."""
        assert self.base < first <= self.last, (self.base, first, self.last)
        self._store.cut(self._group, first)
        kept = max(0, first - self.tail_first)
        self._tail_bytes -= sum(len(row[1]) + ROW_OVERHEAD_BYTES for row in self._tail[kept:])
        del self._tail[kept:]
        self.last = first - 1
        while self._marks and self._marks[-1][0] >= first:
            self._marks.pop()
        while self._run_firsts and self._run_firsts[-1] >= first:
            self._run_firsts.pop()
            self._run_terms.pop()

    def oldest_within(self, bytes_max: int) -> int:
        """Returns the first entry of the newest ones that take so many bytes; those of an earlier life count nothing.

        Asked again with as much, it only grows.
        """
        if self._put_bytes <= bytes_max:
            return 1
        while self._marks and self._put_bytes - self._marks[0][1] > bytes_max:
            self._marks.popleft()
        return self._marks[0][0] + 1 if self._marks else self.last

    def reset(self, index: int, term: int) -> None:
        """Begins anew behind an entry that a snapshot has brought."""
        self._store.reset(self._group, index, term)
        self._read_bounds()
        assert (self.base, self.last) == (index, index), (self.base, self.last, index)

    def look_at_base(self) -> None:
        """Sees what truncation has taken away, of this group or of another one in the same segment."""
        self.base, self.base_term = self._store.base(self._group)
        while len(self._run_firsts) > 1 and self._run_firsts[1] <= self.base + 1:
            self._run_firsts.pop(0)
            self._run_terms.pop(0)
        if self.base == self.last:
            self._run_firsts.clear()
            self._run_terms.clear()
        elif self._run_firsts:
            self._run_firsts[0] = max(self._run_firsts[0], self.base + 1)
        surplus = self.base + 1 - self.tail_first
        if surplus > 0:
            self._tail_bytes -= sum(len(row[1]) + ROW_OVERHEAD_BYTES for row in self._tail[:surplus])
            del self._tail[:surplus]

    def rows(self, first: int, last: int, bytes_max: int) -> tuple[list[Row], int]:
        """Returns rows [term, blob] of entries first, first + 1, ..., and their bytes: at least one, if there is one.

        Raises:
            LogDamaged: an entry is missing or its checksum is wrong.
        """
        assert first > self.base, f"entry {first} is gone, the log begins behind {self.base}"
        if first >= self.tail_first:
            start = first - self.tail_first
            source: Iterable[Row] = self._tail[start : start + last - first + 1]
        elif first <= last:
            until = min(last, first + READ_ENTRIES_MAX - 1)
            source = ([record.epoch, record.blob] for record in self._store.read(self._group, first, until))
        else:
            source = []
        rows: list[Row] = []
        taken_bytes = 0
        for row in source:
            row_bytes = len(row[1]) + ROW_OVERHEAD_BYTES
            if rows and taken_bytes + row_bytes > bytes_max:
                break
            rows.append(row)
            taken_bytes += row_bytes
        return rows, taken_bytes

    def check(self) -> None:
        """Asserts that memory agrees with the store."""
        store, group = self._store, self._group
        assert (self.base, self.base_term) == store.base(group), "the base moved unseen"
        assert self.last == store.last_index(group), (self.last, store.last_index(group))
        assert list(zip(self._run_firsts, self._run_terms, strict=True)) == store.epochs(group), (
            "terms differ from the store's"
        )
        assert self._run_terms == sorted(self._run_terms), "terms go down"
        assert self._tail_bytes == sum(len(row[1]) + ROW_OVERHEAD_BYTES for row in self._tail), "bytes are miscounted"
        assert self.tail_first > self.base, "memory holds entries that are gone"
        assert self.base <= self.synced <= self.last, (self.base, self.synced, self.last)
