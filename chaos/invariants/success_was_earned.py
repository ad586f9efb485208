"""A job recorded as succeeded was run to its end, under that attempt and that fence.

Why: at least once means that the record never says more than what happened.
"""

from ...actors.entries import FINISH
from ...actors.jobs.lifecycle import OUTCOME_FAILED, OUTCOME_SUCCEEDED
from ..history import Decided
from .base import Invariant

_TRUE = {OUTCOME_SUCCEEDED: "succeeded", OUTCOME_FAILED: "failed"}


class SuccessWasEarned(Invariant):
    """Recorded successes and failures are those of handlers that ran."""

    def committed(self, decided: Decided) -> None:
        """Compares finishes with what truly happened."""
        for op in decided.entry.ops:
            if op[0] != FINISH:
                continue
            for row in op[2]:
                wanted = _TRUE.get(row[2])
                if wanted is None:
                    continue
                ran = self.world.history.attempts.get((row[0], row[1]), ())
                truly = [attempt.outcome for attempt in ran]
                if wanted not in truly:
                    self.fail(f"attempt {row[1]} of job {row[0]} is recorded as {wanted}, and truly was {truly}")
