"""Jobs gathered to be submitted together.

Decides that nothing is sent before the block ends, and nothing at all if it ends in an exception. Must not know how a
submit travels.
"""

from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from ..tasks.job import Job
from .handles import JobHandle
from .rows import Options, Submission, check_job

if TYPE_CHECKING:
    from .client import Client

R = TypeVar("R")


class PendingHandle(JobHandle[R]):
    """A handle that has its id from the end of its batch on."""

    __slots__ = ()

    @property
    def id(self) -> int:
        """The job's id.

        Raises:
            RuntimeError: the batch has not been submitted yet.
        """
        if not self._id:
            raise RuntimeError("the job was not submitted yet; use its handle after the `with client.batch()` block")
        return self._id

    def settle(self, id: int) -> None:
        """Takes the id that the job was given."""
        assert self._id == 0, "a job was submitted twice"
        self._id = id


class Batch:
    """What `client.batch()` gives: submits wait for the end of the block and leave as few messages as possible."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._jobs: list[Submission] = []
        self._handles: list[PendingHandle[Any]] = []

    def submit(self, job: Job[R], **options: Unpack[Options]) -> JobHandle[R]:
        """Adds a job; options as for `Client.submit`. Its handle has an id after the block."""
        check_job(job)
        self._jobs.append((job, options))
        handle = PendingHandle[R](self._client, 0, job.returns)
        self._handles.append(handle)
        return handle

    def __len__(self) -> int:
        return len(self._jobs)

    def __enter__(self) -> "Batch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._jobs:
            for handle, sent in zip(self._handles, self._client.submit_many(self._jobs), strict=True):
                handle.settle(sent.id)
