"""What both clients share: requests as commands, completions as values or exceptions.

Decides what a caller may pass as an id or as a time, and what an answer looks like. Must not know how a call waits.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from ...actors.client.events import Command, Completed
from ..tasks.arguments import decode_result
from ..tasks.exceptions import InvalidOption
from ..wire.ids import parse_id, shard_of
from .exceptions import IndefiniteError, ResultTimeout, job_error, request_error

Row = list[Any]

Make = Callable[[int, int | None], Command]
"""Makes a command of its request's number and of its deadline."""

SUCCEEDED = "succeeded"
_ID_FILTERS = {"id", "job_id"}


class HasId(Protocol):
    """A job's handle."""

    @property
    def id(self) -> int:
        """The job's id."""
        ...


AnyId = int | str | HasId


def id_of(job: AnyId) -> int:
    """Returns a job's id, however it is given.

    Raises:
        ValueError: it is no id.
    """
    if isinstance(job, str):
        return parse_id(job)
    id = job if isinstance(job, int) else job.id
    if isinstance(id, bool) or not 0 < id < 1 << 53:
        raise ValueError(f"{id!r} is not a job id; ids look like 1042 or 3-1042")
    return id


def ids_of(jobs: "AnyId | Iterable[AnyId]") -> list[int]:
    """Returns the ids of one job or of several."""
    if isinstance(jobs, int | str) or not isinstance(jobs, Iterable):
        return [id_of(jobs)]
    return [id_of(job) for job in jobs]


def deadline_ns(now_ns: int, timeout: object) -> int | None:
    """Returns when a call of `timeout` seconds is over, in elapsed ns.

    Raises:
        InvalidOption: the timeout is no number of seconds.
    """
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout < 1e9:
        raise InvalidOption(f"timeout is {timeout!r}; give seconds, 0 or more, or None to wait for ever")
    return now_ns + round(timeout * 1e9)


def value_of(completed: Completed) -> Any:
    """Returns what a request came to, or raises why it came to nothing."""
    failure = completed.failure
    if failure is not None:
        raise request_error(failure)
    return completed.value


def ids_from(completed: Completed) -> list[int]:
    """Returns the ids of a submit's jobs; an exception carries those that were taken nevertheless."""
    failure = completed.failure
    if failure is not None:
        raise request_error(failure, completed.value)
    return completed.value


def await_error(completed: Completed) -> Exception | None:
    """Returns why an await has ended early: a timeout is one of the jobs, not of the request."""
    failure = completed.failure
    if failure is None:
        return None
    error = request_error(failure)
    if isinstance(error, TimeoutError) and isinstance(error, IndefiniteError):
        return ResultTimeout(failure.text, failure.code)
    return error


def result_of(row: Row, returns: object) -> Any:
    """Returns the result in a row of ENDED_COLUMNS, as the handler's annotation says, or raises how the job ended."""
    if row[1] != SUCCEEDED:
        raise job_error(row)
    return decode_result(row[2], returns)


def query_filter(filters: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
    """Returns a query's filter as it travels, without what was left out, and the one shard to ask, None for all.

    Raises:
        InvalidOption: a value is neither a number nor text.
        ValueError: an id is none.
    """
    chosen = {name: value for name, value in filters.items() if value is not None}
    shard: int | None = None
    for name in _ID_FILTERS & chosen.keys():
        chosen[name] = id_of(chosen[name])
        shard = shard_of(chosen[name])
    for name, value in chosen.items():
        if not isinstance(value, int | str):
            raise InvalidOption(f"{name} is {value!r:.100}; a filter takes numbers and text")
    return chosen, shard


def by_id(rows: Iterable[Row]) -> dict[int, str]:
    """Returns the second column by the first: states or codes by job id."""
    return {row[0]: row[1] for row in rows}


def as_dicts(listing: tuple[list[str], list[Row], bool]) -> list[dict[str, Any]]:
    """Returns a listing's rows as dicts."""
    columns, rows, _ = listing
    return [dict(zip(columns, row, strict=True)) for row in rows]
