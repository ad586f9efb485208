"""Decides which keys an executor's table has, with types, bounds and defaults; the reference prints the descriptions.

It must not know about files, lines or error texts; what does not go together is judged in `relations`.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, PrivateAttr

from .command_section import CommandSection
from .forms import Endpoint, FilePath, Labels, ModuleName, Name, OptionalPath, QueuePattern
from .section import MIB, YEAR_S, Section


class RecycleSection(Section):
    """When a child of an executor is replaced by a fresh one: soon after the first of these is reached."""

    jobs_max: int | None = Field(
        default=None,
        ge=1,
        le=10**12,
        description="Jobs that it has been given.",
        json_schema_extra={"default": "never"},
    )
    rss_bytes_max: int | None = Field(
        default=None,
        ge=MIB,
        le=2**50,
        description="Its resident memory; it is looked at once a second.",
        json_schema_extra={"default": "never"},
    )
    age_s: int | None = Field(
        default=None,
        ge=1,
        le=YEAR_S,
        description="Its age.",
        json_schema_extra={"default": "never"},
    )


class ExecutorSection(Section):
    """Executor processes, which run jobs in children of their own; the table may be repeated, or left out."""

    name: Name = Field(
        default="executor",
        description="Name in logs and metrics, unique in the node; a `count` above 1 adds `-1`, `-2` …",
    )
    count: int = Field(default=1, ge=1, le=64, description="Executor processes with these settings.")
    tasks: Annotated[tuple[ModuleName, ...], Field(strict=False)] = Field(
        default=(),
        max_length=1000,
        description="Modules that define the tasks, imported by the children.",
        json_schema_extra={"default": "the environment's `MAINSPRING_TASKS`, separated by commas"},
    )
    import_paths: Annotated[tuple[FilePath, ...], Field(strict=False)] = Field(
        default=(Path(),),
        max_length=100,
        description="Folders searched for modules before all others.",
    )
    queues: Annotated[tuple[QueuePattern, ...], Field(strict=False)] = Field(
        default=("*",),
        min_length=1,
        max_length=10_000,
        description='Queues to take jobs from; `"*"` stands for every queue.',
    )
    process_slots: int = Field(
        default=1,
        ge=0,
        le=1024,
        description="Jobs of plain functions that run at once, each in a child process of its own.",
        json_schema_extra={"default": "the CPUs, divided among the node's executor processes; at least 1"},
    )
    asyncio_slots: int = Field(
        default=100,
        ge=0,
        le=100_000,
        description="Jobs of `async` functions that run at once, on one event loop in a child.",
    )
    thread_slots: int = Field(
        default=8,
        ge=0,
        le=1000,
        description="Jobs of tasks with the runner `thread` that run at once, each in a thread of one child.",
    )
    commands: OptionalPath = Field(
        default=None,
        description="A file of commands that these executors run besides those of this file; it holds tables"
        " `[commands.NAME]`, as this one may.",
        json_schema_extra={"default": "none"},
    )
    command_slots: int = Field(
        default=4, ge=0, le=256, description="Commands that run at once, each a process of its own."
    )
    timeout_default_s: int = Field(
        default=0,
        ge=0,
        le=YEAR_S,
        description="Time limit of a job where neither its task nor its submit sets one; 0 is none.",
    )
    kill_grace_ms: int = Field(
        default=1_000,
        ge=0,
        le=600_000,
        description="Time that a timed-out or cancelled job has to stop before its child is killed.",
    )
    recycle: RecycleSection = Field(default=RecycleSection(), description="When children are replaced.")
    labels: Labels = Field(
        default={},
        description="What tasks may ask for by `@task(labels=...)`: a task runs only where all of its labels are.",
        json_schema_extra={"default": "`{}`"},
    )
    start_timeout_s: float = Field(
        default=30.0,
        ge=1,
        le=3_600,
        description="Time that a child has to import the task modules before it counts as failed.",
    )
    coordinators: Annotated[tuple[Endpoint, ...], Field(strict=False)] = Field(
        default=(),
        max_length=16,
        description="Endpoints of the coordinators to work for.",
        json_schema_extra={"default": "`[]`: this node's own"},
    )

    _declared: dict[str, CommandSection] = PrivateAttr(default_factory=dict[str, CommandSection])

    @property
    def declared(self) -> dict[str, CommandSection]:
        """The commands that it runs, by name; empty without slots for them."""
        return self._declared if self.command_slots else {}

    def with_commands(self, declared: dict[str, CommandSection]) -> "ExecutorSection":
        """Returns the same executor with other commands."""
        changed = self.model_copy()
        changed._declared = declared
        return changed

    def process_names(self) -> tuple[str, ...]:
        """Names the executor processes: the name itself for one, numbered from 1 for several."""
        if self.count == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.count + 1))
