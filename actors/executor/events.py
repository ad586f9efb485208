"""What an executor hears from its runner children."""

from typing import Any, NamedTuple


class ChildReady(NamedTuple):
    """A child has imported the tasks; rows of broker.wire.rows.TASK_COLUMNS and SCHEDULE_COLUMNS."""

    child: int
    tasks: list[list[Any]]
    schedules: list[list[Any]]


class ChildFailed(NamedTuple):
    """A child could not import the tasks."""

    child: int
    text: str


class ChildDone(NamedTuple):
    """Runs ended: rows [run_id, outcome, started_ms, finished_ms, result, error, error_kind, output, verdict, after_ms]."""

    child: int
    rows: list[list[Any]]


class ChildPong(NamedTuple):
    """A child answered a ping."""

    child: int
    number: int


class ChildStuck(NamedTuple):
    """A child's event loop has stopped turning; `run_id` holds it, if that is known."""

    child: int
    run_id: int | None
    stack: str


class ChildExited(NamedTuple):
    """A child is dead and reaped; `how` in words."""

    child: int
    how: str


ChildEvent = ChildReady | ChildFailed | ChildDone | ChildPong | ChildStuck | ChildExited
