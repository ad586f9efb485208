"""What the parts of an executor share during an event."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from ...broker.wire.rows import SCHEDULE_COLUMNS
from ..effects import Effects, Peer
from ..machine import Now
from ..reach import Reach
from . import acts
from .held import Held
from .leaders import Leaders
from .link import Link
from .pool import Child, Pool
from .settings import COMMAND, LOGGED, ExecutorSettings
from .shard import Shard

Announced: TypeAlias = tuple[list[list[Any]], list[list[Any]], Sequence[list[Any]]]
"""What a child has said of its tasks: rows of tasks, schedules and limits."""

_SCHEDULED_TASK = SCHEDULE_COLUMNS.index("task")


class ExecutorState:
    """One executor's memory. `out` and `now` belong to the event being handled."""

    def __init__(self, settings: ExecutorSettings, coordinators: list[Peer], now: Now) -> None:
        self.settings = settings
        self.now = now
        self.out = Effects()
        self.links = {peer: Link(peer) for peer in coordinators}
        self.reach = Reach(coordinators)
        self.shards: dict[int, Shard] = {}  # those of which a leader has spoken
        self.shards_known = 0  # how many the cluster has, 0 before somebody has said so
        self.mapped_ns: int | None = None  # when the first map came: there is more than one node
        self.hellos = 0
        self.pools: dict[str, Pool] = {}
        for kind, children, slots in (
            ("process", settings.process_slots, 1),
            ("asyncio", min(1, settings.asyncio_slots), settings.asyncio_slots),
            ("thread", min(1, settings.thread_slots), settings.thread_slots),
        ):
            self.pools[kind] = Pool(kind, children, slots, settings.recycle)
        if settings.commands and settings.command_slots:
            self.pools[COMMAND] = Pool(COMMAND, 1, settings.command_slots)
        self.tasks: list[list[Any]] | None = None  # unknown before the first child is ready
        self.schedules: list[list[Any]] = []
        # Tasks, schedules and limits, those without slots or labels here included.
        self.announced_by_child: Announced | None = None
        self.task_kind: dict[str, str] = {}
        self.kinds: frozenset[str] = frozenset()  # of these tasks
        self.task_timeout_ms: dict[str, int | None] = {}
        self.task_limits: dict[str, tuple[int | None, int | None]] = {}
        self.cluster = settings.cluster
        self.leaders = Leaders()
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
        self.logged = LOGGED[settings.log_jobs]

    def begin(self, now: Now) -> None:
        """Starts an event."""
        self.now = now
        self.out = Effects()

    def act(self, act: acts.Act) -> None:
        """Asks something of the shell."""
        self.out.acts.append(act)

    def learn(self, announced: Announced) -> None:
        """Takes the tasks that a child announced, those that this executor has slots and labels for, their schedules.

        The declared commands are tasks, too; one that has a command's name is none.
        """
        found, schedules, limits = announced
        commands = self.settings.commands if COMMAND in self.pools else []
        own = set(self.settings.labels)
        taken = {row[0] for row in commands} | {task for task, _, _, labels in limits if not own.issuperset(labels)}
        tasks = [
            row
            for row in found
            if (pool := self.pools.get(row[1])) is not None and pool.children_max and row[0] not in taken
        ]
        tasks += commands
        self.announced_by_child, self.tasks = announced, tasks
        self.task_limits = {
            task: (memory_bytes, cpu_ms)
            for task, memory_bytes, cpu_ms, _ in limits
            if memory_bytes is not None or cpu_ms is not None
        }
        self.task_kind = {row[0]: row[1] for row in tasks}
        self.kinds = frozenset(self.task_kind.values())
        self.schedules = [row for row in schedules if row[_SCHEDULED_TASK] in self.task_kind]
        self.task_timeout_ms = {row[0]: row[4] for row in tasks}

    def children_wanted(self, pool: Pool) -> int:
        """Returns how many children a pool should have: one to learn the tasks, then what the tasks need."""
        if self.drain_until_ns is not None:
            return 0
        if self.tasks is None:
            first = next(other for other in self.pools.values() if other.children_max)
            return 1 if pool is first else 0
        return pool.children_max if pool.kind in self.kinds else 0

    def open_shards(self, link: Link) -> int:
        """Returns how many shards have answered the link's last hello as their leader."""
        return sum(1 for shard in self.shards.values() if shard.is_open(link))

    @property
    def is_served(self) -> bool:
        """Whether every shard has a leader that this executor talks to."""
        return 0 < self.shards_known == sum(1 for shard in self.shards.values() if shard.is_open(shard.link))

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
