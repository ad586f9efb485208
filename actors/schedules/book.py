"""All schedules of a shard in memory, and how each op changes them.

Decides what SCHEDULE, UNSCHEDULE, PAUSE, TICK and BOOT mean for memory; the store decides the same for rows. `apply_*`
are the only writers. It reads no clock and computes no instant: ops bring them.
"""

from collections import Counter
from typing import Any

from ..entries import Op
from ..store import Restored
from . import reasons
from .schedule import Definition, Schedule

Name = tuple[str, str]
"""(tenant, name)."""


class Book:
    """The schedules of one shard, by number and by name, and the live jobs of their instants.

    Attributes:
        touched: numbers whose next wake may have changed since somebody looked; soft.
        freed: numbers whose last live job has ended since somebody looked; soft.
    """

    def __init__(self, restored: Restored) -> None:
        self.by_number: dict[int, Schedule] = {}
        self.by_name: dict[Name, Schedule] = {}
        self.of_job: dict[int, int] = {}
        self.next_number = restored.next_schedule
        self.boots: dict[str, str] = {row[0]: row[1] for row in restored.boots}
        self.ticks = restored.ticks  # rows kept, about: ranges that grow are counted anew
        self.manual_ms = restored.stamp_ms  # no run off the calendar so far was later
        self.touched: set[int] = set()
        self.freed: set[int] = set()
        for row in restored.schedules:
            self._add(Schedule.from_state(row))
        for job, number in restored.tick_jobs:
            self._begin(job, number)
        self.freed.update(number for number, schedule in self.by_number.items() if schedule.buffered_ms is not None)

    def __len__(self) -> int:
        return len(self.by_number)

    def _add(self, schedule: Schedule) -> None:
        assert schedule.number not in self.by_number, f"schedule {schedule.number} exists"
        self.by_number[schedule.number] = schedule
        definition = schedule.definition
        assert (definition.tenant, definition.name) not in self.by_name, f"{definition.name!r} exists"
        self.by_name[definition.tenant, definition.name] = schedule
        self.touched.add(schedule.number)

    def find(self, definition: Definition) -> Schedule | None:
        """Returns the schedule of that tenant and name."""
        return self.by_name.get((definition.tenant, definition.name))

    def _begin(self, job: int, number: int) -> None:
        self.of_job[job] = number
        schedule = self.by_number.get(number)
        if schedule is not None:  # else it was removed, and its jobs go on
            schedule.live += 1

    def job_ended(self, job: int) -> None:
        """The job of an instant has ended, however."""
        number = self.of_job.pop(job, None)
        schedule = self.by_number.get(number) if number is not None else None
        if schedule is not None:
            schedule.live -= 1
            assert schedule.live >= 0, f"more jobs of {schedule} have ended than were made"
            if schedule.buffered_ms is not None and not schedule.live:
                self.freed.add(schedule.number)

    # The ops.

    def apply_schedule(self, op: Op) -> None:
        """Schedules are added or changed."""
        _, source, revision, rows = op
        for number, cursor_ms, next_ms, row in rows:
            definition = Definition._make(row)
            schedule = self.by_number.get(number)
            if schedule is None:
                assert number == self.next_number, "schedule numbers are given in order"
                self.next_number += 1
                schedule = Schedule(number, source, revision, definition)
                self._add(schedule)
            else:
                old = schedule.definition
                assert (old.tenant, old.name) == (definition.tenant, definition.name), "a schedule keeps its name"
                if definition.paused is not None and definition.paused is not old.paused:
                    schedule.paused, schedule.pause_note = definition.paused, None
                schedule.source, schedule.revision, schedule.definition = source, revision, definition
            schedule.cursor_ms, schedule.next_ms, schedule.skip = cursor_ms, next_ms, None
            self.touched.add(number)
            if schedule.buffered_ms is not None:
                self.freed.add(number)  # it may have gone on

    def apply_unschedule(self, op: Op) -> None:
        """Schedules end for good; their live jobs go on."""
        for number in op[1]:
            definition = self.by_number.pop(number).definition
            del self.by_name[definition.tenant, definition.name]

    def apply_pause(self, op: Op) -> None:
        """Schedules pause or go on."""
        _, numbers, paused, note = op
        for number in numbers:
            schedule = self.by_number[number]
            schedule.paused, schedule.pause_note = bool(paused), note
            self.touched.add(number)
            if schedule.buffered_ms is not None:
                self.freed.add(number)

    def apply_tick(self, op: Op) -> None:
        """Instants are accounted for."""
        for number, from_ms, to_ms, count, reason, job, cursor_ms, next_ms in op[1]:
            schedule = self.by_number[number]
            assert cursor_ms >= schedule.cursor_ms, f"the cursor of {schedule} goes back"
            schedule.cursor_ms, schedule.next_ms = cursor_ms, next_ms
            fired = reasons.REASONS[reason].fired
            assert fired == (job is not None), "who fires has a job"
            if reason == reasons.BUFFERED:
                schedule.buffered_ms = from_ms
            elif from_ms == schedule.buffered_ms:
                schedule.buffered_ms = None
            if job is not None:
                schedule.runs += 1
                self._begin(job, number)
            # One that lies behind the cursor has waited: the instants to come do not follow on from it.
            grows = not fired and reason != reasons.BUFFERED and to_ms == cursor_ms
            schedule.skip = (from_ms, count, reason) if grows else None
            self.touched.add(number)
        self.ticks += len(op[1])

    def apply_boot(self, op: Op) -> None:
        """A node's host runs under this boot id."""
        self.boots[op[1]] = op[2]

    def check(self) -> None:
        """Asserts the relations between the maps."""
        live = Counter(self.of_job.values())
        for number, schedule in self.by_number.items():
            assert schedule.number == number < self.next_number
            assert self.by_name[schedule.definition.tenant, schedule.definition.name] is schedule
            assert schedule.live == live[number], schedule
            assert schedule.next_ms is None or schedule.next_ms > schedule.cursor_ms, schedule
            assert schedule.buffered_ms is None or schedule.buffered_ms <= schedule.cursor_ms, schedule
        assert len(self.by_name) == len(self.by_number)

    def state_rows(self) -> list[list[Any]]:
        """Returns all as rows of SCHEDULE_STATE_COLUMNS, in order of number."""
        return [self.by_number[number].state_row() for number in sorted(self.by_number)]
