"""What counts against a job is what it did: its failures but those that its handler excused, and its crashes.

Why: a retry that is spent for nothing ends a job too early, one that is not spent never ends it. What a handler says of
its own failure is known here, so that the log is held against it.
"""

from ...actors.entries import FINISH, REVIVE
from ...actors.jobs import lifecycle as life
from ...actors.jobs.retry import DELAY_MIN_MS
from ..history import Decided
from .base import Invariant

_CRASHES = (life.OUTCOME_CRASHED, life.OUTCOME_LOST)


class FailuresAreCounted(Invariant):
    """Counts of the log against the verdicts of the handlers."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.counted: dict[int, tuple[int, int]] = {}

    def committed(self, decided: Decided) -> None:
        """Counts along."""
        for op in decided.entry.ops:
            if op[0] == REVIVE:
                for id, _ in op[1]:
                    self.counted.pop(id, None)
            elif op[0] == FINISH:
                for row in op[2]:
                    self._finish(row, decided)

    def _finish(self, row: list[object], decided: Decided) -> None:
        id, attempt, outcome, state = row[:4]
        assert isinstance(id, int)
        assert isinstance(attempt, int)
        verdict, after_ms = self._said(id, attempt)
        failures, crashes = self.counted.get(id, (0, 0))
        is_stopped = state in (life.CANCELLED, life.SKIPPED)
        if outcome in (life.OUTCOME_FAILED, life.OUTCOME_TIMED_OUT) and not is_stopped:
            failures += not (outcome == life.OUTCOME_FAILED and verdict == "no_count")
        elif outcome in _CRASHES and not is_stopped:
            crashes += 1
        if (row[11], row[12]) != (failures, crashes):
            text = f"{(row[11], row[12])} failures and crashes are counted, there were {(failures, crashes)}"
            self.fail(f"attempt {attempt} of job {id} ends with outcome {outcome}, verdict {verdict}: {text}")
        self.counted[id] = (failures, crashes)
        if outcome != life.OUTCOME_FAILED:
            return
        if verdict == "no_retry" and state == life.RETRYING:
            self.fail(f"job {id} is tried again, and its handler has said that it is no use")
        wanted_ms = decided.now.wall_ms + max(after_ms or 0, DELAY_MIN_MS)
        if after_ms is not None and state == life.RETRYING and row[10] != wanted_ms:
            self.fail(f"job {id} runs again at {row[10]}, and its handler has asked for {wanted_ms}")

    def _said(self, id: int, attempt: int) -> tuple[str | None, int | None]:
        for one in self.world.history.attempts.get((id, attempt), ()):
            if one.verdict is not None:
                return one.verdict, one.after_ms
        return None, None
