"""What both clients ask about schedules, as commands of the machine.

Decides which options belong to a schedule and which to its job. Must not know how a call waits.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypedDict, cast

from ...actors.client.events import ActOnSchedules, SetSchedules
from ..tasks.exceptions import InvalidOption
from ..tasks.job import Job
from ..tasks.options import Span
from ..tasks.schedule import CatchUp, Fold, Gap, Overlap, Schedule, check_note, check_schedule_name
from ..tasks.submit import DEFAULT_TENANT
from ..wire.limits import NAME_CHARS_MAX
from ..wire.rows import SCHEDULE_COLUMNS
from ..wire.schedule_rows import schedule_fault
from .calls import Make
from .rows import check_job
from .who import who

Row = list[Any]

CLIENT: Final = "client"
"""The source of what `client.schedules.add` defines."""


class ScheduleOptions(TypedDict, total=False):
    """The options of `client.schedules.add`: those of a Schedule, and what its jobs have instead of their task's."""

    tz: str
    fold: Fold
    gap: Gap
    start: datetime | None
    end: datetime | None
    jitter: Span
    catch_up: CatchUp
    window: Span
    grace: Span
    overlap: Overlap
    limit: int | None
    paused: bool | None
    note: str | None
    tenant: str
    queue: str | None
    priority: int | None
    retries: int | None
    timeout: Span | None


_FILLING: Final = {SCHEDULE_COLUMNS.index("queue"): "default", SCHEDULE_COLUMNS.index("priority"): 0}
_OF_JOB: Final = frozenset({"tenant", "queue", "priority", "retries", "timeout"})


def added(name: str, job: Job[Any], cron: str | Schedule, options: Mapping[str, Any]) -> Make:
    """Returns the command that defines one schedule.

    Raises:
        InvalidOption: An option lies outside what it may be, or there is none of that name.
        TypeError: It is no job.
    """
    check_job(job)
    unknown = options.keys() - ScheduleOptions.__annotations__.keys()
    if unknown:
        known = ", ".join(ScheduleOptions.__annotations__)
        raise InvalidOption(f"{', '.join(sorted(unknown))} is no option of a schedule; there are {known}")
    of_schedule = {option: value for option, value in options.items() if option not in _OF_JOB}
    of_job = {option: value for option, value in options.items() if option in _OF_JOB}
    schedule = replace(cron, **of_schedule) if isinstance(cron, Schedule) else Schedule(cron, **of_schedule)
    return applied([schedule.row(job, name=check_schedule_name(name), **of_job)], CLIENT, is_whole=False)


def applied(
    rows: Iterable[Row], source: str, *, is_whole: bool, is_dry: bool = False, revision: str = ""
) -> Callable[[int, int | None], SetSchedules]:
    """Returns the command that defines what a source says.

    Raises:
        InvalidOption: A row is none, or the source or the revision is no text of the length that it may have.
    """
    for option, value, low in (("source", cast("object", source), 1), ("revision", cast("object", revision), 0)):
        if not isinstance(value, str) or not low <= len(value) <= NAME_CHARS_MAX:
            raise InvalidOption(f"{option} is {value!r:.100}; give text of {low} to {NAME_CHARS_MAX} characters")
    copies = [_checked(row) for row in rows]
    by = who()
    return lambda request, until_ns: SetSchedules(request, copies, by, source, revision, is_whole, is_dry, until_ns)


def acted(
    action: str, names: str | Iterable[str], tenant: str | None = None, note: str | None = None
) -> Callable[[int, int | None], ActOnSchedules]:
    """Returns the command that does something with the schedules of these names.

    Raises:
        InvalidOption: A name cannot be one, or the note is too long.
    """
    chosen = [check_schedule_name(name) for name in ([names] if isinstance(names, str) else names)]
    if note is not None:
        check_note(note)
    by, whose = who(), tenant or DEFAULT_TENANT
    return lambda request, until_ns: ActOnSchedules(request, action, whose, chosen, note, by, until_ns)


def _checked(found: Row) -> Row:
    """Returns a copy of a row, for the machine to fill in what its task says, once it is known to be sound."""
    row = list(found)
    filled = row
    if len(row) == len(SCHEDULE_COLUMNS):
        filled = [value if value is not None else _FILLING.get(at) for at, value in enumerate(row)]
    fault = schedule_fault(filled)
    if fault is not None:
        raise InvalidOption(fault)
    return row
