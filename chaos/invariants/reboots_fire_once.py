"""What is to run when a host was started runs once for each start of the host, and at no other time.

Why: promise P4. A coordinator that starts again, or comes up on another host, has not started that host; one that
finds another boot id than the log has for its host runs each @reboot schedule that is not paused, in the same entry.
"""

from ...actors.schedules import reasons
from ..history import Decided
from .schedule_walk import Record, Row, ScheduleWalk


class RebootsFireOnce(ScheduleWalk):
    """Ticks for a boot against the boots."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        super().begin()
        self.fired: set[int] = set()
        self.refused: set[int] = set()
        """Schedules of which a run was not made because the queue is full."""
        self.wanted: set[int] = set()

    def booted(self, node: str, boot: str, decided: Decided) -> None:
        """Notes who has to fire in this entry."""
        if boot not in self.world.faults.boots_of(node):
            self.fail(f"entry {decided.index} has boot id {boot} of {node}, which is another")
        before = self.boots.get(node)
        if before == boot:
            self.fail(f"entry {decided.index} has boot id {boot} of {node} again")
        if before is not None:
            self.world.count("reboots_found")
            self.wanted = {
                number
                for number, record in self.records.items()
                if record.calendar.is_reboot and not record.paused and not record.is_full
            }

    def ticked(self, record: Record, row: Row, decided: Decided) -> None:  # noqa: ARG002 - the hook's own
        """Notes who has fired."""
        if row.reason == reasons.REBOOT:
            self.fired.add(row.number)
        elif row.reason == reasons.QUEUE_FULL and row.from_ms % 1_000:
            self.refused.add(row.number)

    def ended_entry(self, decided: Decided) -> None:
        """Compares."""
        if not self.fired <= self.wanted <= self.fired | self.refused:
            self.fail(f"entry {decided.index} fires {sorted(self.fired)} for a boot, not {sorted(self.wanted)}")
        self.fired, self.refused, self.wanted = set(), set(), set()
