"""Mainspring runs jobs on time: at once, later, on a calendar, or as a durable workflow.

This file decides which names are public and nothing else: it must not import any of them before it is asked
for, because every node, runner child and command pays for it. That the root is the package is ADR 0001.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .actors.cron.next_times import next_times
    from .broker.net.async_client import AsyncClient, AsyncJobHandle
    from .broker.net.client import Client
    from .broker.net.exceptions import (
        ClientClosed,
        DiskFull,
        Draining,
        IndefiniteError,
        JobCancelled,
        JobDiscarded,
        JobError,
        JobExpired,
        JobFailed,
        JobNotFound,
        JobSkipped,
        NodeNotFound,
        Overloaded,
        PayloadRefused,
        QueueFull,
        RequestError,
        RequestRefused,
        RequestTimeout,
        ResultTimeout,
        ScheduleNotFound,
        ScheduleRefused,
        TaskRefused,
        TooManyFiles,
        Unreachable,
    )
    from .broker.net.handles import JobHandle
    from .broker.tasks import Context, Job, Task, job, task
    from .broker.tasks.exceptions import (
        AttemptCancelled,
        AttemptInterrupted,
        AttemptTimedOut,
        CpuLimitExceeded,
        InvalidOption,
        MainspringError,
        PayloadTooLarge,
        UnserializablePayload,
    )
    from .broker.tasks.schedule import Schedule
    from .broker.tasks.verdicts import NoRetry, Retry, Snooze

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AsyncJobHandle",
    "AttemptCancelled",
    "AttemptInterrupted",
    "AttemptTimedOut",
    "Client",
    "ClientClosed",
    "Context",
    "CpuLimitExceeded",
    "DiskFull",
    "Draining",
    "IndefiniteError",
    "InvalidOption",
    "Job",
    "JobCancelled",
    "JobDiscarded",
    "JobError",
    "JobExpired",
    "JobFailed",
    "JobHandle",
    "JobNotFound",
    "JobSkipped",
    "MainspringError",
    "NoRetry",
    "NodeNotFound",
    "Overloaded",
    "PayloadRefused",
    "PayloadTooLarge",
    "QueueFull",
    "RequestError",
    "RequestRefused",
    "RequestTimeout",
    "ResultTimeout",
    "Retry",
    "Schedule",
    "ScheduleNotFound",
    "ScheduleRefused",
    "Snooze",
    "Task",
    "TaskRefused",
    "TooManyFiles",
    "Unreachable",
    "UnserializablePayload",
    "__version__",
    "job",
    "next_times",
    "task",
]

# Public name -> the module that defines it. The block above tells type checkers the same; a test compares.
_EXPORTS: Final[dict[str, str]] = {
    "AsyncClient": ".broker.net.async_client",
    "AsyncJobHandle": ".broker.net.async_client",
    "AttemptCancelled": ".broker.tasks.exceptions",
    "AttemptInterrupted": ".broker.tasks.exceptions",
    "AttemptTimedOut": ".broker.tasks.exceptions",
    "Client": ".broker.net.client",
    "ClientClosed": ".broker.net.exceptions",
    "Context": ".broker.tasks",
    "CpuLimitExceeded": ".broker.tasks.exceptions",
    "IndefiniteError": ".broker.net.exceptions",
    "InvalidOption": ".broker.tasks.exceptions",
    "Job": ".broker.tasks",
    "JobCancelled": ".broker.net.exceptions",
    "JobDiscarded": ".broker.net.exceptions",
    "JobError": ".broker.net.exceptions",
    "JobExpired": ".broker.net.exceptions",
    "JobFailed": ".broker.net.exceptions",
    "JobHandle": ".broker.net.handles",
    "JobNotFound": ".broker.net.exceptions",
    "JobSkipped": ".broker.net.exceptions",
    "MainspringError": ".broker.tasks.exceptions",
    "NoRetry": ".broker.tasks.verdicts",
    "NodeNotFound": ".broker.net.exceptions",
    "DiskFull": ".broker.net.exceptions",
    "Draining": ".broker.net.exceptions",
    "Overloaded": ".broker.net.exceptions",
    "QueueFull": ".broker.net.exceptions",
    "PayloadRefused": ".broker.net.exceptions",
    "PayloadTooLarge": ".broker.tasks.exceptions",
    "RequestError": ".broker.net.exceptions",
    "RequestRefused": ".broker.net.exceptions",
    "RequestTimeout": ".broker.net.exceptions",
    "ResultTimeout": ".broker.net.exceptions",
    "Retry": ".broker.tasks.verdicts",
    "Schedule": ".broker.tasks.schedule",
    "ScheduleNotFound": ".broker.net.exceptions",
    "ScheduleRefused": ".broker.net.exceptions",
    "Snooze": ".broker.tasks.verdicts",
    "Task": ".broker.tasks",
    "TaskRefused": ".broker.net.exceptions",
    "TooManyFiles": ".broker.net.exceptions",
    "Unreachable": ".broker.net.exceptions",
    "UnserializablePayload": ".broker.tasks.exceptions",
    "job": ".broker.tasks",
    "next_times": ".actors.cron.next_times",
    "task": ".broker.tasks",
}


def __getattr__(name: str) -> object:
    """Imports a public name when it is first asked for, and keeps it.

    Args:
        name: the attribute that was not found in this module.

    Returns:
        The object of that name in the module that `_EXPORTS` gives for it.

    Raises:
        AttributeError: the name is not public.
    """
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; its public names are in __all__")
    value: object = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lists the public names, imported or not."""
    return sorted({*globals(), *_EXPORTS})
