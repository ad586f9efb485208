"""What an operator may tune of an executor, and its fixed habits."""

from dataclasses import dataclass, field
from typing import Any

RENEW_EVERY_MS = 1_000
"""How often the leases of a link are renewed, if a tenth of their time is not shorter."""

RESEND_AFTER_MS = 1_000
"""A hello or a batch of results that nobody answered is sent again after this."""

HELLO_AGAIN_MS = 3_000
"""How often a node that has answered is said hello to again while a shard has no leader that answers."""

READY_WAIT_MS = 2_000
"""Once a node has answered, an executor is ready after this even if some shard has no leader yet."""

WAIT_MAX_MS = 50
"""A job that has not started this long after it came goes back: another executor may have room."""

AHEAD_BELOW_MS = 20.0
"""Jobs are taken ahead of free slots only while the runs of that kind take less than this on average."""

AHEAD_DEPTH_MAX = 32
"""Most runs that wait in one process child behind the one that runs."""

AHEAD_FACTOR_MAX = 4
"""An asyncio executor holds at most this many times its slots besides those that run."""

STUCK_MS = 10_000
"""An event loop that has not turned for so long is replaced."""

FENCE_MARGIN_MS = 500
"""Children of a lease that nobody renewed are dead this long before it ends."""

COMMAND = "command"
"""The runner kind of declared commands, whose child ends each by itself."""

COMMAND_MARGIN_MS = 1_000
"""A command child that has not ended a command so long after its grace is stuck, and is killed."""

STOP_MS = 10_000
"""A child without runs that was told to end, and has not so long after, is killed."""

FIGURES_EVERY_MS = 5_000
"""How often an executor reports figures of its own."""

CHILD_BACKOFF_MIN_MS = 100
CHILD_BACKOFF_MAX_MS = 5_000


@dataclass(frozen=True, slots=True)
class Recycle:
    """When a child is replaced by a fresh one; 0 stands for never."""

    jobs_max: int = 0
    rss_bytes_max: int = 0
    age_ms: int = 0


NEVER = Recycle()

_FAILED = frozenset({"failed", "timed_out", "crashed"})

LOGGED = {"none": frozenset[str](), "failed": _FAILED, "all": _FAILED | {"succeeded", "cancelled", "returned"}}
"""What `log_jobs` says -> the outcomes of which the log gets a line."""


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """One executor's settings."""

    node: str
    name: str
    incarnation: int
    replaces: list[int] = field(default_factory=list[int])
    queues: list[str] = field(default_factory=lambda: ["*"])
    labels: list[str] = field(default_factory=list[str])
    """Texts `name=value`: a task that asks for labels is announced only where all of them are."""
    process_slots: int = 2
    asyncio_slots: int = 100
    thread_slots: int = 8
    timeout_default_ms: int = 0
    start_timeout_ms: int = 30_000
    kill_grace_ms: int = 1_000
    drain_timeout_ms: int = 30_000
    recycle: Recycle = NEVER
    log_jobs: str = "failed"
    """Which ended attempts are told to the log: a key of LOGGED."""
    command_slots: int = 0
    commands: list[list[Any]] = field(default_factory=list[list[Any]])
    """The declared commands as tasks, rows of TASK_COLUMNS."""
    cluster: str | None = None
    """The only cluster whose nodes are heard; None is that of whoever speaks first."""

    def __post_init__(self) -> None:
        assert self.incarnation > 0, self.incarnation
        assert self.process_slots >= 0, self.process_slots
        assert self.asyncio_slots >= 0, self.asyncio_slots
        assert self.thread_slots >= 0, self.thread_slots
        assert self.command_slots >= 0, self.command_slots
        slots = self.process_slots + self.asyncio_slots + self.thread_slots
        slots += self.command_slots if self.commands else 0
        assert slots > 0, "an executor without slots runs nothing"
        assert all(row[1] == COMMAND for row in self.commands), "a declared command has a runner of its own"
        assert self.kill_grace_ms >= 0
