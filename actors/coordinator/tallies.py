"""What a shard counts for the metrics: how attempts ended, how long they took, how late they began, how jobs ended.

Decides what is told apart. Soft state, counted from the start of the process: whoever scrapes knows how to deal with a
counter that begins anew. Rule: docs/design.md, "What people touch" (observability).
"""

from ..jobs.lifecycle import OUTCOME_FAILED, OUTCOME_RETURNED, OUTCOME_SUCCEEDED, OUTCOMES, STATUS_LABELS
from ..spread import JOB_BOUNDS_MS, MetricRow, Spread

TASKS_MAX = 1_000
"""Tasks that are told apart; the others are counted together, so that names cannot fill the memory."""

OTHERS = "(others)"

ATTEMPT_LABELS = {OUTCOME_SUCCEEDED: "success", OUTCOME_FAILED: "failure"}
"""Outcome -> the `status` label of an attempt, where it differs from the outcome's name."""


class Tallies:
    """All counts of one shard."""

    __slots__ = ("_attempts", "_ended", "_lateness", "_tasks")

    def __init__(self) -> None:
        self._tasks: set[str] = set()
        self._attempts: dict[tuple[str, int], Spread] = {}
        self._lateness: dict[str, Spread] = {}
        self._ended: dict[tuple[str, int], int] = {}

    def attempt(self, task: str, outcome: int, due_ms: int, started_ms: int | None, finished_ms: int) -> None:
        """Counts an attempt that has ended; one that never started took no time.

        Args:
            task: whose.
            outcome: a number of `lifecycle.OUTCOMES`.
            due_ms: when it was due, UTC.
            started_ms: when it started, by the executor's clock.
            finished_ms: when it ended, by the executor's clock.
        """
        took = self._attempts.get((task, outcome))
        if took is None:
            took = self._attempts.setdefault((self._known(task), outcome), Spread(JOB_BOUNDS_MS, 1000))
        if started_ms is None:
            took.add(0)
            return
        took.add(finished_ms - started_ms)
        late = self._lateness.get(task)
        if late is None:
            late = self._lateness.setdefault(self._known(task), Spread(JOB_BOUNDS_MS, 1000))
        late.add(started_ms - due_ms)

    def job(self, task: str, state: int) -> None:
        """Counts a job that has ended in this state."""
        key = (self._known(task), state)
        self._ended[key] = self._ended.get(key, 0) + 1

    def _known(self, task: str) -> str:
        if task in self._tasks:
            return task
        if len(self._tasks) >= TASKS_MAX:
            return OTHERS
        self._tasks.add(task)
        return task

    def rows(self) -> list[MetricRow]:
        """Returns all counts as rows [name, labels, value]."""
        found: list[MetricRow] = []
        for (task, state), count in sorted(self._ended.items()):
            found.append(["scheduler_task_run_total", ["task", task, "status", STATUS_LABELS[state]], count])
        for (task, outcome), took in sorted(self._attempts.items(), key=lambda item: item[0]):
            status = ATTEMPT_LABELS.get(outcome, OUTCOMES[outcome])
            found.extend(took.rows("job_duration_seconds", ["job", task, "status", status]))
            if outcome not in (OUTCOME_SUCCEEDED, OUTCOME_RETURNED):
                found.append(["task_failures_total", ["job", task, "reason", OUTCOMES[outcome]], took.count])
        for task, late in sorted(self._lateness.items(), key=lambda item: item[0]):
            found.extend(late.rows("scheduler_start_lateness_seconds", ["task", task]))
        return found
