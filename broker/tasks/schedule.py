"""When a task is run by itself: a cron expression in a time zone, and what becomes of instants that nobody kept.

Decides which values are allowed and brings a schedule and its job to a row of the protocol. Must not know who keeps
schedules, nor when an instant is. The rules themselves are those of docs/schedules.md.
"""

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias, cast

from ...actors.jobs.retry import RetryPolicy
from ..wire.limits import EXPRESSION_CHARS_MAX, INTEGER_MAX, JITTER_MS_MAX, NAME_CHARS_MAX, NOTE_CHARS_MAX, PRIORITY_MAX
from ..wire.rows import CATCH_UPS, FOLDS, GAPS, OVERLAPS
from ..wire.schedule_rows import name_fault
from .exceptions import InvalidOption
from .job import Job
from .limits import RETRIES_MAX
from .options import Span, check_int, check_label, span_ms
from .submit import DEFAULT_TENANT, instant_ms

Fold: TypeAlias = Literal["first", "last", "both"]
Gap: TypeAlias = Literal["shift", "skip"]
CatchUp: TypeAlias = Literal["skip", "latest", "all"]
Overlap: TypeAlias = Literal["skip", "allow", "buffer_one"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule, validated; seconds may be given as a timedelta.

    Attributes:
        cron: A cron expression, such as "*/5 * * * *", or "@daily".
        tz: The time zone that it is read in, such as "Europe/Paris".
        name: By default the task's name, or what `client.schedules.add` was given.
        fold: Which one of two equal local times fires when clocks go back: "first", "last" or "both".
        gap: "shift": a local time that does not exist fires when clocks have gone forward. "skip": it does not fire.
        start: No instant before it counts; with a time zone.
        end: No instant after it counts; with a time zone.
        jitter: Seconds by which each instant is put off at the most, by a hash; 0 for none, at most a day.
        catch_up: What becomes of instants that nobody was there for: "skip" none fires, "latest" the newest fires,
            "all" fire.
        window: Seconds for which such an instant may still fire.
        grace: Seconds by which an instant may be late and still counts as on time.
        overlap: What becomes of an instant while the job of an earlier one has not ended: "skip", "allow" (both run)
            or "buffer_one" (it waits).
        limit: How many jobs it makes before it ends; None for no end.
        paused: True or False pauses it or lets it go on; None leaves it as it is, and a new one runs.
        note: A text for those who read the schedule.
    """

    cron: str
    tz: str = "UTC"
    _: KW_ONLY
    name: str | None = None
    fold: Fold = "first"
    gap: Gap = "shift"
    start: datetime | None = None
    end: datetime | None = None
    jitter: Span = 0
    catch_up: CatchUp = "latest"
    window: Span = 3600
    grace: Span = 60
    overlap: Overlap = "skip"
    limit: int | None = None
    paused: bool | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        """Validates.

        Raises:
            InvalidOption: Names the option and what it may be.
        """
        _check_expression(self.cron, self.tz)
        if self.name is not None:
            check_schedule_name(self.name)
        _check_word("fold", self.fold, FOLDS)
        _check_word("gap", self.gap, GAPS)
        _check_word("catch_up", self.catch_up, CATCH_UPS)
        _check_word("overlap", self.overlap, OVERLAPS)
        start_ms, end_ms = _optional_ms("start", self.start), _optional_ms("end", self.end)
        if start_ms is not None and end_ms is not None and end_ms < start_ms:
            raise InvalidOption("end lies before start; exchange them, or leave one out")
        if span_ms("jitter", self.jitter) > JITTER_MS_MAX:
            raise InvalidOption(f"jitter is {self.jitter!r}; give at most {JITTER_MS_MAX // 1000} seconds, a day")
        span_ms("window", self.window)
        span_ms("grace", self.grace)
        if self.limit is not None:
            check_int("limit", self.limit, 1, INTEGER_MAX)
        if self.paused is not None and type(self.paused) is not bool:
            raise InvalidOption(f"paused is {self.paused!r}; give True, False, or None to leave it as it is")
        if self.note is not None:
            check_note(self.note)

    def row(
        self,
        job: Job[Any],
        *,
        name: str | None = None,
        tenant: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        retries: int | None = None,
        timeout: Span | None = None,
    ) -> list[Any]:
        """Returns the definition as a row of SCHEDULE_COLUMNS.

        Queue and priority are None, for the client to fill in, where neither the job's task nor a caller has said
        them.

        Args:
            job: What each instant submits.
            name: Instead of the schedule's own name; by default the task's.
            tenant: For whom.
            queue: Instead of the task's.
            priority: Instead of the task's.
            retries: Instead of the task's.
            timeout: Instead of the task's.

        Raises:
            InvalidOption: Names the option and what it may be.
        """
        own = job.options
        queue = check_label("queue", queue) if queue is not None else None if own is None else own.queue
        if priority is not None:
            check_int("priority", priority, -PRIORITY_MAX, PRIORITY_MAX)
        elif own is not None:
            priority = own.priority
        retry: list[int] | None = None
        if retries is not None:
            check_int("retries", retries, 0, RETRIES_MAX)
            retry = list(replace(RetryPolicy() if own is None else own.retry, retries=retries).to_row())
        return [
            check_schedule_name(name or self.name or job.task),
            DEFAULT_TENANT if tenant is None else check_label("tenant", tenant),
            queue,
            job.task,
            job.payload,
            priority,
            retry,
            None if timeout is None else span_ms("timeout", timeout, least_ms=1),
            self.cron,
            self.tz,
            self.fold,
            self.gap,
            _optional_ms("start", self.start),
            _optional_ms("end", self.end),
            span_ms("jitter", self.jitter),
            self.catch_up,
            span_ms("window", self.window),
            span_ms("grace", self.grace),
            self.overlap,
            self.limit,
            self.paused,
            self.note,
        ]


Cron: TypeAlias = "str | Schedule | list[str | Schedule] | tuple[str | Schedule, ...]"
"""What `@task(cron=...)` takes."""


def schedules_of(cron: object) -> tuple[Schedule, ...]:
    """Returns the schedules that `@task(cron=...)` was given, an expression alone as a schedule of the defaults.

    Raises:
        InvalidOption: It is neither, or a schedule is not valid.
    """
    if cron is None:
        return ()
    items = cast("Iterable[object]", cron if isinstance(cron, (list, tuple)) else [cron])
    found: list[Schedule] = []
    for item in items:
        if isinstance(item, Schedule):
            found.append(item)
        elif isinstance(item, str):
            found.append(Schedule(item))
        else:
            raise InvalidOption(f"cron is {item!r:.100}; give a cron expression, a Schedule, or a list of these")
    if not found:
        raise InvalidOption("cron is an empty list; give a cron expression, or leave cron out")
    return tuple(found)


def named_for(task: str, schedules: tuple[Schedule, ...], *, is_list: bool) -> tuple[Schedule, ...]:
    """Returns the schedules with names: those that have none are called after the task.

    In a list that is `task:expression`, which stays the same when another one is added.

    Raises:
        InvalidOption: Two have the same name, or one has a name that is too long.
    """
    named = tuple(
        schedule
        if schedule.name is not None
        else replace(schedule, name=f"{task}:{schedule.cron}" if is_list else task)
        for schedule in schedules
    )
    names = [schedule.name for schedule in named]
    for name in names:
        if names.count(name) > 1:
            raise InvalidOption(
                f"two schedules of {task} are named {name!r}; give each a name, as in Schedule(…, name='…')"
            )
    return named


def check_schedule_name(value: object) -> str:
    """Returns `value` if it can name a schedule; otherwise raises InvalidOption."""
    if not isinstance(value, str):
        raise InvalidOption(f"the name of a schedule is {value!r:.100}; give text")
    fault = name_fault(value)
    if fault is not None:
        raise InvalidOption(fault)
    return value


def check_note(value: object) -> str:
    """Returns `value` if it can be a note; otherwise raises InvalidOption."""
    if not isinstance(value, str) or not 0 < len(value) <= NOTE_CHARS_MAX:
        raise InvalidOption(f"note is {value!r:.100}; give text of 1 to {NOTE_CHARS_MAX} characters, or leave it out")
    return value


def _check_expression(cron: object, tz: object) -> None:
    if not isinstance(cron, str) or not 0 < len(cron) <= EXPRESSION_CHARS_MAX:
        raise InvalidOption(
            f"cron is {cron!r:.100}; give a cron expression of at most {EXPRESSION_CHARS_MAX} characters, "
            f"such as '*/5 * * * *'"
        )
    if not isinstance(tz, str) or not 0 < len(tz) <= NAME_CHARS_MAX:
        raise InvalidOption(f"tz is {tz!r:.100}; give the name of a time zone, such as 'Europe/Paris'")
    from ...actors.cron.expression import parse  # here, because calendars cost an import, and most tasks need none

    try:
        parse(cron, tz)
    except ValueError as fault:
        raise InvalidOption(str(fault)) from None


def _check_word(option: str, value: object, words: tuple[str, ...]) -> None:
    if value not in words:
        raise InvalidOption(f"{option} is {value!r:.100}; give one of {', '.join(words)}")


def _optional_ms(option: str, instant: datetime | None) -> int | None:
    return None if instant is None else instant_ms(option, instant)
