"""When jobs are due: two wheels, one on elapsed time and one on the wall, and what is due within moments.

Decides which clock a due time runs on (delays and retries on elapsed time, calendar times on the wall): a wall-clock
step must never fire a delay early, and must move what is due on the calendar. Only jobs within the horizon stand
here; the due index on disk has the rest. Rule: docs/design.md, "Time".
"""

import heapq
from collections.abc import Iterator

from ..jobs.job import Job
from ..limits import FIRE_JOBS_MAX, LEAD_MS, SET_BACK_MS
from ..machine import Now
from ..timing.wheel import Wheel

ELAPSED, WALL = 0, 1
CLOCKS = (ELAPSED, WALL)

Firing = tuple[int, int, int]
"""(clock, key in that clock's milliseconds, job id)."""


def clock_ms(clock: int, now: Now) -> int:
    """Returns what a clock shows, in whole milliseconds rounded down."""
    return now.elapsed_ms if clock == ELAPSED else now.wall_ms


def wall_wake_ns(now: Now, wall_ms: int) -> int:
    """Returns the elapsed ns at which to look whether the wall shows `wall_ms`: within a second, for it may be set."""
    in_ns = min((wall_ms - now.wall_ms) * 1_000_000 - now.wall_past_ns, 1_000_000_000)
    return now.elapsed_ns + max(in_ns, 0)


class Timers:
    """The wheels, the near jobs (`soon`: due within the lead) and those leased ahead of their time (`ahead`)."""

    def __init__(self, now: Now) -> None:
        self.wheels = (Wheel(now.elapsed_ms), Wheel(now.wall_ms))
        self.soon: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        self.ahead: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        self.on_elapsed: set[int] = set()
        self.void: dict[int, tuple[int | None, int]] = {}  # id -> its one true key, how many others are in the wheel
        self.full = (False, False)  # the last advance came back full: more is due at once

    def add_delay(self, job: Job, delay_ms: int, now: Now) -> None:
        """Sets a job's timer on elapsed time; rounds up, so that it never fires early."""
        job.fires_ms = -(-now.elapsed_ns // 1_000_000) + delay_ms
        self._add_elapsed(job.id, job.fires_ms)

    def forget(self, id: int) -> None:
        """Makes a job's timer void, though it stays in its wheel: the job was made ready by hand.

        One on the wall needs no note: whoever waits for a later time is not fired by it.
        """
        if id in self.on_elapsed:
            self.on_elapsed.discard(id)
            self.void[id] = (None, self.void.get(id, (None, 0))[1] + 1)

    def _is_void(self, id: int, key: int) -> bool:
        """Says whether a timer on elapsed time that fires is one that was forgotten."""
        true_key, others = self.void[id]
        if key == true_key:
            self.void[id] = (None, others)
            return False
        if others > 1:
            self.void[id] = (true_key, others - 1)
        else:
            del self.void[id]
        return True

    def _add_elapsed(self, id: int, key: int) -> None:
        self.on_elapsed.add(id)
        if id in self.void:
            self.void[id] = (key, self.void[id][1])
        self.wheels[ELAPSED].add(key, id & ((1 << 40) - 1))

    def add_calendar(self, id: int, due_ms: int) -> None:
        """Sets a timer on the wall clock."""
        if id not in self.on_elapsed:
            self.wheels[WALL].add(due_ms, id & ((1 << 40) - 1))

    def fire(self, now: Now, shard_base: int) -> list[Firing]:
        """Takes what is due within the lead out of the wheels, at most a bounded number a turn."""
        fired: list[Firing] = []
        full: list[bool] = []
        for clock in CLOCKS:
            wheel = self.wheels[clock]
            if not wheel:
                full.append(False)
                continue
            due = wheel.advance(clock_ms(clock, now) + LEAD_MS, FIRE_JOBS_MAX)
            full.append(len(due) == FIRE_JOBS_MAX)
            for key, sequence in due:
                id = shard_base | sequence
                if clock == ELAPSED:
                    if id in self.void and self._is_void(id, key):
                        continue
                    self.on_elapsed.discard(id)
                elif id in self.on_elapsed:
                    continue  # a delay that the due index returned as well: its own clock decides
                fired.append((clock, key, id))
        self.full = (full[0], full[1])
        return fired

    def near(self, clock: int, key: int, job: Job) -> None:
        """Notes that a job is due within the lead."""
        job.fires_ms = key
        job.queued = True
        heapq.heappush(self.soon[clock], (key, job.id))

    def lease_ahead(self, clock: int, job: Job) -> None:
        """Notes that a job was leased before its time; its Run leaves at the instant."""
        assert job.fires_ms is not None
        heapq.heappush(self.ahead[clock], (job.fires_ms, job.id))

    def put_back(self, key: int, job: Job) -> None:
        """Sets the timer of a job again that was leased ahead and never left: the same key on the same clock."""
        job.fires_ms = key
        if (key, job.id) in self.ahead[ELAPSED]:
            self._add_elapsed(job.id, key)
        else:
            self.wheels[WALL].add(key, job.id & ((1 << 40) - 1))

    def set_back(self, now: Now) -> list[tuple[int, int]]:
        """Pops the (key, id) of `ahead` that are no longer near, because the wall was set back."""
        heap, far_ms = self.ahead[WALL], now.wall_ms + LEAD_MS + SET_BACK_MS
        if not heap or heap[0][0] <= far_ms:
            return []
        found = heap.copy()
        heap.clear()
        return sorted(found)

    @staticmethod
    def due(heaps: tuple[list[tuple[int, int]], list[tuple[int, int]]], now: Now) -> Iterator[tuple[int, int]]:
        """Pops the (key, id) of `soon` or `ahead` whose instant has come."""
        for clock in CLOCKS:
            heap, at_ms = heaps[clock], clock_ms(clock, now)
            while heap and heap[0][0] <= at_ms:
                yield heapq.heappop(heap)

    def wake_ns(self, now: Now) -> int | None:
        """Returns the elapsed ns at which something here wants a turn.

        While anything waits on the wall, at least each second.
        """
        best: int | None = None
        for clock in CLOCKS:
            if self.full[clock]:
                return now.elapsed_ns
            keys = [heap[0][0] for heap in (self.soon[clock], self.ahead[clock]) if heap]
            next_ms = self.wheels[clock].next_due_ms()
            if next_ms is not None:
                keys.append(next_ms - LEAD_MS)
            if not keys:
                continue
            key = min(keys)
            if clock == ELAPSED:
                at_ns = key * 1_000_000
            else:
                at_ns = wall_wake_ns(now, key)
            best = at_ns if best is None else min(best, at_ns)
        return best

    def check(self) -> None:
        """Asserts the wheels' own relations."""
        for wheel in self.wheels:
            wheel.check()
        void = sum(others for _, others in self.void.values())
        assert len(self.on_elapsed) + void <= len(self.wheels[ELAPSED])
