"""Links: the executors that a shard talks to now, their credit, and until when their leases hold.

Soft state: nothing here is logged, because an executor says all of it again in its next hello. Decides which link has
a free slot.
"""

from ...broker.wire.messages import ExecutorHello
from ..effects import Peer
from ..limits import EXECUTORS_MAX

NUMBERS_MAX = 2 * EXECUTORS_MAX
"""Incarnations whose last hello is remembered."""


class Link:
    """One executor's connection, opened by its hello.

    `number` counts that executor's hellos; Runs of older ones are void.
    """

    __slots__ = (
        "deadline_ns",
        "executor",
        "figures",
        "incarnation",
        "labels",
        "missed",
        "name",
        "node",
        "number",
        "peer",
        "queues",
        "run_sequence",
        "sequence_at_renew",
        "silent",
        "tasks",
        "used",
        "windows",
    )

    def __init__(self, peer: Peer, executor: int, hello: ExecutorHello, deadline_ns: int) -> None:
        self.peer = peer
        self.executor = executor
        self.node = hello.node
        self.name = hello.name
        self.incarnation = hello.incarnation
        self.number = hello.link
        self.queues = frozenset(hello.queues)
        self.labels = tuple(hello.labels)
        self.tasks: dict[str, str] = {row[0]: row[1] for row in hello.tasks}
        self.windows: dict[str, int] = {}
        self.used: dict[str, int] = {}
        self.deadline_ns = deadline_ns
        self.figures: dict[str, int] = {}  # what it says of itself, for the metrics
        self.run_sequence = 0
        self.sequence_at_renew = 0
        self.missed = 0
        self.silent = False  # the transport could not reach it: no new work until it speaks again

    def kind_for(self, queue: str, task: str) -> str | None:
        """Returns the runner kind with which this executor runs such jobs, None if it does not."""
        if "*" not in self.queues and queue not in self.queues:
            return None
        return self.tasks.get(task)

    def free(self, kind: str) -> int:
        """Returns how many more jobs of that kind it takes now."""
        return 0 if self.silent else self.windows.get(kind, 0) - self.used.get(kind, 0)


class Links:
    """All links of a shard, by peer and by incarnation."""

    def __init__(self) -> None:
        self.by_peer: dict[Peer, Link] = {}
        self.by_incarnation: dict[int, Link] = {}
        self.numbers: dict[int, int] = {}
        """Of the last hello of each incarnation, also where the link is closed: one that comes late opens none."""
        self._eligible: dict[tuple[str, str], list[tuple[Link, str]]] = {}
        self._kinds: dict[tuple[str, str], frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self.by_peer)

    def open(self, link: Link) -> None:
        """Takes a link; an older one of the same peer or incarnation is replaced."""
        for old in (self.by_peer.get(link.peer), self.by_incarnation.get(link.incarnation)):
            if old is not None:
                self.close(old)
        self.by_peer[link.peer] = link
        self.by_incarnation[link.incarnation] = link
        self.numbers.pop(link.incarnation, None)
        self.numbers[link.incarnation] = link.number
        if len(self.numbers) > NUMBERS_MAX:
            del self.numbers[next(iter(self.numbers))]
        self._eligible.clear()
        self._kinds.clear()

    def close(self, link: Link) -> None:
        """Drops a link."""
        self.by_peer.pop(link.peer, None)
        self.by_incarnation.pop(link.incarnation, None)
        self._eligible.clear()
        self._kinds.clear()

    def kinds(self, queue: str, task: str) -> frozenset[str]:
        """Returns the runner kinds with which executors run this task from this queue."""
        found = self._kinds.get((queue, task))
        if found is None:
            found = self._kinds[queue, task] = frozenset(kind for _, kind in self.eligible(queue, task))
        return found

    def free_kinds(self) -> set[str]:
        """Returns the runner kinds of which some executor takes another job."""
        return {kind for link in self.by_peer.values() for kind in link.windows if link.free(kind) > 0}

    def eligible(self, queue: str, task: str) -> list[tuple[Link, str]]:
        """Returns the (link, runner kind) pairs that run this task from this queue, in a stable order."""
        found = self._eligible.get((queue, task))
        if found is None:
            found = [(link, kind) for link in self.by_peer.values() if (kind := link.kind_for(queue, task)) is not None]
            self._eligible[queue, task] = found
        return found

    def check(self) -> None:
        """Asserts the links' relations."""
        assert len(self.by_peer) == len(self.by_incarnation)
        for link in self.by_peer.values():
            assert self.by_incarnation[link.incarnation] is link
            assert all(count >= 0 for count in link.used.values()), link.used
