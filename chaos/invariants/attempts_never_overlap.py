"""No two attempts of a job run at the same time.

Why: a job is given out again only when it is provably not running (promise P5): its executor denies it, its process
group is dead, or its lease is over, and an executor ends its children before that. A host that was frozen cannot keep
to that while it is frozen; what it still runs then is kept harmless by its fence, and is not counted here.
"""

from ..history import Attempt
from .base import Invariant


class AttemptsNeverOverlap(Invariant):
    """When a handler is called, no other of the same job runs."""

    def started(self, attempt: Attempt) -> None:
        """Looks for others of the same job."""
        history = self.world.history
        for other in history.running.get(attempt.id, ()):
            if not history.was_paused(other.executor, other.started_ns):
                self.fail(
                    f"job {attempt.id} ({attempt.tag}) starts its attempt {attempt.attempt} at {attempt.executor} "
                    f"while attempt {other.attempt} still runs at {other.executor} since {other.started_ns} ns",
                    *self.world.nodes(attempt.executor, other.executor),
                    *self.world.coordinators,
                )
            self.world.count("overlaps_of_frozen")
