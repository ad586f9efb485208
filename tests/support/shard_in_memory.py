"""Coordinator shards on a log and rows in memory, with an executor that runs every job in the turn that leases it.

Decides nothing about jobs: the machine and `turn()` are the real ones. What is delivered, lost or delayed on the way is
the test's business.
"""

from collections.abc import Callable, Iterable
from typing import Any

from mainspring.actors.coordinator.settings import ShardSettings
from mainspring.actors.coordinator.takeover import take_over
from mainspring.actors.draws import Draws
from mainspring.actors.effects import Send
from mainspring.actors.events import Drain, PeerGone, Received
from mainspring.actors.machine import Now
from mainspring.actors.turn import answer_reads, catch_up, turn
from mainspring.broker.wire.messages import Credit, ExecutorHello, Finished, Message, Run
from mainspring.chaos.memory_log import MemoryLog
from mainspring.chaos.memory_store import MemoryStore

EXECUTOR = b"executor"
INCARNATION = 7

RETRY_NEVER = [0, 1000, 2000, 600_000, 0]

Outcome = tuple[str, str | None, str | None]
"""(outcome, result, error) of an attempt."""


def succeed(run: list[Any]) -> Outcome | None:
    """Every job returns its payload's text length, whatever it is."""
    return "succeeded", str(len(run[3])), None


class ShardsInMemory:
    """All shards of a cluster in one place. `handler` decides how a Run's row ends; None leaves it running."""

    def __init__(
        self,
        now: Now,
        *,
        tasks: Iterable[tuple[str, str, int]] = (("echo", "default", 0),),
        handler: Callable[[list[Any]], Outcome | None] | None = None,
        **settings: Any,
    ) -> None:
        """Starts the shards.

        Args:
            now: both clocks.
            tasks: (name, queue, priority) that the executor announces; it takes jobs only with a handler.
            handler: how jobs end.
            **settings: of ShardSettings; leases last for ever unless it says otherwise.
        """
        self.settings = ShardSettings(**{"cluster": "test", "lease_ttl_ms": 10**9, **settings})
        self.log = MemoryLog()
        self.stores = [MemoryStore() for _ in range(self.settings.shards)]
        self.tasks = [[name, "process", queue, RETRY_NEVER, None, priority] for name, queue, priority in tasks]
        self.handler = handler
        self.batches = 0
        self.start(now)

    def start(self, now: Now) -> None:
        """Takes over what the log and the rows hold."""
        self.members = [
            take_over(shard, self.log, store, self.settings, Draws(shard + 1), now)
            for shard, store in enumerate(self.stores)
        ]
        queues = sorted({row[2] for row in self.tasks})
        hello = ExecutorHello("node", "executor", INCARNATION, [], 1, queues, self.tasks, [], [], None, [], [], [])
        self.deliver(EXECUTOR, hello)
        if self.handler is not None:
            for shard in range(self.settings.shards):
                self.deliver(EXECUTOR, Credit(shard, 1, [["process", 1000]]))
        self.run(now)

    def restart(self, now: Now) -> None:
        """Kills the process and starts it again: memory is gone, what was acknowledged is not."""
        self.log.crash()
        for store in self.stores:
            store.revert()
        self.start(now)

    def drain(self) -> None:
        """Asks the shards to stop in good order."""
        for member in self.members:
            member.inbox.append(Drain())

    def deliver(self, peer: bytes, message: Message) -> None:
        """Puts a message into the inbox of its shard, or of all."""
        shard = getattr(message, "shard", None)
        for number, member in enumerate(self.members):
            if shard in (None, number):
                member.inbox.append(Received(peer, message))

    def gone(self, peer: bytes) -> None:
        """Tells the shards that a peer cannot be reached."""
        for member in self.members:
            member.inbox.append(PeerGone(peer))

    def run(self, now: Now) -> list[Send]:
        """Runs turns until nothing is left to do now; returns what is for peers other than the executor."""
        sends: list[Send] = []
        while any(member.has_work(now) for member in self.members):
            for send in turn(self.members, now, self.log):
                if send.peer == EXECUTOR:
                    self._executor(send.message, now)
                else:
                    sends.append(send)
            for member in self.members:
                catch_up(member, self.log)
                answer_reads(member)
        return sends

    def wake_ns(self) -> int | None:
        """Returns when a shard wants a turn."""
        return min((wake for member in self.members if (wake := member.machine.wake_at()) is not None), default=None)

    def _executor(self, message: Message, now: Now) -> None:
        if not isinstance(message, Run) or self.handler is None:
            return
        results: list[list[Any]] = []
        for run in message.jobs:
            outcome = self.handler(run)
            if outcome is not None:
                name, result, error = outcome
                fence, times = [message.epoch, message.index], [now.wall_ms, now.wall_ms]
                results.append([run[0], run[1], *fence, name, *times, result, error, None, None, None, None])
        if results:
            self.batches += 1
            self.deliver(EXECUTOR, Finished(message.shard, self.batches, results))
