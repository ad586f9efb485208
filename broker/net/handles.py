"""A job as its submitter sees it after the submit: its id, its state, its result.

Decides what asking a job looks like. Must not know how a question travels: the client that made the handle asks.
"""

from typing import Any, Generic, Protocol, TypeVar, cast

from ..wire.ids import format_id
from .calls import result_of
from .job_calls import code_of

R = TypeVar("R")
Row = list[Any]


class Asker(Protocol):
    """What a handle needs of its client."""

    def ended_row(self, id: int, timeout: float | None) -> Row:
        """Waits for a job's end and returns its row of ENDED_COLUMNS."""
        ...

    def status(self, jobs: int) -> dict[int, str]:
        """Returns the states of jobs."""
        ...

    def cancel(self, jobs: int) -> dict[int, str]:
        """Cancels jobs."""
        ...

    def retry(self, jobs: int, *, reason: str | None = None, force: bool = False) -> dict[int, str]:
        """Lets jobs run again."""
        ...

    def skip(self, jobs: int, *, reason: str | None = None, force: bool = False) -> dict[int, str]:
        """Puts jobs aside."""
        ...

    def discard(self, jobs: int, *, reason: str | None = None) -> dict[int, str]:
        """Takes jobs off the dead letters."""
        ...


class Handle(Generic[R]):
    """What handles are, however their client waits: an id, and how the job ended once that is known."""

    __slots__ = ("_id", "_returns", "_row")

    def __init__(self, id: int, returns: object = None) -> None:
        self._id = id
        self._returns = returns
        self._row: Row | None = None

    @property
    def id(self) -> int:
        """The job's id, an integer below 2**53; `str(handle)` is how people write it."""
        return self._id

    def note_end(self, row: Row) -> None:
        """Takes the row of the job's end, for a client that has it already."""
        assert row[0] == self._id, "the row of another job"
        self._row = row

    @property
    def has_ended(self) -> bool:
        """Whether this handle knows how the job ended; it asks nobody."""
        return self._row is not None

    def __str__(self) -> str:
        return format_id(self._id)

    def __repr__(self) -> str:
        return f"<job {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and self._id == cast("Handle[Any]", other).id

    def __hash__(self) -> int:
        return hash(self._id)


class JobHandle(Handle[R]):
    """A submitted job; `R` is what its handler returns.

    Handles are cheap: drop them, or make one anew with `client.job(id)`.
    """

    __slots__ = ("_client",)

    def __init__(self, client: Asker, id: int, returns: object = None) -> None:
        super().__init__(id, returns)
        self._client = client

    def result(self, timeout: float | None = None) -> R:
        """Waits for the job to end and returns what its handler returned, as its return annotation says.

        Args:
            timeout: Seconds to wait, None for as long as it takes.

        Raises:
            JobFailed: Its last attempt has failed; `traceback` is what it left.
            JobCancelled: It was cancelled.
            JobExpired: It did not start in time.
            JobSkipped: Somebody has put it aside.
            JobDiscarded: It had failed, and somebody has taken it off the dead letters.
            JobNotFound: No job has this id, or retention has removed it.
            ResultTimeout: It has not ended in time; it goes on. A TimeoutError.
            Unreachable: No node has answered.
        """
        return cast("R", result_of(self._ended(timeout), self._returns))

    def wait(self, timeout: float | None = None) -> str:
        """Waits for the job to end and returns its state, such as "succeeded" or "dead".

        Raises as `result` does, but for how the job ended.
        """
        return self._ended(timeout)[1]

    def status(self) -> str:
        """Returns the job's state now, "not_found" if no job has this id."""
        if self._row is not None:
            return self._row[1]
        return self._client.status(self._id)[self._id]

    def cancel(self) -> str:
        """Ends the job if it has not ended.

        Returns:
            "cancelled" (it will not run), "asked" (it runs and was told to stop), "finished" (it had ended) or
            "not_found".
        """
        return self._client.cancel(self._id)[self._id]

    def retry(self, *, reason: str | None = None, force: bool = False) -> str:
        """Lets the job run again if it has ended, or now if it waits for its time.

        What this handle knew of its end is forgotten: `result()` waits for the new one.

        Args:
            reason: Why, for the audit.
            force: Also if it has succeeded.

        Returns:
            "retried", "running", "waiting" or "succeeded"; see `Client.retry`.

        Raises:
            JobNotFound: No job has this id, or retention has removed it.
        """
        self._row = None
        return code_of(self._client.retry(self._id, reason=reason, force=force), self._id)

    def skip(self, *, reason: str | None = None, force: bool = False) -> str:
        """Puts the job aside as not wanted any more; with `force` also while it runs.

        Returns:
            "skipped", "asked", "running", "succeeded" or "ended"; see `Client.skip`. Raises as `retry`.
        """
        self._row = None
        return code_of(self._client.skip(self._id, reason=reason, force=force), self._id)

    def discard(self, *, reason: str | None = None) -> str:
        """Takes the job, which has failed, off the dead letters.

        Returns:
            "discarded", "running", "waiting", "succeeded" or "ended"; see `Client.discard`. Raises as `retry`.
        """
        self._row = None
        return code_of(self._client.discard(self._id, reason=reason), self._id)

    def _ended(self, timeout: float | None) -> Row:
        if self._row is None:
            self._row = self._client.ended_row(self._id, timeout)
        return self._row
