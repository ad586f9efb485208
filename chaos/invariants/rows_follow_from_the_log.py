"""Members that have applied the same entries have the same rows, and so has whoever applies them from the beginning.

Why: a member takes over with the rows that it has; rows that depend on anything but the log (a clock, chance, where a
crash has cut, which copy came when) would decide differently there.
"""

from ...actors.entries import entry_of
from ..memory_rows import MemoryRows
from ..node import Node
from .base import Invariant


class RowsFollowFromTheLog(Invariant):
    """Rows of members against rows made here of the committed log."""

    EACH_SHARD = True

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.next_event = 0
        self.rows = MemoryRows()

    def turned(self, node: Node) -> None:
        """Compares the member that is furthest, every so often."""
        if self.world.members and self.shard in node.seats and self.world.events >= self.next_event:
            seat = node.seats[self.shard]
            if seat.store.applied < self.rows.applied:
                return  # it is compared later, when it has caught up
            self.next_event = self.world.events + 40 * self.world.options.check_every
            self._compare(node)

    def at_end(self) -> None:
        """Compares all members at rest."""
        for node in self.world.members:
            if node.up:
                self._compare(node)

    def _compare(self, node: Node) -> None:
        store = node.seats[self.shard].store
        for record in self.world.ledger.records[self.shard][self.rows.applied : store.applied]:
            self.rows.apply(record.index, entry_of(record.epoch, record.blob))
        if store.applied != self.rows.applied:
            return
        differ = differences(store.rows, self.rows)
        if differ:
            self.fail(f"rows of {node.name} at entry {store.applied} of shard {self.shard} differ: {differ}", node)


def differences(mine: MemoryRows, theirs: MemoryRows) -> list[str]:
    """Returns the names of what differs between rows."""
    found = [name for name, value in vars(mine).items() if name != "schedules" and value != vars(theirs)[name]]
    own, other = vars(mine.schedules), vars(theirs.schedules)
    return found + [f"schedules.{name}" for name in own if own[name] != other[name]]
