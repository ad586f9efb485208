"""A handler is called only under a lease that is open in the durable log.

Why: a cancel that was answered with "cancelled" says that the job will not run, a lease that was given back may be
somebody else's by now. A host that was frozen finds old frames when it wakes; its lease may have ended and its clock
not shown it yet, so it is excused.
"""

from ...broker.wire.ids import shard_of
from ..history import Attempt
from .base import Invariant
from .leases_survive_restarts import LeasesSurviveRestarts


class OnlyLeasedJobsStart(Invariant):
    """When a handler is called, its fence is that of the job's open lease."""

    def started(self, attempt: Attempt) -> None:
        """Looks for the lease."""
        lease = self.world.invariants.one(LeasesSurviveRestarts, shard_of(attempt.id)).open.get(attempt.id)
        if lease == (attempt.attempt, *attempt.fence):
            return
        if self.world.history.was_paused(attempt.executor, attempt.started_ns - 1):
            return
        self.fail(
            f"job {attempt.id} ({attempt.tag}) starts under fence {attempt.fence}; open is {lease}",
            *self.world.nodes(attempt.executor),
            *self.world.coordinators,
        )
