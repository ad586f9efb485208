"""What the parts of an executor share during an event."""

from typing import Any

from ...broker.wire.rows import SCHEDULE_COLUMNS
from ..effects import Effects, Peer
from ..machine import Now
from . import acts
from .held import Held
from .link import Link
from .pool import Child, Pool
from .settings import COMMAND, ExecutorSettings

_SCHEDULED_TASK = SCHEDULE_COLUMNS.index("task")


class ExecutorState:
    """One executor's memory. `out` and `now` belong to the event being handled."""

    def __init__(self, settings: ExecutorSettings, coordinators: list[Peer], now: Now) -> None:
        self.settings = settings
        self.now = now
        self.out = Effects()
        self.links = {peer: Link(peer) for peer in coordinators}
        self.pools = {
            "process": Pool("process", settings.process_slots, 1, settings.timeout_default_ms),
            "asyncio": Pool(
                "asyncio", min(1, settings.asyncio_slots), settings.asyncio_slots, settings.timeout_default_ms
            ),
        }
        if settings.commands and settings.command_slots:
            self.pools[COMMAND] = Pool(COMMAND, 1, settings.command_slots, settings.timeout_default_ms)
        self.tasks: list[list[Any]] | None = None  # unknown before the first child is ready
        self.schedules: list[list[Any]] = []
        # Tasks and schedules, those without slots here included.
        self.announced_by_child: tuple[list[list[Any]], list[list[Any]]] | None = None
        self.task_kind: dict[str, str] = {}
        self.task_timeout_ms: dict[str, int | None] = {}
        self.cluster: str | None = None
        self.held: dict[tuple[int, int], Held] = {}
        self.by_run: dict[int, Held] = {}
        self.ending: dict[int, Held] = {}  # runs that were told to end, by run id
        self.next_run = 1
        self.next_child = 1
        self.drain_until_ns: int | None = None
        self.announced = False
        self.failed = False  # it has said that it cannot start
        self.exited = False
        self.counts: dict[str, int] = {}

    def begin(self, now: Now) -> None:
        """Starts an event."""
        self.now = now
        self.out = Effects()

    def act(self, act: acts.Act) -> None:
        """Asks something of the shell."""
        self.out.acts.append(act)

    def learn(self, announced: list[list[Any]], schedules: list[list[Any]]) -> None:
        """Takes the tasks that a child announced, those that this executor has slots for, and their schedules.

        The declared commands are tasks, too; one that has a command's name is none.
        """
        commands = self.settings.commands if COMMAND in self.pools else []
        taken = {row[0] for row in commands}
        tasks = [
            row
            for row in announced
            if (pool := self.pools.get(row[1])) is not None and pool.children_max and row[0] not in taken
        ]
        tasks += commands
        self.announced_by_child, self.tasks = (announced, schedules), tasks
        self.task_kind = {row[0]: row[1] for row in tasks}
        self.schedules = [row for row in schedules if row[_SCHEDULED_TASK] in self.task_kind]
        self.task_timeout_ms = {row[0]: row[4] for row in tasks}

    def children_wanted(self, pool: Pool) -> int:
        """Returns how many children a pool should have: one to learn the tasks, then what the tasks need."""
        if self.drain_until_ns is not None:
            return 0
        if self.tasks is None:
            first = next(other for other in self.pools.values() if other.children_max)
            return 1 if pool is first else 0
        return pool.children_max if pool.kind in self.task_kind.values() else 0

    def pool_of_child(self, number: int) -> tuple[Pool, Child] | None:
        """Returns the child of that number and its pool, None if it is gone."""
        for pool in self.pools.values():
            child = pool.children.get(number)
            if child is not None:
                return pool, child
        return None

    def count(self, name: str, by: int = 1) -> None:
        """Counts an occurrence, for metrics and the simulator's coverage."""
        self.counts[name] = self.counts.get(name, 0) + by
