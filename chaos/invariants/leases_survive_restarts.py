"""A coordinator that starts finds exactly the leases that the durable log has open, however the log was truncated.

Why: leases have no row while they are young, so truncation must never pass one that lacks it; a lease that is lost
lets a running job run twice.
"""

from ...actors.entries import FINISH, LEASE
from ..history import Decided
from ..seat import Seat
from .base import Invariant

Lease = tuple[int, int, int]
"""(attempt, epoch, index)."""


class LeasesSurviveRestarts(Invariant):
    """Open leases after a start are those of the durable log."""

    EACH_SHARD = True

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.open: dict[int, Lease] = {}

    def committed(self, decided: Decided) -> None:
        """Keeps the open leases."""
        for op in decided.entry.ops:
            if op[0] == LEASE:
                for id, attempt in zip(op[3], op[4], strict=True):
                    self.open[id] = (attempt, decided.entry.epoch, decided.index)
            elif op[0] == FINISH:
                for row in op[2]:
                    self.open.pop(row[0], None)

    def restarted(self, seat: Seat) -> None:
        """Compares what the new machine has found."""
        found = {id: (job.attempts, job.epoch, job.index) for id, job in seat.machine.state.image.leases.items()}
        if found != self.open:
            missing = {id: lease for id, lease in self.open.items() if found.get(id) != lease}
            extra = {id: lease for id, lease in found.items() if self.open.get(id) != lease}
            self.fail(f"the new coordinator lacks the leases {missing} and has {extra} instead", seat.node)
        self.world.count("leases_found_at_start", len(found))
