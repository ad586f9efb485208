"""What a handler may know about the job that it runs.

It decides the names and types of these facts. It must not know how the job came here or how it is stopped:
whoever runs it fills in the values and sets `cancelled`. The fence is the pair (epoch, index) of the lease,
see the design, section 5.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Fence:
    """A token that grows with every lease of a job: refuse an effect whose fence is below one already seen.

    `str(fence)` is text of fixed width that sorts as fences compare, for a column or a header.
    """

    epoch: int
    index: int

    def __str__(self) -> str:
        return f"{self.epoch:010d}-{self.index:016d}"


class Context:
    """The job at hand.

    A handler gets it through a parameter annotated `Context`, which is no part of its callers' arguments, or
    from `Context.current()`.

    Attributes:
        job_id: The id of the job.
        attempt: 1 for the first attempt.
        queue: The queue that the job came through.
        tenant: The tenant that it belongs to.
        task: The name of the task.
        trace: The `traceparent` of the submitter, or None.
        run_id: The executor's own number for this attempt, for its log.
        cancelled: True once the job has been told to stop, for loops that look for themselves.
    """

    __slots__ = (
        "_deadline_ms",
        "_due_ms",
        "_epoch",
        "_index",
        "attempt",
        "cancelled",
        "job_id",
        "queue",
        "run_id",
        "task",
        "tenant",
        "trace",
    )

    def __init__(
        self,
        job_id: int,
        attempt: int,
        epoch: int,
        index: int,
        task: str,
        due_ms: int,
        deadline_ms: int | None,
        queue: str,
        tenant: str,
        trace: str | None,
        run_id: int = 0,
    ) -> None:
        self.job_id = job_id
        self.attempt = attempt
        self._epoch = epoch
        self._index = index
        self.task = task
        self._due_ms = due_ms
        self._deadline_ms = deadline_ms
        self.queue = queue
        self.tenant = tenant
        self.trace = trace
        self.run_id = run_id
        self.cancelled = False

    @property
    def fence(self) -> Fence:
        """The token of this attempt's lease, for effects that must not be overtaken."""
        return Fence(self._epoch, self._index)

    @property
    def due(self) -> datetime:
        """The instant for which the job was meant (UTC): the nominal one, however late it runs."""
        return _EPOCH + timedelta(milliseconds=self._due_ms)

    @property
    def deadline(self) -> datetime | None:
        """The instant (UTC) at which the attempt is ended, or None."""
        return None if self._deadline_ms is None else _EPOCH + timedelta(milliseconds=self._deadline_ms)

    @classmethod
    def current(cls) -> "Context":
        """Returns the context of the job that this code runs in.

        Raises:
            LookupError: No job is running here.
        """
        context = CURRENT.get()
        if context is None:
            raise LookupError("no job is running here; call Context.current() from a handler")
        return context

    @classmethod
    def detached(cls, task: str) -> "Context":
        """Returns a context for a handler that is called directly, outside of any job.

        Its job id and fence are 0, below every real one.
        """
        now_ms = (datetime.now(UTC) - _EPOCH) // timedelta(milliseconds=1)
        return cls(0, 1, 0, 0, task, now_ms, None, "default", "default", None)

    def __repr__(self) -> str:
        return f"<Context job={self.job_id} attempt={self.attempt} task={self.task!r}>"


CURRENT: Final[ContextVar[Context | None]] = ContextVar("mainspring_context", default=None)
"""The context of the running job; runners set it, everybody else asks `Context.current()`."""
