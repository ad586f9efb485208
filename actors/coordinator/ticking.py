"""When a shard looks at which of its schedules.

Decides the order: what waited for a job that has ended, then what is due by the wall clock, each schedule in turn and a
bounded number a turn. After a start, every next instant is computed again, for the zones may have changed. What becomes
of an instant, ticks.py decides.
"""

import heapq
from collections import deque
from contextlib import suppress

from ..entries import BOOT, SCHEDULE
from ..limits import LEAD_MS, TICKS_A_TURN, UNAPPLIED_BYTES_MAX, VERIFIED_A_TURN
from ..schedules import reasons
from ..schedules.schedule import Schedule
from .state import ShardState
from .ticks import Ticks
from .timers import wall_wake_ns

_BROKEN_AGAIN_MS = 60_000
_VERIFY_EVERY_NS = 20_000_000


class Ticking:
    """When which schedule is next looked at; soft state.

    Attributes:
        unverified: schedules found at the start whose next instant was computed by an older program, or with an older
            edition of the zones: each is computed again, a few a turn.
    """

    def __init__(self, state: ShardState) -> None:
        book = state.image.book
        self.unverified = deque(sorted(book.by_number))
        self._heap: list[tuple[int, int]] = []
        self._broken: dict[int, int] = {}  # number -> when its calendar is tried again
        self._booted = False
        self._fill(state)

    def _fill(self, state: ShardState) -> None:
        """Sets the wakes of all schedules at once."""
        wakes = ((self._wakes_ms(schedule), schedule.number) for schedule in state.image.book.by_number.values())
        self._heap = [(wake_ms, number) for wake_ms, number in wakes if wake_ms is not None]
        heapq.heapify(self._heap)
        state.image.book.touched.clear()

    def _wakes_ms(self, schedule: Schedule) -> int | None:
        try:
            return self._broken.get(schedule.number) or schedule.wakes_ms()
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
        if _stands_still(state):
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
        heap, until_ms = self._heap, state.now.wall_ms + LEAD_MS
        while heap and heap[0][0] <= until_ms and len(ticks.rows) < TICKS_A_TURN:
            wake_ms, number = heapq.heappop(heap)
            schedule = book.by_number.get(number)
            if number in book.touched:
                continue  # a wake that was set twice: this turn has looked at it, and nothing of it is applied yet
            if schedule is not None and self._wakes_ms(schedule) == wake_ms:
                self._account(state, ticks, schedule)
        ticks.write()
        if self.unverified:
            self._verify(state)
        if book.touched:
            self.look(state)

    def _account(self, state: ShardState, ticks: Ticks, schedule: Schedule) -> None:
        self._broken.pop(schedule.number, None)
        rows = len(ticks.rows)
        try:
            ticks.account(schedule)
            if len(ticks.rows) == rows:
                correct(state, schedule)  # the zones have changed since its next instant was computed
        except ValueError:  # its zone is not known here any more; it may come back with an update
            state.count("schedules_broken")
            self._broken[schedule.number] = state.now.wall_ms + _BROKEN_AGAIN_MS
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
        if _stands_still(state):
            return None
        if state.image.book.freed or state.image.book.touched:
            return now.elapsed_ns
        if self.unverified:
            return now.elapsed_ns + _VERIFY_EVERY_NS
        return wall_wake_ns(now, self._heap[0][0] - LEAD_MS) if self._heap else None


def _stands_still(state: ShardState) -> bool:
    """Says whether no instant is accounted for now: the cursors stay, and catch-up follows when that is over."""
    return state.draining or state.disk_full or state.image.unapplied_bytes > UNAPPLIED_BYTES_MAX


def correct(state: ShardState, schedule: Schedule) -> None:
    """Computes a schedule's next instant again, and writes it down if it is another.

    Raises:
        ValueError: its calendar cannot be made.
    """
    next_ms = None if schedule.is_full else schedule.definition.calendar().next_ms(schedule.cursor_ms)
    if next_ms != schedule.next_ms:
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
        if not schedule.paused and not schedule.is_full and _is_reboot(schedule):
            ticks.start_now(schedule, reasons.REBOOT)


def _is_reboot(schedule: Schedule) -> bool:
    try:
        return schedule.definition.calendar().is_reboot
    except ValueError:
        return False
