"""The log never drops the entry of an open lease that has no durable row.

Why: such a lease stands in the log alone (docs/design.md, "Storage"); after the next crash nobody would know that its
job runs.
"""

from ..seat import Seat
from .base import Invariant
from .leases_survive_restarts import LeasesSurviveRestarts


class TruncationKeepsOpenLeases(Invariant):
    """What is dropped holds no lease that only the log knows."""

    def truncated(self, seat: Seat, below: int) -> None:
        """Looks at the leases of the entries that may go."""
        leases = self.world.invariants.one(LeasesSurviveRestarts, seat.shard)
        rows = seat.store.durable_leases()
        for id, (attempt, _, index) in leases.open.items():
            if index < below and (id not in rows or rows[id][1] != attempt):
                self.fail(
                    f"entries below {below} may go, job {id} is leased by entry {index} and has no durable row",
                    seat.node,
                )
