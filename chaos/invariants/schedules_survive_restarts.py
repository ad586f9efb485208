"""What the coordinator holds of schedules is what the log says, and a new coordinator begins with just that.

Why: the cursor, the run that waits and the jobs that live decide what becomes of the next instant; a restart that
forgets one of them doubles a job or loses one. Rows, with what is not applied laid over them, must say the same; and
an instant that waits must wait for something.
"""

from ...actors.schedules.book import Book
from ..node import Node
from ..seat import Seat
from .schedule_walk import ScheduleWalk


class SchedulesSurviveRestarts(ScheduleWalk):
    """The machine's book against the log, at a start, and against the rows, every so often."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        super().begin()
        self.next_event = 0

    def restarted(self, seat: Seat) -> None:
        """Compares what the new machine has found with the durable log."""
        book, node = seat.machine.state.image.book, seat.node
        if book.by_number.keys() != self.records.keys():
            self.fail(f"the new coordinator has schedules {sorted(book.by_number)}, not {sorted(self.records)}", node)
        for number, record in self.records.items():
            found = book.by_number[number]
            has = (found.cursor_ms, found.next_ms, found.paused, found.runs, found.buffered_ms, found.live)
            wants = (record.cursor_ms, record.next_ms, record.paused, record.runs, record.buffered_ms, len(record.live))
            if has != wants or found.definition != record.definition:
                self.fail(f"{record}: the new coordinator has {has} of it, the log says {wants}", node)
        self._jobs_fit(book, seat)
        if book.boots != self.boots:
            self.fail(f"the new coordinator knows the boots {book.boots}, the log says {self.boots}", node)

    def _jobs_fit(self, book: Book, seat: Seat) -> None:
        if book.of_job != self.of_job:
            differ = sorted(book.of_job.items() ^ self.of_job.items())
            self.fail(f"jobs of schedules are known here or in the log, not in both: {differ[:5]}", seat.node)

    def turned(self, node: Node) -> None:
        """Compares memory and rows after a turn of the coordinator, every so often."""
        options = self.world.options
        seat = node.seats.get(self.shard)
        if options.schedules and seat is not None and seat.leads and self.world.events >= self.next_event:
            self.next_event = self.world.events + 4 * options.check_every
            self._compare(seat)

    def at_end(self) -> None:
        """Compares at rest."""
        seat = self.leader()
        self._compare(seat)
        self._jobs_fit(seat.machine.state.image.book, seat)

    def _compare(self, seat: Seat) -> None:
        member, node = seat.member, seat.node
        assert member is not None
        book = seat.machine.state.image.book
        for schedule in book.by_number.values():
            waits = schedule.buffered_ms is not None and not schedule.paused
            if waits and not schedule.live and schedule.number not in book.freed:
                self.fail(f"{schedule} lets {schedule.buffered_ms} wait, no job lives, and nobody looks", node)
        rows = seat.store.rows.clone()
        for index, entry in member.unapplied:
            rows.apply(index, entry)
        kept = rows.schedules
        for mine, theirs in zip(book.state_rows(), kept.states(), strict=False):
            if mine != theirs:
                self.fail(f"memory has {mine} and the rows say {theirs}", node)
        if len(book) != len(kept.states()) or book.next_number != kept.next_number:
            self.fail(f"memory has {len(book)} schedules and the rows {len(kept.states())}", node)
        if book.of_job != kept.tick_jobs or book.boots != kept.boots:
            self.fail(f"memory and rows know other jobs or boots: {book.of_job} and {kept.tick_jobs}", node)
