"""What a job or a schedule by name is filled in with: the queue and the priority that its task's executors announced.

Decides nothing else. Must not know what becomes of the rows.
"""

from typing import NamedTuple

from ...broker.wire.errors import ERRORS
from ...broker.wire.rows import JOB_COLUMNS, SCHEDULE_COLUMNS
from .events import Failure, Row, refusal
from .state import ClientState


class Places(NamedTuple):
    """Where a row has what filling looks at."""

    task: int
    queue: int
    priority: int


def _places(columns: tuple[str, ...]) -> Places:
    return Places(*(columns.index(column) for column in Places._fields))


JOB_PLACES, SCHEDULE_PLACES = _places(JOB_COLUMNS), _places(SCHEDULE_COLUMNS)


def has_unknown(state: ClientState, rows: list[Row], places: Places) -> bool:
    """Says whether a row by name has a task that is not known here."""
    tasks = state.cluster.tasks
    task, queue, _ = places
    return any(row[queue] is None and row[task] not in tasks for row in rows)


def fill(state: ClientState, rows: list[Row], places: Places) -> Failure | None:
    """Gives rows by name their queue and priority, in place.

    Returns what cannot be filled.
    """
    tasks = state.cluster.tasks
    at_task, at_queue, at_priority = places
    for row in rows:
        if row[at_queue] is not None and row[at_priority] is not None:
            continue
        known = tasks.get(row[at_task])
        if known is None and row[at_queue] is None:
            return refusal("unknown_task", f"task {row[at_task]!r} is not known here; {ERRORS['unknown_task'].mend}")
        queue, priority = known or (row[at_queue], 0)
        if row[at_queue] is None:
            row[at_queue] = queue
        if row[at_priority] is None:
            row[at_priority] = priority
    assert all(row[at_queue] is not None for row in rows), "a row was left without its queue"
    return None
