"""`client.schedules`: define, list, pause, run and remove schedules, for threads and for asyncio.

Decides the API that people type, and that both clients have the same. Must not know the protocol: the machine in
actors/client does; what an answer means stands in changes.py.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Unpack

from ...actors.client.events import Completed
from ..tasks.job import Job
from ..tasks.schedule import Schedule
from ..tasks.submit import DEFAULT_TENANT
from .calls import Make, value_of
from .changes import Change, changes_from, found, job_of, not_found
from .schedule_calls import Row, ScheduleOptions, acted, added, applied

if TYPE_CHECKING:
    from .async_client import AsyncClient, AsyncJobHandle
    from .client import Client
    from .handles import JobHandle

Changes = list[Change]
Records = list[dict[str, Any]]


class Schedules:
    """The schedules of a cluster; get it as `client.schedules`."""

    __slots__ = ("_ask", "_client")

    def __init__(self, client: "Client", ask: Callable[[Make], Completed]) -> None:
        self._client = client
        self._ask = ask

    def add(self, name: str, job: Job[Any], cron: str | Schedule, **options: Unpack[ScheduleOptions]) -> Change:
        """Defines a schedule, or defines the one of that name anew; returns once it is durable.

        Args:
            name: Of the schedule, for its tenant alone.
            job: What each instant submits: `task.job(...)` or `mainspring.job(name, ...)`.
            cron: An expression, such as "0 3 * * *", or a Schedule.
            **options: Those of `Schedule`; and `tenant`, `queue`, `priority`, `retries`, `timeout` of its jobs, instead
                of what the task says.

        Raises:
            InvalidOption: An option lies outside what it may be.
            ScheduleRefused: The cluster does not take it; nothing has changed.
            RequestError: As `Client.submit`.
        """
        return self._changes(added(name, job, cron, options))[0]

    def apply(
        self, rows: Iterable[Row], source: str, whole: bool = True, dry_run: bool = False, revision: str = ""
    ) -> Changes:
        """Defines all that a source says, all or nothing.

        Args:
            rows: Of SCHEDULE_COLUMNS, from `Schedule.row`.
            source: Where they come from, such as "file:schedules.toml".
            whole: What else the source has defined is removed.
            dry_run: Change nothing; say what would.
            revision: What the source calls this version of it.

        Returns:
            What became of each row, in order, and then of what was removed.

        Raises:
            ScheduleRefused: One of them cannot be taken; nothing has changed.
            RequestError: As `Client.submit`.
        """
        return self._changes(applied(rows, source, is_whole=whole, is_dry=dry_run, revision=revision))

    def pause(self, names: str | Iterable[str], note: str | None = None, tenant: str = DEFAULT_TENANT) -> Changes:
        """Pauses schedules: their instants are passed over until `resume`.

        Args:
            names: One, or several.
            note: Why, for those who see it paused.
            tenant: Whose they are.

        Raises:
            ScheduleNotFound: A name is unknown; the others are paused nevertheless.
        """
        return found(self._changes(acted("pause", names, tenant, note)))

    def resume(self, names: str | Iterable[str], tenant: str = DEFAULT_TENANT) -> Changes:
        """Lets paused schedules go on, from now; raises as `pause`."""
        return found(self._changes(acted("resume", names, tenant)))

    def remove(self, names: str | Iterable[str], tenant: str = DEFAULT_TENANT) -> Changes:
        """Removes schedules; jobs that they have made go on. Raises as `pause`."""
        return found(self._changes(acted("remove", names, tenant)))

    def run(self, name: str, tenant: str = DEFAULT_TENANT) -> "JobHandle[Any]":
        """Makes a job of a schedule now, whatever its calendar says, even if it is paused.

        Raises:
            ScheduleNotFound: The name is unknown.
            ScheduleRefused: A job of it has not ended, and its overlap rule allows no other.
        """
        return self._client.job(job_of(found(self._changes(acted("run", name, tenant)))[0]))

    def list(self, **filters: Any) -> Records:
        """Returns the schedules, as many as the listing's `limit` says; see `Client.query`."""
        return self._client.query("schedules", **filters)

    def show(self, name: str, tenant: str = DEFAULT_TENANT) -> dict[str, Any]:
        """Returns all that is known of one schedule; of one that was removed, its state is "removed".

        Raises:
            ScheduleNotFound: The name is unknown.
        """
        return _newest(self._client.query("schedule", name=name, tenant=tenant), name, tenant)

    def ticks(self, name: str, **filters: Any) -> Records:
        """Returns what became of a schedule's instants, the newest first; see `Client.query`.

        Raises:
            ScheduleNotFound: The name is unknown.
        """
        chosen = _of(name, filters)
        records = self._client.query("ticks", **chosen)
        if not records:
            self.show(name, chosen["tenant"])  # raises, if it is the name that is unknown
        return records

    def _changes(self, make: Make) -> Changes:
        return changes_from(value_of(self._ask(make)))


class AsyncSchedules:
    """The schedules of a cluster, to be awaited; get it as `client.schedules`. Methods as in Schedules."""

    __slots__ = ("_ask", "_client")

    def __init__(self, client: "AsyncClient", ask: Callable[[Make], Awaitable[Completed]]) -> None:
        self._client = client
        self._ask = ask

    async def add(self, name: str, job: Job[Any], cron: str | Schedule, **options: Unpack[ScheduleOptions]) -> Change:
        """Defines a schedule; see Schedules.add."""
        return (await self._changes(added(name, job, cron, options)))[0]

    async def apply(
        self, rows: Iterable[Row], source: str, whole: bool = True, dry_run: bool = False, revision: str = ""
    ) -> Changes:
        """Defines all that a source says, all or nothing; see Schedules.apply."""
        return await self._changes(applied(rows, source, is_whole=whole, is_dry=dry_run, revision=revision))

    async def pause(self, names: str | Iterable[str], note: str | None = None, tenant: str = DEFAULT_TENANT) -> Changes:
        """Pauses schedules; see Schedules.pause."""
        return found(await self._changes(acted("pause", names, tenant, note)))

    async def resume(self, names: str | Iterable[str], tenant: str = DEFAULT_TENANT) -> Changes:
        """Lets paused schedules go on; see Schedules.resume."""
        return found(await self._changes(acted("resume", names, tenant)))

    async def remove(self, names: str | Iterable[str], tenant: str = DEFAULT_TENANT) -> Changes:
        """Removes schedules; see Schedules.remove."""
        return found(await self._changes(acted("remove", names, tenant)))

    async def run(self, name: str, tenant: str = DEFAULT_TENANT) -> "AsyncJobHandle[Any]":
        """Makes a job of a schedule now; see Schedules.run."""
        return self._client.job(job_of(found(await self._changes(acted("run", name, tenant)))[0]))

    async def list(self, **filters: Any) -> Records:
        """Returns the schedules; see Schedules.list."""
        return await self._client.query("schedules", **filters)

    async def show(self, name: str, tenant: str = DEFAULT_TENANT) -> dict[str, Any]:
        """Returns all that is known of one schedule; see Schedules.show."""
        return _newest(await self._client.query("schedule", name=name, tenant=tenant), name, tenant)

    async def ticks(self, name: str, **filters: Any) -> Records:
        """Returns what became of a schedule's instants; see Schedules.ticks."""
        chosen = _of(name, filters)
        records = await self._client.query("ticks", **chosen)
        if not records:
            await self.show(name, chosen["tenant"])  # raises, if it is the name that is unknown
        return records

    async def _changes(self, make: Make) -> Changes:
        return changes_from(value_of(await self._ask(make)))


def _newest(records: Records, name: str, tenant: str) -> dict[str, Any]:
    """Returns the generation of a name that is not removed, or else the one that was made last."""
    if not records:
        raise not_found(repr(name), tenant)
    return max(records, key=lambda record: (record["removed_ms"] is None, record["created_ms"]))


def _of(name: str, filters: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "tenant": DEFAULT_TENANT, **filters}
