"""Decides which keys a schedules file has, with types, bounds and defaults; the reference prints the descriptions.

It must not know about files, lines or error texts. The defaults are those of `mainspring.Schedule`.
"""

from typing import Literal

from pydantic import Field

from ...broker.tasks.limits import RETRIES_MAX
from ...broker.wire.limits import PRIORITY_MAX
from ..settings.forms import QueueName, TenantName
from ..settings.section import Section
from .forms import Args, Expression, Instant, Jitter, Kwargs, Note, ScheduleName, Span, TaskName, Timeout, Zone

SCHEDULES_MAX = 100_000


class _Job(Section):
    """What each instant submits."""

    expression: Expression = Field(
        alias="cron",
        description='When: five fields, six with seconds first, seven with the year last; or `"@every 90s"`,'
        ' `"@daily"`, `"@reboot"`.',
        json_schema_extra={"default": "must be given"},
    )
    task: TaskName = Field(
        description="The name of the task that runs.", json_schema_extra={"default": "must be given"}
    )
    args: Args = Field(default=[], description="Arguments of the task, by place.")
    kwargs: Kwargs = Field(
        default={}, description="Arguments of the task, by name.", json_schema_extra={"default": "`{}`"}
    )


class Options(Section):
    """Options that a schedule has where its own table does not say otherwise."""

    zone: Zone = Field(default="UTC", alias="tz", description="The time zone that `cron` is read in.")
    fold: Literal["first", "last", "both"] = Field(
        default="first", description="Which of two equal local times fires when clocks go back."
    )
    gap: Literal["shift", "skip"] = Field(
        default="shift",
        description='Whether a local time that does not exist, when clocks go forward, fires (`"shift"`) or not.',
    )
    start_ms: Instant = Field(
        default=0,
        alias="start",
        description="No instant before it counts.",
        json_schema_extra={"default": "none"},
    )
    end_ms: Instant = Field(
        default=0,
        alias="end",
        description="No instant after it counts.",
        json_schema_extra={"default": "none"},
    )
    jitter_ms: Jitter = Field(
        default=0,
        alias="jitter",
        description="Each instant is put off by a share of this that is always the same.",
        json_schema_extra={"default": '`"0s"`'},
    )
    catch_up: Literal["skip", "latest", "all"] = Field(
        default="latest", description="Which instants still fire that nobody was there for."
    )
    window_ms: Span = Field(
        default=3_600_000,
        alias="window",
        description="How old an instant may be for `catch_up`.",
        json_schema_extra={"default": '`"1h"`'},
    )
    grace_ms: Span = Field(
        default=60_000,
        alias="grace",
        description="How late an instant may be and still count as on time.",
        json_schema_extra={"default": '`"1m"`'},
    )
    overlap: Literal["skip", "allow", "buffer_one"] = Field(
        default="skip", description="What becomes of an instant while the job of an earlier one has not ended."
    )
    runs_max: int = Field(
        default=0,
        alias="limit",
        ge=1,
        le=10**12,
        description="How many jobs it makes before it ends.",
        json_schema_extra={"default": "no end"},
    )
    paused: bool = Field(
        default=False,
        description="Pauses it, or lets it go on, when it is new or this has changed. Otherwise it stays as somebody"
        " has set it with `mainspring schedules pause`.",
        json_schema_extra={"default": "as it is; a new one runs"},
    )
    note: Note = Field(
        default="",
        description="A text for those who read the schedule.",
        json_schema_extra={"default": "none"},
    )
    queue: QueueName = Field(default="default", description="The queue of its jobs.")
    tenant: TenantName = Field(default="default", description="The tenant of its jobs.")
    priority: int = Field(
        default=0, ge=-PRIORITY_MAX, le=PRIORITY_MAX, description="The priority of its jobs; higher first."
    )
    retries: int = Field(
        default=0,
        ge=0,
        le=RETRIES_MAX,
        description="How often a failed attempt is tried again.",
        json_schema_extra={"default": "the task's own"},
    )
    timeout_ms: Timeout = Field(
        default=1,
        alias="timeout",
        description="Time limit of an attempt.",
        json_schema_extra={"default": "the task's own"},
    )


class ScheduleTable(Options, _Job):
    """One schedule; its name is part of the header."""


class SchedulesFile(Section):
    """A whole file of schedules."""

    defaults: Options = Field(default=Options(), description="")
    schedules: dict[ScheduleName, ScheduleTable] = Field(
        default_factory=dict[str, ScheduleTable], max_length=SCHEDULES_MAX, description=""
    )
