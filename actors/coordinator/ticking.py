"""When a shard looks at which of its schedules.

Decides the order: what waited for a job that has ended, then what has just come by the wall clock, then what is late,
each schedule in turn; a bounded number a turn. So who catches up with much holds up nobody who is on time. After a
start, every next instant is computed again, for the zones may have changed. What becomes of an instant, ticks.py
decides.
"""

import heapq
from collections import deque
from contextlib import suppress
from itertools import islice

from ..entries import BOOT, SCHEDULE
from ..limits import LEAD_MS, TICKS_A_TURN, VERIFIED_A_TURN
from ..schedules import reasons
from ..schedules.schedule import Definition, Schedule
from . import audit
from .state import ShardState
from .ticks import Ticks
from .timers import wall_wake_ns

_BROKEN_AGAIN_MS = 60_000
_VERIFY_EVERY_NS = 20_000_000
_LATE_MS = 1_000
"""What should have been looked at so long ago waits behind what comes now."""
_LOOKS_A_TURN = 4 * TICKS_A_TURN


class Ticking:
    """When which schedule is next looked at; soft state.

    Attributes:
        unverified: schedules found at the start whose next instant was computed by an older program, or with an older
            edition of the zones: each is computed again, a few a turn.
    """

    def __init__(self, state: ShardState) -> None:
        book = state.image.book
        self.unverified = deque(sorted(book.by_number))
        self._heap: list[tuple[int, int]] = []  # (when to look, number); nothing is due before
        self._late: dict[int, None] = {}  # numbers, in the order in which they are looked at
        self._broken: dict[int, tuple[Definition, int]] = {}  # number -> when this definition's calendar is tried again
        self._booted = False
        self._fill(state)

    def _fill(self, state: ShardState) -> None:
        """Sets the wakes of all schedules at once; jitter, which takes a calendar, is looked at when one has come."""
        book = state.image.book
        nexts = ((schedule.next_ms, number) for number, schedule in book.by_number.items())
        self._heap = [(next_ms, number) for next_ms, number in nexts if next_ms is not None]
        heapq.heapify(self._heap)
        self._late.clear()
        book.touched.clear()

    def _wakes_ms(self, schedule: Schedule) -> int | None:
        definition, again_ms = self._broken.get(schedule.number, (None, 0))
        if definition is schedule.definition:
            return again_ms
        try:
            return schedule.wakes_ms()
        except ValueError:
            return schedule.next_ms

    def look(self, state: ShardState) -> None:
        """Sets the wakes of schedules that have changed."""
        book = state.image.book
        for number in book.touched:
            schedule = book.by_number.get(number)
            wake_ms = self._wakes_ms(schedule) if schedule is not None else None
            if wake_ms is not None:
                heapq.heappush(self._heap, (wake_ms, number))
        book.touched.clear()
        if len(self._heap) > 2 * len(book) + 1_000:
            self._fill(state)  # wakes that nobody waits for any more

    def due(self, state: ShardState) -> None:
        """Accounts for the instants that are due now, and for those that waited for a job that has ended."""
        if state.standstill is not None:
            return  # the cursors stay, and catch-up follows when that is over
        if not self._has_work(state):
            return
        book = state.image.book
        ticks = Ticks(state)
        if not self._booted:
            self._booted = True
            _boot(state, ticks)
        for number in sorted(book.freed):
            schedule = book.by_number.get(number)
            if schedule is not None:
                ticks.release(schedule)
        book.freed.clear()
        if book.touched:
            self.look(state)
        self._account_due(state, ticks)
        self._account_late(state, ticks)
        ticks.write()
        if self.unverified:
            self._verify(state)
        if book.touched:
            self.look(state)

    def _has_work(self, state: ShardState) -> bool:
        """Says whether anything is due: what `wake_ns` asks, so that nothing that it wakes for is left lying."""
        book = state.image.book
        if not self._booted or book.freed or book.touched or self._late or self.unverified:
            return True
        return bool(self._heap) and self._heap[0][0] <= state.now.wall_ms + LEAD_MS

    def _account_due(self, state: ShardState, ticks: Ticks) -> None:
        """Accounts for what has just come; what should have been looked at long ago is only noted."""
        book, heap, wall_ms = state.image.book, self._heap, state.now.wall_ms
        for _ in range(_LOOKS_A_TURN):
            if not heap or heap[0][0] > wall_ms + LEAD_MS or ticks.is_enough:
                return
            _, number = heapq.heappop(heap)
            schedule = book.by_number.get(number)
            if schedule is None or number in book.touched:
                continue  # a wake that was set twice: this turn has looked at it, and nothing of it is applied yet
            wake_ms = self._wakes_ms(schedule)
            if wake_ms is None:
                continue
            if wake_ms > wall_ms + LEAD_MS:
                heapq.heappush(heap, (wake_ms, number))
            elif wake_ms < wall_ms - _LATE_MS:
                self._late[number] = None
            else:
                self._account(state, ticks, schedule)

    def _account_late(self, state: ShardState, ticks: Ticks) -> None:
        """Accounts for what is late; who has more of it is looked at again after all others."""
        book = state.image.book
        for number in list(islice(self._late, TICKS_A_TURN)):
            if ticks.is_enough:
                return
            del self._late[number]
            schedule = book.by_number.get(number)
            if schedule is not None and number not in book.touched:
                self._account(state, ticks, schedule)

    def _account(self, state: ShardState, ticks: Ticks, schedule: Schedule) -> None:
        self._broken.pop(schedule.number, None)
        rows = len(ticks.rows)
        try:
            ticks.account(schedule)
            if len(ticks.rows) == rows:
                correct(state, schedule)  # the zones have changed since its next instant was computed
        except ValueError:  # its zone is not known here any more; it may come back with an update
            state.count("schedules_broken")
            self._broken[schedule.number] = (schedule.definition, state.now.wall_ms + _BROKEN_AGAIN_MS)
        state.image.book.touched.add(schedule.number)

    def _verify(self, state: ShardState) -> None:
        """Computes the next instants of some schedules again."""
        book = state.image.book
        for _ in range(min(VERIFIED_A_TURN, len(self.unverified))):
            schedule = book.by_number.get(self.unverified.popleft())
            if schedule is not None:
                with suppress(ValueError):  # said when it is due
                    correct(state, schedule)

    def wake_ns(self, state: ShardState) -> int | None:
        """Returns the elapsed ns at which it wants a turn; at least each second while anything waits on the wall."""
        now = state.now
        if state.standstill is not None:
            return None
        if self._late or state.image.book.freed or state.image.book.touched:
            return now.elapsed_ns
        wakes = [now.elapsed_ns + _VERIFY_EVERY_NS] if self.unverified else []
        if self._heap:
            wakes.append(wall_wake_ns(now, self._heap[0][0] - LEAD_MS))
        return min(wakes, default=None)


def correct(state: ShardState, schedule: Schedule) -> None:
    """Computes a schedule's next instant again, and writes it down if it is another.

    Raises:
        ValueError: its calendar cannot be made.
    """
    next_ms = None if schedule.is_full else schedule.definition.calendar().next_ms(schedule.cursor_ms)
    if next_ms != schedule.next_ms:
        audit.moved(state, schedule, next_ms)
        row = [schedule.number, schedule.cursor_ms, next_ms, list(schedule.definition)]
        op = [SCHEDULE, schedule.source, schedule.revision, [row]]
        state.log(op)
        state.image.book.apply_schedule(op)
        state.count("schedules_moved")


def _boot(state: ShardState, ticks: Ticks) -> None:
    """Fires what is to run when the host was started; a host that is new here was not started for us."""
    node, boot = state.settings.node, state.settings.boot
    book = state.image.book
    before = book.boots.get(node)
    if not boot or before == boot:
        return
    op = [BOOT, node, boot]
    state.log(op)
    book.apply_boot(op)
    if before is None:
        return
    for number in sorted(book.by_number):
        schedule = book.by_number[number]
        # No calendar is needed to see that one which has instants is none of these.
        if schedule.next_ms is None and not schedule.paused and not schedule.is_full and _is_reboot(schedule):
            ticks.start_now(schedule, reasons.REBOOT)


def _is_reboot(schedule: Schedule) -> bool:
    try:
        return schedule.definition.calendar().is_reboot
    except ValueError:
        return False
