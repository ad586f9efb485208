"""What a shard counts for the metrics: how attempts ended, how long they took, how late they began, how jobs ended.

Decides what is told apart. Soft state, counted from the start of the process: whoever scrapes knows how to deal with a
counter that begins anew. Rule: docs/design.md, "What people touch" (observability).
"""

from operator import itemgetter

from ..jobs.lifecycle import OUTCOME_FAILED, OUTCOME_RETURNED, OUTCOME_SUCCEEDED, OUTCOMES, STATUS_LABELS
from ..spread import JOB_BOUNDS_MS, MetricRow, Spread

TASKS_MAX = 1_000
"""Tasks that are told apart; the others are counted together, so that names cannot fill the memory."""

OTHERS = "(others)"

ATTEMPT_LABELS = {OUTCOME_SUCCEEDED: "success", OUTCOME_FAILED: "failure"}
"""Outcome -> the `status` label of an attempt, where it differs from the outcome's name."""


class TaskTally:
    """What is counted of one task."""

    __slots__ = ("_attempts", "_ended", "_lateness")

    def __init__(self) -> None:
        self._attempts: dict[int, Spread] = {}
        self._lateness = Spread(JOB_BOUNDS_MS, 1000)
        self._ended: dict[int, int] = {}

    def attempt(self, outcome: int, due_ms: int, started_ms: int | None, finished_ms: int) -> None:
        """Counts an attempt that has ended; one that never started took no time.

        Args:
            outcome: a number of `lifecycle.OUTCOMES`.
            due_ms: when it was due, UTC.
            started_ms: when it started, by the executor's clock.
            finished_ms: when it ended, by the executor's clock.
        """
        took = self._attempts.get(outcome)
        if took is None:
            took = self._attempts[outcome] = Spread(JOB_BOUNDS_MS, 1000)
        if started_ms is None:
            took.add(0)
            return
        took.add(finished_ms - started_ms)
        self._lateness.add(started_ms - due_ms)

    def job(self, state: int) -> None:
        """Counts a job that has ended in this state."""
        self._ended[state] = self._ended.get(state, 0) + 1

    def rows(self, task: str) -> list[MetricRow]:
        """Returns all counts, under the task's name."""
        found: list[MetricRow] = []
        for state, count in sorted(self._ended.items()):
            found.append(["scheduler_task_run_total", ["task", task, "status", STATUS_LABELS[state]], count])
        for outcome, took in sorted(self._attempts.items()):
            status = ATTEMPT_LABELS.get(outcome, OUTCOMES[outcome])
            found.append(took.row("job_duration_seconds", ["job", task, "status", status]))
            if outcome not in (OUTCOME_SUCCEEDED, OUTCOME_RETURNED):
                found.append(["task_failures_total", ["job", task, "reason", OUTCOMES[outcome]], took.count])
        if self._lateness.count:
            found.append(self._lateness.row("scheduler_start_lateness_seconds", ["task", task]))
        return found


class Tallies:
    """All counts of one shard."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: dict[str, TaskTally] = {}

    def of(self, task: str) -> TaskTally:
        """Returns the counts of a task, or those of all that are not told apart."""
        found = self._tasks.get(task)
        if found is None:
            name = task if len(self._tasks) < TASKS_MAX else OTHERS
            found = self._tasks.setdefault(name, TaskTally())
        return found

    def rows(self) -> list[MetricRow]:
        """Returns all counts as rows [name, labels, value]."""
        return [row for task, tally in sorted(self._tasks.items(), key=itemgetter(0)) for row in tally.rows(task)]
