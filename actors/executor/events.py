"""What an executor hears from its runner children, and of its connections."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..effects import Peer


class ChildReady(NamedTuple):
    """A child has imported the tasks; rows of broker.wire.rows.TASK_COLUMNS and SCHEDULE_COLUMNS.

    `limits`: rows [task, memory_bytes, cpu_ms, labels] of the tasks that have any of these.
    """

    child: int
    tasks: list[list[Any]]
    schedules: list[list[Any]]
    limits: Sequence[list[Any]] = ()


class ChildFailed(NamedTuple):
    """A child could not import the tasks."""

    child: int
    text: str


class ChildDone(NamedTuple):
    """Runs ended.

    Rows [run_id, outcome, started_ms, finished_ms, result, error, error_kind, output, verdict, after_ms].
    """

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
    """A child is dead and reaped; `how` in words, `output` the end of what it has written."""

    child: int
    how: str
    output: str | None = None


class ChildrenSized(NamedTuple):
    """How large the children are: rows [child, rss_bytes]; and how much of their output nobody took, in all."""

    rows: list[list[int]]
    dropped_bytes: int


class RunUsed(NamedTuple):
    """What a watched run uses: its child and all below it have so much more memory, and CPU time, since it began."""

    child: int
    run_id: int
    memory_bytes: int
    cpu_ms: int


class Connected(NamedTuple):
    """The transport has connected to a coordinator, for the first time or again."""

    peer: Peer


ChildEvent = ChildReady | ChildFailed | ChildDone | ChildPong | ChildStuck | ChildExited | ChildrenSized | RunUsed
