"""What the demonstration submits, and what must come of it.

Decides numbers, times and expected counts, both in one place, so that neither can change without the other. It must
not know how jobs travel beyond the client's `submit`. Rules: docs/lifecycle.md, and the crash budget of actors/limits.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...actors.limits import CRASHES_MAX
from ...broker.tasks.job import Job
from . import tasks
from .beat import Beat
from .tree import Tree

if TYPE_CHECKING:
    from ...broker.net.client import Client
    from ...broker.net.handles import JobHandle

DELAYED: Final = 100
DELAY_FIRST_S: Final = 0.5
DELAY_STEP_S: Final = 0.075
WAITS: Final = 100
WAIT_S: Final = 1.0
ECHOES: Final = 150
ECHO_EVERY_S: Final = 0.05
ECHO_PATIENCE_S: Final = 2.0
FAILURES: Final = 2


@dataclass(frozen=True, slots=True)
class Expected:
    """What the shard file must hold of this run when it is over."""

    tree: Tree
    states: dict[str, int]
    """State -> jobs."""
    outcomes: dict[str, int]
    """Outcome -> attempts; `returned` is missing, for how often a job waits in vain at an executor is nobody's plan."""
    beat: Beat | None = None
    """The schedule that has ticked meanwhile."""
    crontab_schedules: int | None = None
    """How many schedules crontabs have given, all paused."""

    @property
    def jobs(self) -> int:
        """How many jobs there are."""
        return sum(self.states.values())


def expected(tree: Tree) -> Expected:
    """Says what must come of a run over this tree."""
    succeeded = len(tree.files) + DELAYED + WAITS + ECHOES + 1
    return Expected(
        tree,
        states={"succeeded": succeeded, "dead": 2},
        outcomes={
            "succeeded": succeeded,
            "failed": FAILURES,
            "timed_out": 1,
            "crashed": CRASHES_MAX,
            "cancelled": 0,
            "lost": 0,
        },
    )


@dataclass(frozen=True, slots=True)
class Special:
    """A job that goes wrong on purpose."""

    title: str
    handle: "JobHandle[Any]"


def submit_specials(client: "Client", queue: str, marks: Path) -> list[Special]:
    """Submits the jobs that go wrong, first of all, so that they go wrong while the others run.

    Args:
        client: of the node.
        queue: of this run.
        marks: an empty folder, in which the job that fails twice counts.
    """
    jobs: list[tuple[str, Job[Any]]] = [
        ("fails twice, then succeeds", tasks.fail_twice.job(str(marks))),
        (f"never ends, is killed at {tasks.TIMEOUT_S} s", tasks.never_end.job()),
        ("kills its own runner", tasks.kill_runner.job()),
    ]
    handles = client.submit_many([job for _, job in jobs], queue=queue)
    return [Special(title, handle) for (title, _), handle in zip(jobs, handles, strict=True)]


def submit_rest(client: "Client", queue: str, tree: Tree) -> None:
    """Submits everything else but the echoes: reminders for later, work that waits, and a job a file."""
    reminders = [(tasks.remind.job(f"reminder {n}"), DELAY_FIRST_S + n * DELAY_STEP_S) for n in range(DELAYED)]
    client.submit_many([(job, {"delay": delay}) for job, delay in reminders], queue=queue)
    client.submit_many([tasks.wait.job(WAIT_S) for _ in range(WAITS)], queue=queue)
    client.submit_many((tasks.digest.job(str(path)) for path in tree.files), queue=queue)


def echoes(client: "Client", queue: str) -> Iterator[float]:
    """Submits one job at a time to a free slot and waits for its end, while the others run.

    Yields:
        Seconds for which the caller may do something else, after each.
    """
    from ...broker.net.exceptions import ResultTimeout

    next_s = time.monotonic()
    for number in range(ECHOES):
        handle = client.submit(tasks.echo.job(number), queue=queue)
        with suppress(ResultTimeout):  # a job that never comes back is missing in the summary, which says so
            handle.wait(ECHO_PATIENCE_S)
        next_s += ECHO_EVERY_S
        yield max(0.0, next_s - time.monotonic())
