"""An executor's process and its children: the real machine, whose acts start, feed and kill simulated children.

Decides when children are ready and what dies with the process. It must not know why the machine wants something.
"""

from typing import TYPE_CHECKING, Any

from ..actors.draws import Draws
from ..actors.events import Drain
from ..actors.executor import acts
from ..actors.executor.events import Connected
from ..actors.executor.machine import ExecutorMachine
from ..actors.executor.settings import ExecutorSettings, Recycle
from ..actors.step import step
from . import children
from .clock import NodeClock
from .code_versions import declared
from .node import Item, Node

if TYPE_CHECKING:
    from .world import World

MS = 1_000_000
TASKS = [
    ["work", "process", "default", [3, 50, 2000, 1_000, 0], None, 0],
    ["io", "asyncio", "default", [2, 20, 2000, 500, 1], 4_000, 0],
    ["rare", "process", "special", [5, 100, 1000, 100, 0], 3_000, 5],
]


class ExecutorNode(Node):
    """One executor; each life has an incarnation of its own."""

    def __init__(self, world: "World", name: str, clock: NodeClock, draws: Draws, queues: list[str]) -> None:
        super().__init__(world, name, clock, think_ns=10_000 + draws.below(150_000))
        self.draws = draws
        self.queues = queues
        self.incarnation = 0
        self.declared: list[list[Any]] = []
        """The schedules that the code of this life declares."""
        self.machine: ExecutorMachine | None = None
        self.children: dict[int, children.Child] = {}
        self.number = 1 + int(name.rpartition("-")[2])

    def machine_counts(self) -> dict[str, int]:
        """Returns what the machine has counted."""
        return self.machine.state.counts if self.machine is not None else {}

    def jitter(self) -> int:
        """Returns a little delay, in ns."""
        return self.draws.below(100_000)

    def start(self, replaces: list[int] | None = None) -> None:
        """The supervisor starts the process; `replaces`: incarnations that are dead, with all their children."""
        world, options = self.world, self.world.options
        self.incarnation = self.number * 1_000_000 + self.life + 1
        settings = ExecutorSettings(
            node="host",
            name=self.name,
            incarnation=self.incarnation,
            replaces=replaces or [],
            queues=self.queues,
            process_slots=options.process_slots,
            asyncio_slots=options.asyncio_slots,
            kill_grace_ms=options.kill_grace_ms,
            drain_timeout_ms=1_500,
            recycle=Recycle(jobs_max=8),
        )
        self.declared = declared(options, world.faults.code_version)
        self.machine = ExecutorMachine(settings, [node.peer for node in world.coordinators], self.now)
        world.network.join(self)
        world.count("executor_starts")
        for node in world.coordinators:
            if node.up:
                self.connected(node.peer, 0)
        self.arm(world.now_ns)

    def connected(self, peer: bytes, after_ns: int) -> None:
        """The transport has connected to a coordinator."""
        self.post(Connected(peer), self.notice_ns(peer, after_ns))

    def turn(self) -> None:
        """Runs one turn and obeys."""
        machine = self.machine
        assert machine is not None, "a process that is down takes no turn"
        inbox, self.inbox = self.inbox, []
        sends, wanted = step(machine, inbox, self.now)
        self.transmit(sends)
        for act in wanted:
            if not self.up:
                break  # an act has ended the process
            self.recent.append((self.world.now_ns, act))
            self._obey(act)
        if self.up:
            self.arm_wake(machine.wake_at())
            self.world.invariants.turned(self)

    def _obey(self, act: acts.Act) -> None:
        match act:
            case acts.SpawnChild(number, kind):
                child = self.children[number] = children.Child(self, number, kind)
                child.later(5 * MS + self.draws.below(200 * MS), children.COME, TASKS)
            case acts.RunOn(number, rows):
                self._tell(number, children.RUN, rows)
            case acts.CancelOn(number, run_ids, reason, _):
                self._tell(number, children.CANCEL, (run_ids, reason))
            case acts.PingChild(number, value):
                self._tell(number, children.PING, value)
            case acts.StopChild(number):
                self._tell(number, children.STOP)
            case acts.KillChild(number):
                self._tell(number, children.KILL)
            case acts.Exit():
                self.world.count("executor_drained")
                self._leave()
            case acts.Failed():
                # Its first child was killed; after a first start the supervisor tries again.
                self.world.count("executor_failed")
                self._leave()
            case _:
                pass

    def _tell(self, number: int, what: str, value: object = None) -> None:
        child = self.children.get(number)
        if child is not None:
            child.tell(what, value)

    def local(self, item: Item) -> None:
        """Something reaches a child, or comes to pass in it."""
        item[1].take(item[2], item[3])

    def _leave(self) -> None:
        old = self.incarnation
        self._end()
        self.world.faults.executor_later(self, 50 * MS, [old])

    def check(self) -> None:
        """Asserts every relation inside the machine."""
        if self.machine is not None:
            self.machine.check()

    def crash(self) -> None:
        """Kills the process; its children die with it."""
        self.world.count("executor_crashes")
        self._end()

    def _end(self) -> None:
        self.end_life()
        self.machine = None
        for child in list(self.children.values()):
            child.die("lost its parent")
        assert not self.children, "children outlive their executor"

    def drain(self) -> None:
        """Asks the process to end in good order."""
        self.post(Drain())
