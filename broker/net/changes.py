"""What became of a schedule that a client has changed, for people and programs.

Decides how a change reads and which changes are errors to their caller. Must not know how it was asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..tasks.submit import DEFAULT_TENANT
from ..wire.ids import format_id
from .exceptions import ScheduleNotFound, ScheduleRefused

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one schedule.

    Attributes:
        tenant: Whose it is.
        name: Its name.
        change: "added", "changed", "unchanged", "removed", "paused", "resumed", "ran", "skipped" (it was asked to run,
            and the job of an earlier instant has not ended) or "not_found".
        schedule: Its number in its shard; 0 if it was not found.
        fields: What is different: (field, before, after), each as text or None.
        job: The id of the job that `run` has made.
    """

    tenant: str
    name: str
    change: str
    schedule: int
    fields: tuple[tuple[str, str | None, str | None], ...] = ()
    job: int | None = None

    def __str__(self) -> str:
        where = self.name if self.tenant == DEFAULT_TENANT else f"{self.tenant}/{self.name}"
        said = f"{where}: {self.change.replace('_', ' ')}"
        if self.job is not None:
            return f"{said} as job {format_id(self.job)}"
        if not self.fields:
            return said
        told = ", ".join(f"{field}: {_shown(before)} -> {_shown(after)}" for field, before, after in self.fields)
        return f"{said} ({told})"


def _shown(value: str | None) -> str:
    return "none" if value is None else repr(value)


def changes_from(rows: Iterable[Row]) -> list[Change]:
    """Returns rows of CHANGE_COLUMNS, which the machine has checked, as records."""
    return [
        Change(tenant, name, change, schedule, tuple((field, before, after) for field, before, after in fields), job)
        for tenant, name, change, schedule, fields, job in rows
    ]


def found(changes: list[Change]) -> list[Change]:
    """Returns changes of schedules that were named.

    Raises:
        ScheduleNotFound: Some do not exist; its `changes` are those of the others, which stand.
    """
    missing = [change for change in changes if change.change == "not_found"]
    if not missing:
        return changes
    names = ", ".join(repr(change.name) for change in missing[:10]) + (", …" if len(missing) > 10 else "")
    raise not_found(names, missing[0].tenant, [change for change in changes if change.change != "not_found"])


def not_found(names: str, tenant: str, changes: Iterable[Change] = ()) -> ScheduleNotFound:
    """Makes the exception of schedules that do not exist."""
    what = f"no schedule of tenant {tenant!r} is named {names}"
    return ScheduleNotFound(f"{what}; correct the name, or see `mainspring schedules`", list(changes))


def job_of(change: Change) -> int:
    """Returns the id of the job that a run has made.

    Raises:
        ScheduleRefused: It has made none, for the overlap rule allows none now.
    """
    if change.job is None:
        text = f"{change.name} was not run: a job of it has not ended, and its overlap rule allows no other"
        raise ScheduleRefused(f"{text}; wait for its end, or cancel it", "overlap")
    return change.job
