"""Ready lanes: what waits for a slot, oldest id first, with only the heads in memory.

Decides which ready jobs memory holds. A lane is (tenant, queue, priority, task). It must not know executors or the
store; it says when it wants a read. Four rules keep memory and disk apart: ids above `cursor` that are ready stand
on disk alone; a job that becomes ready by time is always taken into memory; when a lane has taken too many it gives
its tail back (the owner logs that as READY); and a job that somebody makes ready by hand is read from disk.
"""

import heapq

from ..limits import HEADS_MAX, REFILL_BELOW

ALL = 1 << 62
"""The cursor of a lane that has nothing on disk alone."""


class Lane:
    """One lane. `live` counts its jobs in every live state."""

    __slots__ = (
        "cursor",
        "disk_index",
        "disk_max",
        "given_index",
        "heads",
        "id",
        "live",
        "priority",
        "queue",
        "read_after",
        "short_applied",
        "task",
        "tenant",
    )

    def __init__(self, id: int, tenant: str, queue: str, priority: int, task: str, live: int = 0) -> None:
        self.id = id
        self.tenant = tenant
        self.queue = queue
        self.priority = priority
        self.task = task
        self.live = live
        self.heads: list[int] = []
        self.cursor = ALL
        self.disk_max = 0  # the largest id that may stand on disk alone
        self.disk_index = 0  # the entry that put it there
        self.given_index = 0  # the entry that last put ids below the reader on disk; older reads miss them
        self.read_after: int | None = None  # the cursor of the read that is under way
        self.short_applied = -1  # as of this entry there is nothing left to read

    def takes_fresh(self, id: int, index: int) -> bool:
        """Says whether a job just submitted as ready goes to memory; if not, it is noted as standing on disk alone."""
        if self.cursor == ALL:
            if len(self.heads) < HEADS_MAX:
                return True
            self.cursor = id - 1
        self.disk_max = id
        self.disk_index = index
        return False

    def push(self, id: int) -> None:
        """Takes a ready job into memory."""
        heapq.heappush(self.heads, id)

    def pop(self) -> int:
        """Returns the oldest ready job's id; the owner checks that it still is ready."""
        return heapq.heappop(self.heads)

    def overfull(self) -> bool:
        """Says whether the lane must give its tail back."""
        return len(self.heads) > 2 * HEADS_MAX

    def give_back(self, index: int) -> list[int]:
        """Drops the newest half from memory and returns their ids; from entry `index` on they stand on disk alone."""
        self.heads.sort()  # a sorted list is a heap
        tail = self.heads[HEADS_MAX:]
        del self.heads[HEADS_MAX:]
        assert tail, "a lane that is not overfull gives nothing back"
        self.cursor = min(self.cursor, self.heads[-1])
        self.disk_max = max(self.disk_max, tail[-1])
        self.disk_index = self.given_index = index
        return tail

    def stand_on_disk(self, ids: list[int], index: int) -> None:
        """Notes that these ids stand on disk alone from entry `index` on, wherever the reader is."""
        self.cursor = min(self.cursor, min(ids) - 1)
        self.disk_max = max(self.disk_max, *ids)
        self.disk_index = self.given_index = index

    def wants_read(self, applied: int) -> bool:
        """Says whether the lane should be refilled, given what the store has applied."""
        return (
            self.cursor != ALL
            and self.read_after is None
            and len(self.heads) < REFILL_BELOW
            and applied >= self.given_index
            and applied > self.short_applied
        )

    def refilled(self, last_id: int | None, full: bool, applied: int) -> bool:
        """Notes the end of a read: its last id, whether it came back full, and what the store had applied then.

        Returns: False if ids were put on disk meanwhile: the read may not have seen them, so its rows are not taken
            and the next read will.
        """
        after, self.read_after = self.read_after, None
        assert after is not None
        if applied < self.given_index or self.cursor < after:
            return False
        if last_id is not None:
            self.cursor = max(self.cursor, last_id)
        if not full:
            self.short_applied = applied
            if applied >= self.disk_index:
                self.cursor = ALL  # nothing is on disk alone any more
        return True

    def restored(self, disk_max: int) -> None:
        """Says at a start that everything ready stands on disk."""
        self.cursor = 0
        self.disk_max = disk_max

    def check(self) -> None:
        """Asserts the lane's own relations."""
        assert self.live >= 0, f"lane {self.id} has live={self.live}"
        assert len(self.heads) <= 2 * HEADS_MAX + 1
        assert self.disk_index >= self.given_index
