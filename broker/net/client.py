"""The client for threads: submits jobs, waits for them, asks about them.

Decides the API that people type. Must not know the protocol: the machine in actors/client does. Thread-safe without a
thread of its own (pump.py), and fork-safe: a child process makes its own connection and session at its first call.
"""

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from ...actors.client.events import AwaitJobs, CancelJobs, Completed, RunQuery, StatusJobs, SubmitJobs
from ...actors.client.settings import ClientSettings
from ..tasks.job import Job
from .batch import Batch
from .calls import (
    AnyId,
    Make,
    as_dicts,
    await_error,
    by_id,
    deadline_ns,
    id_of,
    ids_from,
    ids_of,
    query_filter,
    value_of,
)
from .clock import read_clocks
from .context import Context
from .discovery import find_endpoints
from .handles import JobHandle
from .job_calls import acted
from .link import Link
from .pump import Pump
from .rows import Options, Submission, check, job_row, job_rows

if TYPE_CHECKING:
    from .schedules import Schedules

R = TypeVar("R")
Row = list[Any]


class Client:
    """A connection to a cluster. Use it from any thread; close it, or use it as a context manager.

    Example:
        with mainspring.Client() as client:
            job = client.submit(send_email.job("a@b.c"), delay=5)
            print(job.result(timeout=60))
    """

    def __init__(self, url: str | None = None, timeout: float = 10, *, context: Context | None = None) -> None:
        """Finds the node; it is connected to at the first call.

        Args:
            url: Endpoints joined by commas; None takes MAINSPRING_URL, else the nearest `mainspring-data/` in the
                working directory or above it.
            timeout: Seconds that a call may take; waiting for results has timeouts of its own.
            context: The ZMQ context of the node, for `inproc://` endpoints.

        Raises:
            NodeNotFound: There is no node to be found.
            ValueError: The url is no endpoint.
        """
        endpoints = find_endpoints(url)
        deadline_ns(0, timeout)
        self.timeout = timeout
        self._settings = ClientSettings(
            peers=tuple(endpoint.encode() for endpoint in endpoints), reach_ns=max(1, round(timeout * 1e9))
        )
        self._context = context
        self._pumps: dict[int, Pump] = {}

    # --- submitting ---

    def submit(self, job: Job[R], **options: Unpack[Options]) -> JobHandle[R]:
        """Submits a job and returns once it is durable.

        Args:
            job: From `task.job(...)` or `mainspring.job(name, ...)`.
            **options: `delay` (seconds or a timedelta) or `at` (an aware datetime): when it is due. `key`: a second
                submit under it gives the first job. `tenant`: for whom. `queue`, `priority`, `retries`, `timeout`,
                `expires`, `deadline`: instead of what the task says. `trace`: the W3C `traceparent` of the caller.

        Raises:
            InvalidOption: An option lies outside what it may be.
            RequestRefused: The cluster does not take it: TaskRefused, PayloadRefused, Overloaded; see `code`.
            Unreachable: No node has answered; the job was not submitted.
            IndefiniteError: Nobody can tell whether it was; RequestTimeout is one.
        """
        row = job_row(job, check(options))
        until_ns = self._until_ns()
        (id,) = ids_from(self._pump.call(lambda request: SubmitJobs(request, [row], until_ns)))
        return JobHandle(self, id, job.returns)

    def submit_many(self, jobs: Iterable[Submission], **options: Unpack[Options]) -> list[JobHandle[Any]]:
        """Submits jobs in as few messages as possible and returns once all are durable.

        Args:
            jobs: Jobs, or pairs of a job and a dict of options of its own.
            **options: For all of them; see `submit`.

        Raises:
            RequestError: As `submit`. Some jobs may have been taken: `accepted` has their ids, in order, None for the
            others.
        """
        rows, returns = job_rows(jobs, options)
        if not rows:
            return []
        until_ns = self._until_ns()
        ids = ids_from(self._pump.call(lambda request: SubmitJobs(request, rows, until_ns)))
        return [JobHandle(self, id, kind) for id, kind in zip(ids, returns, strict=True)]

    def batch(self) -> Batch:
        """Returns a context manager whose `submit` gathers jobs and sends them together at its end."""
        return Batch(self)

    # --- asking ---

    def job(self, id: AnyId) -> JobHandle[Any]:
        """Returns the handle of a job by its id, such as 1042 or "3-1042"; asks nobody."""
        return JobHandle(self, id_of(id))

    def status(self, jobs: AnyId | Iterable[AnyId]) -> dict[int, str]:
        """Returns the state of each job by its id, "not_found" where there is none."""
        ids, until_ns = ids_of(jobs), self._until_ns()
        return by_id(value_of(self._pump.call(lambda request: StatusJobs(request, ids, until_ns))))

    def cancel(self, jobs: AnyId | Iterable[AnyId]) -> dict[int, str]:
        """Ends jobs that have not ended.

        Returns:
            By id: "cancelled" (it will not run), "asked" (it runs and was told to stop), "finished" (it had ended) or
            "not_found".
        """
        ids, until_ns = ids_of(jobs), self._until_ns()
        return by_id(value_of(self._pump.call(lambda request: CancelJobs(request, ids, until_ns))))

    # --- by hand ---

    def retry(self, jobs: AnyId | Iterable[AnyId], *, reason: str | None = None, force: bool = False) -> dict[int, str]:
        """Lets jobs that have ended run again, now, and those that wait for a time run now and not then.

        Args:
            jobs: Ids, handles, or several of them.
            reason: Why, for the audit.
            force: Also those that have succeeded.

        Returns:
            By id: "retried", "running" or "waiting" (it lives, and nothing was changed), "succeeded" (it was left
            alone; see `force`) or "not_found". To ask twice changes nothing more.

        Raises:
            InvalidOption: The reason is too long.
            RequestError: As `submit`.
        """
        return self._codes(acted("retry", jobs, reason, force=force))

    def skip(self, jobs: AnyId | Iterable[AnyId], *, reason: str | None = None, force: bool = False) -> dict[int, str]:
        """Puts jobs aside as not wanted any more, and to be counted as neither done nor failed.

        Args:
            jobs: Ids, handles, or several of them.
            reason: Why, for the audit.
            force: Also those that run: they are told to stop.

        Returns:
            By id: "skipped", "asked" (it runs and was told to stop), "running" (it was left alone; see `force`),
            "succeeded", "ended" (it is put aside already) or "not_found". Raises as `retry`.
        """
        return self._codes(acted("skip", jobs, reason, force=force))

    def discard(self, jobs: AnyId | Iterable[AnyId], *, reason: str | None = None) -> dict[int, str]:
        """Takes jobs off the list of dead letters for good; they stay readable for as long as finished jobs are kept.

        Args:
            jobs: Ids, handles, or several of them.
            reason: Why, for the audit.

        Returns:
            By id: "discarded", "running" or "waiting" (it lives: cancel or skip it), "succeeded", "ended" (it is put
            aside already) or "not_found". Raises as `retry`.
        """
        return self._codes(acted("discard", jobs, reason))

    def _codes(self, make: Make) -> dict[int, str]:
        return by_id(value_of(self._ask(make)))

    # --- listings ---

    def query(self, name: str, /, **filters: Any) -> list[dict[str, Any]]:
        """Returns a listing of all shards, or of the one of the job that the filter names.

        Args:
            name: "jobs", "job", "dead_groups", "executions", "queues", "executors", "tasks", "schedules", "ticks",
                "audit" or "stat".
            **filters: Columns and bounds, such as state="dead" or limit=20; None is left out.
        """
        return as_dicts(self.listing(name, **filters))

    def listing(self, name: str, /, **filters: Any) -> tuple[list[str], list[Row], bool]:
        """Returns (columns, rows, more) of a listing; `more` says that its limit cut it. Arguments as for `query`."""
        (chosen, shard), until_ns = query_filter(filters), self._until_ns()
        return value_of(self._pump.call(lambda request: RunQuery(request, shard, name, chosen, until_ns)))

    @property
    def schedules(self) -> "Schedules":
        """The cluster's schedules: add, apply, list, pause, run, remove."""
        from .schedules import Schedules  # here, because most clients define none

        return Schedules(self, self._ask)

    def _ask(self, make: Make) -> Completed:
        until_ns = self._until_ns()
        return self._pump.call(lambda request: make(request, until_ns))

    # --- waiting ---

    def wait_all(self, handles: Iterable[JobHandle[Any]], timeout: float | None = None) -> None:
        """Waits until all jobs have ended, however; their handles know how from then on.

        Raises:
            ResultTimeout: Some have not ended in time.
            Unreachable: No node has answered.
        """
        for _ in self.as_completed(handles, timeout):
            pass

    def as_completed(self, handles: Iterable[JobHandle[R]], timeout: float | None = None) -> Iterator[JobHandle[R]]:
        """Yields each handle when its job has ended, however; raises as `wait_all`."""
        open_handles: dict[int, list[JobHandle[R]]] = {}
        for handle in handles:
            if handle.has_ended:
                yield handle
            else:
                open_handles.setdefault(handle.id, []).append(handle)
        if not open_handles:
            return
        pump, ids, until_ns = self._pump, list(open_handles), deadline_ns(read_clocks().elapsed_ns, timeout)
        ticket = pump.start(lambda request: AwaitJobs(request, ids, until_ns), streams=True)
        try:
            while True:
                pump.wait(ticket)
                rows, over = pump.take_rows(ticket), ticket.act
                if over is not None:
                    rows += over.value or []
                for row in rows:
                    for handle in open_handles.pop(row[0], ()):
                        handle.note_end(row)
                        yield handle
                if over is not None:
                    break
        finally:
            pump.drop(ticket)
        error = await_error(over)
        if error is not None:
            raise error

    def ended_row(self, id: int, timeout: float | None) -> Row:
        """Waits for a job's end and returns its row of ENDED_COLUMNS; raises as `wait_all`."""
        until_ns = deadline_ns(read_clocks().elapsed_ns, timeout)
        completed: Completed = self._pump.call(lambda request: AwaitJobs(request, [id], until_ns))
        error = await_error(completed)
        if error is not None:
            raise error
        return completed.value[0]

    # --- the connection ---

    def _until_ns(self) -> int | None:
        return deadline_ns(read_clocks().elapsed_ns, self.timeout)

    @property
    def _pump(self) -> Pump:
        """This process's own connection.

        After a fork the parent's is left alone, and kept, so that nothing closes it here.
        """
        pid = os.getpid()
        pump = self._pumps.get(pid)
        # `setdefault` is one step for all threads; a pump that loses has not connected yet.
        return pump if pump is not None else self._pumps.setdefault(pid, Pump(self._connect))

    def _connect(self) -> Link:
        return Link(self._settings, self._context)

    def close(self) -> None:
        """Closes the connection; calls that wait end with ClientClosed. Twice is once."""
        self._pump.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
