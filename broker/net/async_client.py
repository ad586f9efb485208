"""The client for asyncio: the same API as the one for threads, to be awaited.

Decides nothing of its own: the machine, the sockets and the rows are those of the other client. Must not be imported by
it, for asyncio is a cost that only its users pay.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, cast

from ...actors.client.events import AwaitJobs, CancelJobs, Completed, RunQuery, StatusJobs, SubmitJobs
from ...actors.client.settings import ClientSettings
from ..tasks.job import Job
from .async_pump import AsyncPump
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
    result_of,
    value_of,
)
from .clock import read_clocks
from .context import Context
from .discovery import find_endpoints
from .exceptions import ClientClosed
from .handles import Handle
from .job_calls import acted, code_of
from .link import Link
from .rows import Options, Submission, check, job_row, job_rows

if TYPE_CHECKING:
    from .schedules import AsyncSchedules

R = TypeVar("R")
Row = list[Any]


class AsyncJobHandle(Handle[R]):
    """A submitted job; as JobHandle, but what asks the cluster is awaited."""

    __slots__ = ("_client",)

    def __init__(self, client: "AsyncClient", id: int, returns: object = None) -> None:
        super().__init__(id, returns)
        self._client = client

    async def result(self, timeout: float | None = None) -> R:
        """Waits for the job to end and returns what its handler returned; see JobHandle.result."""
        return cast("R", result_of(await self._ended(timeout), self._returns))

    async def wait(self, timeout: float | None = None) -> str:
        """Waits for the job to end and returns its state; see JobHandle.wait."""
        return (await self._ended(timeout))[1]

    async def status(self) -> str:
        """Returns the job's state now, "not_found" if no job has this id."""
        if self._row is not None:
            return self._row[1]
        return (await self._client.status(self._id))[self._id]

    async def cancel(self) -> str:
        """Ends the job if it has not ended; see JobHandle.cancel."""
        return (await self._client.cancel(self._id))[self._id]

    async def retry(self, *, reason: str | None = None, force: bool = False) -> str:
        """Lets the job run again, or now; see JobHandle.retry."""
        self._row = None
        return code_of(await self._client.retry(self._id, reason=reason, force=force), self._id)

    async def skip(self, *, reason: str | None = None, force: bool = False) -> str:
        """Puts the job aside; see JobHandle.skip."""
        self._row = None
        return code_of(await self._client.skip(self._id, reason=reason, force=force), self._id)

    async def discard(self, *, reason: str | None = None) -> str:
        """Takes the job off the dead letters; see JobHandle.discard."""
        self._row = None
        return code_of(await self._client.discard(self._id, reason=reason), self._id)

    async def _ended(self, timeout: float | None) -> Row:
        if self._row is None:
            self._row = await self._client.ended_row(self._id, timeout)
        return self._row


class AsyncClient:
    """A connection to a cluster for the coroutines of one event loop.

    Example:
        async with mainspring.AsyncClient() as client:
            job = await client.submit(send_email.job("a@b.c"), delay=5)
            print(await job.result(timeout=60))
    """

    def __init__(self, url: str | None = None, timeout: float = 10, *, context: Context | None = None) -> None:
        """Finds the node; it is connected to at the first call, on the loop that makes it. Arguments as for Client."""
        endpoints = find_endpoints(url)
        deadline_ns(0, timeout)
        self.timeout = timeout
        self._settings = ClientSettings(
            peers=tuple(endpoint.encode() for endpoint in endpoints), reach_ns=max(1, round(timeout * 1e9))
        )
        self._context = context
        self._pump: AsyncPump | None = None
        self._closed = False

    async def submit(self, job: Job[R], **options: Unpack[Options]) -> AsyncJobHandle[R]:
        """Submits a job and returns once it is durable; options and errors as for Client.submit.

        Submits that are made at the same time travel together, so gather them rather than awaiting one by one.
        """
        row = job_row(job, check(options))
        until_ns = self._until_ns()
        (id,) = ids_from(await self._opened().call(lambda request: SubmitJobs(request, [row], until_ns)))
        return AsyncJobHandle(self, id, job.returns)

    async def submit_many(self, jobs: Iterable[Submission], **options: Unpack[Options]) -> list[AsyncJobHandle[Any]]:
        """Submits jobs in as few messages as possible and returns once all are durable; see Client.submit_many."""
        rows, returns = job_rows(jobs, options)
        if not rows:
            return []
        until_ns = self._until_ns()
        ids = ids_from(await self._opened().call(lambda request: SubmitJobs(request, rows, until_ns)))
        return [AsyncJobHandle(self, id, kind) for id, kind in zip(ids, returns, strict=True)]

    def job(self, id: AnyId) -> AsyncJobHandle[Any]:
        """Returns the handle of a job by its id, such as 1042 or "3-1042"; asks nobody."""
        return AsyncJobHandle(self, id_of(id))

    async def status(self, jobs: AnyId | Iterable[AnyId]) -> dict[int, str]:
        """Returns the state of each job by its id, "not_found" where there is none."""
        ids, until_ns = ids_of(jobs), self._until_ns()
        return by_id(value_of(await self._opened().call(lambda request: StatusJobs(request, ids, until_ns))))

    async def cancel(self, jobs: AnyId | Iterable[AnyId]) -> dict[int, str]:
        """Ends jobs that have not ended; returns a code by id, see Client.cancel."""
        ids, until_ns = ids_of(jobs), self._until_ns()
        return by_id(value_of(await self._opened().call(lambda request: CancelJobs(request, ids, until_ns))))

    async def retry(
        self, jobs: AnyId | Iterable[AnyId], *, reason: str | None = None, force: bool = False
    ) -> dict[int, str]:
        """Lets jobs that have ended run again, and those that wait run now; see Client.retry."""
        return await self._codes(acted("retry", jobs, reason, force=force))

    async def skip(
        self, jobs: AnyId | Iterable[AnyId], *, reason: str | None = None, force: bool = False
    ) -> dict[int, str]:
        """Puts jobs aside as not wanted any more; see Client.skip."""
        return await self._codes(acted("skip", jobs, reason, force=force))

    async def discard(self, jobs: AnyId | Iterable[AnyId], *, reason: str | None = None) -> dict[int, str]:
        """Takes jobs off the list of dead letters; see Client.discard."""
        return await self._codes(acted("discard", jobs, reason))

    async def _codes(self, make: Make) -> dict[int, str]:
        return by_id(value_of(await self._ask(make)))

    async def query(self, name: str, /, **filters: Any) -> list[dict[str, Any]]:
        """Returns a listing of all shards, or of the one of the job that the filter names; see Client.query."""
        return as_dicts(await self.listing(name, **filters))

    async def listing(self, name: str, /, **filters: Any) -> tuple[list[str], list[Row], bool]:
        """Returns (columns, rows, more) of a listing; see Client.listing."""
        (chosen, shard), until_ns = query_filter(filters), self._until_ns()
        return value_of(await self._opened().call(lambda request: RunQuery(request, shard, name, chosen, until_ns)))

    @property
    def schedules(self) -> "AsyncSchedules":
        """The cluster's schedules: add, apply, list, pause, run, remove; each to be awaited."""
        from .schedules import AsyncSchedules  # here, because most clients define none

        return AsyncSchedules(self, self._ask)

    async def _ask(self, make: Make) -> Completed:
        until_ns = self._until_ns()
        return await self._opened().call(lambda request: make(request, until_ns))

    async def wait_all(self, handles: Iterable[AsyncJobHandle[Any]], timeout: float | None = None) -> None:
        """Waits until all jobs have ended, however; their handles know how from then on. Raises as Client.wait_all."""
        async for _ in self.as_completed(handles, timeout):
            pass

    async def as_completed(
        self, handles: Iterable[AsyncJobHandle[R]], timeout: float | None = None
    ) -> AsyncIterator[AsyncJobHandle[R]]:
        """Yields each handle when its job has ended, however; raises as `wait_all`."""
        open_handles: dict[int, list[AsyncJobHandle[R]]] = {}
        for handle in handles:
            if handle.has_ended:
                yield handle
            else:
                open_handles.setdefault(handle.id, []).append(handle)
        if not open_handles:
            return
        pump, ids, until_ns = self._opened(), list(open_handles), deadline_ns(read_clocks().elapsed_ns, timeout)
        stream = pump.stream(lambda request: AwaitJobs(request, ids, until_ns))
        try:
            while True:
                await stream.news.wait()
                stream.news.clear()
                over = stream.act
                rows, stream.rows = stream.rows, []
                if over is not None:
                    rows += over.value or []
                for row in rows:
                    for handle in open_handles.pop(row[0], ()):
                        handle.note_end(row)
                        yield handle
                if over is not None:
                    break
        finally:
            pump.forget(stream.request)
        error = await_error(over)
        if error is not None:
            raise error

    async def ended_row(self, id: int, timeout: float | None) -> Row:
        """Waits for a job's end and returns its row of ENDED_COLUMNS; raises as `wait_all`."""
        until_ns = deadline_ns(read_clocks().elapsed_ns, timeout)
        completed = await self._opened().call(lambda request: AwaitJobs(request, [id], until_ns))
        error = await_error(completed)
        if error is not None:
            raise error
        return completed.value[0]

    def _until_ns(self) -> int | None:
        return deadline_ns(read_clocks().elapsed_ns, self.timeout)

    def _opened(self) -> AsyncPump:
        if self._closed:
            raise ClientClosed("the client is closed; make a new one")
        pump = self._pump
        if pump is None or pump.pid != os.getpid():
            # After a fork the parent's connection is left alone: its loop does not run here.
            pump = self._pump = AsyncPump(self._connect)
        elif pump.loop is not asyncio.get_running_loop():
            raise RuntimeError("this client belongs to another event loop; make an AsyncClient for each loop")
        return pump

    def _connect(self) -> Link:
        return Link(self._settings, self._context)

    async def close(self) -> None:
        """Closes the connection; calls that wait end with ClientClosed. Twice is once."""
        self._closed = True
        if self._pump is not None and self._pump.pid == os.getpid():
            self._pump.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
