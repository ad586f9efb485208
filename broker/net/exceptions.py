"""What can go wrong between a client and its cluster, as exceptions for people.

Decides which class a failure of the machine becomes and what may be concluded from it. Must not know how a failure came
about; the texts that say fault and mend come with it. A definite error says that what was asked has not happened and
will not; an IndefiniteError says no such thing.
"""

import errno
from collections.abc import Sequence
from typing import Any, Final

from ...actors.client.events import CLOSED, TIMEOUT, UNREACHABLE, UNSENT, Failure
from ..tasks.exceptions import MainspringError, PayloadTooLarge, UnknownTask
from ..wire.ids import format_id


class NodeNotFound(MainspringError, LookupError):
    """No node was named, and no data folder of one lies in the working directory or above it."""


class RequestError(MainspringError):
    """A request that was not fulfilled.

    Attributes:
        code: Stable: one of the protocol's error codes, or `unreachable`, `unsent`, `timeout`, `closed`. accepted: Of a
        submit, the ids of the jobs that were taken nevertheless, in their order, None for the others; else None.
    """

    def __init__(self, text: str, code: str = "", accepted: list[int | None] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.accepted = accepted


class ClientClosed(RequestError):
    """The client was closed."""


class Unreachable(RequestError, ConnectionError):
    """No node has answered, and nothing was sent."""


class TooManyFiles(RequestError, OSError):
    """This process may open no more files, so a connection could not be made, and nothing was sent."""


class RequestRefused(RequestError):
    """The cluster has refused the request: what was asked has not happened."""


class Overloaded(RequestRefused):
    """There is too much in hand to take more now, or none is taken for now; the code says why.

    Try again after a pause. The client itself asks again for a listing or a status until its timeout is over. What
    changes something is never tried again by itself: whoever submits knows best whether the jobs may wait.
    """


class QueueFull(Overloaded):
    """The queue has as many jobs as it takes, `backlog_jobs_max`: wait, add executors, or raise the limit."""


class DiskFull(Overloaded):
    """The node's disk has no room for new jobs: free space in its data folder; jobs that it has still run."""


class Draining(Overloaded):
    """The node is shutting down: try again when it is back."""


class TaskRefused(RequestRefused, UnknownTask):
    """No executor has announced a task of that name."""


class PayloadRefused(RequestRefused, PayloadTooLarge):
    """A payload is larger than the cluster takes."""


class ScheduleRefused(RequestRefused):
    """A schedule cannot be taken as it was defined, or not be run now; nothing has changed."""


class ScheduleNotFound(RequestRefused, LookupError):
    """No schedule of the tenant has that name.

    Attributes:
        changes: What became of the others that were named, as `Change` records.
    """

    def __init__(self, text: str, changes: Sequence[Any] = ()) -> None:
        super().__init__(text, "not_found")
        self.changes = list(changes)


class IndefiniteError(RequestError):
    """Nobody can tell whether it has happened: look the jobs up by key or list before sending them again."""


class RequestTimeout(IndefiniteError, TimeoutError):
    """The cluster has not answered in time, and the request was sent."""


class ResultTimeout(RequestError, TimeoutError):
    """Jobs have not ended in time; they go on."""


class JobError(MainspringError):
    """A job has no result to give.

    Attributes:
        id: The job's id.
        state: How it ended: dead, cancelled, expired, skipped, discarded or not_found.
        attempts: How often it was tried.
    """

    def __init__(self, text: str, id: int, state: str, attempts: int) -> None:
        super().__init__(text)
        self.id = id
        self.state = state
        self.attempts = attempts


class JobFailed(JobError):
    """The job's last attempt has failed.

    Attributes:
        traceback: What the attempt left: usually the traceback of the handler's own frames.
    """

    def __init__(self, text: str, id: int, state: str, attempts: int, traceback: str) -> None:
        super().__init__(text, id, state, attempts)
        self.traceback = traceback


class JobCancelled(JobError):
    """The job was cancelled."""


class JobExpired(JobError):
    """The job was not started in the time that its `expires` gave it."""


class JobSkipped(JobError):
    """Somebody has put the job aside as not wanted any more; it has not run to its end."""


class JobDiscarded(JobError):
    """The job had ended without a result, and somebody has taken it off the dead letters."""


class JobNotFound(JobError, LookupError):
    """No job has that id, or retention has removed it."""


_BY_CODE: Final[dict[str, type[RequestError]]] = {
    CLOSED: ClientClosed,
    UNREACHABLE: Unreachable,
    UNSENT: Overloaded,
    TIMEOUT: RequestTimeout,
    "overloaded": Overloaded,
    "draining": Draining,
    "disk_full": DiskFull,
    "queue_full": QueueFull,
    "unknown_task": TaskRefused,
    "payload_too_large": PayloadRefused,
    "invalid_schedule": ScheduleRefused,
    "too_many_schedules": ScheduleRefused,
}


def is_too_many_files(number: int | None) -> bool:
    """Says whether an errno is that of a process, or a machine, that has no descriptor left."""
    return number in (errno.EMFILE, errno.ENFILE)


def too_many_files(endpoint: str) -> TooManyFiles:
    """Makes the exception of a connection for which there was no descriptor left."""
    error = TooManyFiles(
        f"cannot connect to {endpoint}: this process has too many open files; "
        "raise ulimit -n, or share one Client between threads",
        "too_many_files",
    )
    error.errno = errno.EMFILE
    return error


def request_error(failure: Failure, accepted: list[int | None] | None = None) -> RequestError:
    """Makes the exception of a failure."""
    cls = _BY_CODE.get(failure.code, RequestRefused if failure.definite else IndefiniteError)
    if not failure.definite and not issubclass(cls, IndefiniteError):
        cls = IndefiniteError  # a client closed in the middle of a submit cannot say that nothing has happened
    return cls(failure.text, failure.code, accepted)


def job_error(row: list[Any]) -> JobError:
    """Makes the exception of a job that has ended without a result, from its row of ENDED_COLUMNS."""
    id, state, _, error, attempts, _ = row
    job = f"job {format_id(id)}"
    tries = f"after {attempts} attempt{'s' if attempts != 1 else ''}"
    if state == "cancelled":
        return JobCancelled(f"{job} was cancelled; submit it again if it is still wanted", id, state, attempts)
    if state == "expired":
        text = f"{job} did not start before it expired; add executors, or give a longer expires or deadline"
        return JobExpired(text, id, state, attempts)
    if state == "skipped":
        text = f"{job} was skipped by hand; `mainspring retry {format_id(id)}` runs it after all"
        return JobSkipped(text, id, state, attempts)
    if state == "discarded":
        text = f"{job} was discarded by hand {tries}; `mainspring retry {format_id(id)}` runs it after all"
        return JobDiscarded(text, id, state, attempts)
    if state == "not_found":
        text = f"{job} is not known; correct the id, or keep finished jobs longer ([coordinator.retention])"
        return JobNotFound(text, id, state, attempts)
    left = error or "it left no error"
    mend = f"mend the cause, and `mainspring retry {format_id(id)}` runs it again"
    return JobFailed(f"{job} is {state} {tries}; {mend}\n{left}", id, state, attempts, left)
