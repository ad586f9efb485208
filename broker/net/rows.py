"""Jobs and the options of their submit, as rows of the protocol.

Decides what a job says itself and what is left to what its task's executors announced: retries and timeout, unless the
submit overrides them. Must not know of sockets. This is the client's hottest code: a plain job is one list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypedDict, cast

from ...actors.jobs.retry import RetryPolicy
from ..tasks.definition import Task
from ..tasks.exceptions import InvalidOption
from ..tasks.job import Job
from ..tasks.options import Span
from ..tasks.submit import DEFAULT_TENANT, SubmitOptions, submit_options

Row = list[Any]


class Options(TypedDict, total=False):
    """The options of one submit, as keywords; see `Client.submit`."""

    delay: Span | None
    at: datetime | None
    key: str | None
    tenant: str
    queue: str | None
    priority: int | None
    retries: int | None
    timeout: Span | None
    expires: Span | None
    deadline: Span | None
    trace: str | None


Submission = Job[Any] | tuple[Job[Any], Options]
"""A job, alone or with options of its own."""


def job_rows(jobs: Iterable[Submission], common: Options) -> tuple[list[Row], list[object]]:
    """Returns rows of JOB_COLUMNS and the return annotation of each job.

    Raises:
        InvalidOption: an option lies outside what it may be.
        TypeError: an item is neither a job nor a pair of a job and its options.
    """
    shared = check(common)
    is_plain = shared == _NONE
    tenant = shared.tenant or DEFAULT_TENANT
    rows: list[Row] = []
    returns: list[object] = []
    for item in jobs:
        job, options = item if type(item) is tuple else (item, None)
        if not isinstance(job, Job):
            raise _no_job(job)
        if options is None:
            own = job.options
            if is_plain and own is not None:
                rows.append(
                    [
                        job.task,
                        job.payload,
                        own.queue,
                        tenant,
                        own.priority,
                        None,
                        None,
                        None,
                        None,
                        None,
                        own.expires_ms,
                        None,
                        own.deadline_ms,
                    ]
                )
            else:
                rows.append(job_row(job, shared))
        else:
            rows.append(job_row(job, check({**common, **options})))
        returns.append(job.returns)
    if shared.key is not None and len(rows) > 1:
        raise InvalidOption(
            f"key {shared.key!r} is given for {len(rows)} jobs; give each its own, as in (job, {{'key': ...}})"
        )
    return rows, returns


def check_job(job: object) -> None:
    """Raises TypeError, with the mend, if what is to be submitted is no job: a task itself, say."""
    if not isinstance(job, Job):
        raise _no_job(job)


def _no_job(item: object) -> TypeError:
    if isinstance(item, Task):
        name = cast("Task[..., Any]", item).name
        return TypeError(f"{name} is a task and not yet a job; give {name}.job(...), not the task itself")
    return TypeError(f"{item!r:.100} is no job; submit task.job(...), or a pair of that and a dict of options")


def job_row(job: Job[Any], options: SubmitOptions) -> Row:
    """Returns the row of a job; queue and priority None mean "as the task's executors announced it".

    Raises:
        TypeError: it is no job.
    """
    check_job(job)
    own = job.options
    queue, priority = options.queue, options.priority
    expires_ms, deadline_ms = options.expires_ms, options.deadline_ms
    if own is not None:
        queue = own.queue if queue is None else queue
        priority = own.priority if priority is None else priority
        expires_ms = own.expires_ms if expires_ms is None else expires_ms
        deadline_ms = own.deadline_ms if deadline_ms is None else deadline_ms
    retry = (
        None
        if options.retries is None
        else list(_retry(own.retry if own is not None else RetryPolicy(), options.retries))
    )
    tenant = options.tenant or DEFAULT_TENANT
    due = (options.delay_ms, options.at_ms, options.key)
    ends = (options.timeout_ms, expires_ms, options.trace, deadline_ms)
    return [job.task, job.payload, queue, tenant, priority, *due, retry, *ends]


@lru_cache(maxsize=256)
def _retry(policy: RetryPolicy, retries: int) -> tuple[int, ...]:
    return replace(policy, retries=retries).to_row()


_NONE = submit_options()


def check(options: Mapping[str, Any]) -> SubmitOptions:
    """Validates the options of a submit.

    Raises:
        InvalidOption: names the option and what it may be.
    """
    if not options:
        return _NONE
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        raise InvalidOption(
            f"{', '.join(sorted(unknown))} is no option of a submit; there are {', '.join(Options.__annotations__)}"
        )
    return submit_options(**cast("dict[str, Any]", options))
