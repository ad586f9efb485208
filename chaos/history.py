"""What truly happened: which attempts ran where and when, which entries were decided, which are durable.

Decides nothing; invariants read it. Children report to it, the coordinator's node shows it each entry when it is
appended and again when it is durable, and clients' requests are noted before they are made.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..actors import entries
from ..actors.entries import AUDIT, READY, REVIVE, SUBMIT, Entry
from ..actors.machine import Now
from ..broker.wire.ids import parse_id
from .seat import Seat

if TYPE_CHECKING:
    from .world import World

OPS = {
    getattr(entries, name): "op_" + name.lower()
    for name in (
        "NOOP",
        "LANES",
        "EXECUTORS",
        "TASKS",
        "SUBMIT",
        "LEASE",
        "FINISH",
        "CANCEL",
        "ASK",
        "EXPIRE",
        "READY",
        "HOLD",
        "SESSIONS_END",
        "PRUNE",
        "KEYS_END",
        "SCHEDULE",
        "UNSCHEDULE",
        "PAUSE",
        "TICK",
        "AUDIT",
        "TICKS_END",
        "BOOT",
        "REVIVE",
        "SETTLE",
        "LEASE_TTL",
    )
}
"""Op -> the name under which it is counted."""


@dataclass(slots=True)
class Attempt:
    """One run of a handler."""

    id: int
    attempt: int
    fence: tuple[int, int]
    executor: str
    incarnation: int
    tag: str
    started_ns: int
    ended_ns: int | None = None
    outcome: str | None = None
    verdict: str | None = None
    """What the handler has said of its end."""
    after_ms: int | None = None


@dataclass(slots=True)
class Asked:
    """One job that a client submitted; `tag` stands in its payload."""

    tag: str
    client: str
    plan: str
    delay_ms: int | None
    at_ms: int | None
    key: str | None
    at_ns: int
    id: int | None = None
    acked: bool = False
    refused: str | None = None
    """The code of a definite refusal."""
    unknown: bool = False


@dataclass(slots=True)
class Decided:
    """An entry that a machine has decided."""

    index: int
    entry: Entry
    now: Now
    at_ns: int
    by: str
    """The name of the node that led."""
    life: int
    shard: int


@dataclass(slots=True)
class Taken:
    """A job as the log took it."""

    id: int
    tag: str
    scheduled_ms: int
    due_ms: int | None
    stamp_ms: int
    decided: Decided
    ended: int | None = None
    """The state in which it ended."""
    retried: bool = False
    deadline_ms: int | None = None
    ends: set[int] = field(default_factory=set[int])
    """All states in which it ever ended."""
    hurried: int = 0
    """How often somebody has let it run by hand: it lives again, or is ready before its time."""


class History:
    """The truth."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.asked: dict[str, Asked] = {}
        self.running: dict[int, list[Attempt]] = {}
        self.attempts: dict[tuple[int, int], list[Attempt]] = {}
        self.pending: list[dict[tuple[int, int], Decided]] = [{} for _ in range(world.options.shards)]
        """Of each shard, by (epoch, index): what was decided and is not committed."""
        self.committed: list[int] = [0] * world.options.shards
        """Of each shard: the last entry that is committed."""
        self.epochs: list[list[int]] = [[0] for _ in range(world.options.shards)]
        """Of each shard: the epoch of each committed entry, by index."""
        self.began: list[list[tuple[int, int]]] = [[] for _ in range(world.options.shards)]
        """Of each shard: (epoch, when its first entry was committed), in order."""
        self.taken: dict[int, Taken] = {}
        self.wall_peaks: list[tuple[int, int]] = []
        """(true ns, wall ms): what a coordinator's wall showed when it was stepped."""
        self.pauses: dict[str, list[tuple[int, int]]] = {}

    def paused(self, name: str, until_ns: int) -> None:
        """A host is frozen until then."""
        self.pauses.setdefault(name, []).append((self.world.now_ns, until_ns))

    def was_paused(self, name: str, since_ns: int) -> bool:
        """Says whether a host has been frozen since a time."""
        return any(until_ns >= since_ns for _, until_ns in self.pauses.get(name, ()))

    def wall_reached(self, wall_ms: int, since_ns: int) -> bool:
        """Says whether a coordinator's wall had come so far before a step took it back."""
        return any(peak_ms >= wall_ms for at_ns, peak_ms in self.wall_peaks if at_ns >= since_ns)

    def starts(self, attempt: Attempt) -> None:
        """A handler is called."""
        self.attempts.setdefault((attempt.id, attempt.attempt), []).append(attempt)
        self.world.invariants.started(attempt)
        self.running.setdefault(attempt.id, []).append(attempt)

    def ends(self, attempt: Attempt, outcome: str) -> None:
        """A handler has returned, raised or died."""
        attempt.ended_ns, attempt.outcome = self.world.now_ns, outcome
        running = self.running[attempt.id]
        running.remove(attempt)
        if not running:
            del self.running[attempt.id]
        self.world.count("truth_" + outcome)

    def appended(self, seat: Seat, index: int, entry: Entry, now: Now) -> None:
        """A coordinator has appended an entry."""
        node = seat.node
        decided = Decided(index, entry, now, self.world.now_ns, node.name, node.life, seat.shard)
        self.pending[seat.shard][entry.epoch, index] = decided

    def settled(self, index: int) -> None:
        """Entries up to `index` of the one shard of the one coordinator are durable."""
        for epoch, known in list(self.pending[0]):
            if known <= index:
                self.commits(0, known, epoch)

    def commits(self, shard: int, index: int, epoch: int) -> None:
        """An entry is committed; it was the engine's own if no machine has decided it."""
        assert index == self.committed[shard] + 1, "entries are committed in order, once"
        self.committed[shard] = index
        if epoch != self.epochs[shard][-1]:
            self.began[shard].append((epoch, self.world.now_ns))
        self.epochs[shard].append(epoch)
        decided = self.pending[shard].pop((epoch, index), None)
        if decided is not None:
            self._note(decided)
            self.world.invariants.committed(decided)

    def lost(self) -> None:
        """Entries that were not durable are gone with the one coordinator."""
        self.world.count("entries_lost", len(self.pending[0]))
        self.pending[0].clear()

    def _note(self, decided: Decided) -> None:
        for op in decided.entry.ops:
            self.world.count(OPS[op[0]])
            if op[0] == SUBMIT:
                for id, row in enumerate(op[5], op[4]):
                    tag = tag_of(row[1])
                    if not op[1]:
                        tag += f".{id}"  # the jobs of a schedule all have its payload
                    taken = Taken(id, tag, row[2], row[3], decided.entry.stamp_ms, decided)
                    self.taken[id] = taken
                    taken.deadline_ms = row[10]
            elif op[0] == REVIVE:
                for id, _ in op[1]:
                    self.taken[id].hurried += 1
            elif op[0] == READY:
                for id in by_hand(decided.entry).intersection(op[1]):
                    self.taken[id].hurried += 1


def by_hand(entry: Entry) -> set[int]:
    """Returns the jobs with which, by the audit, somebody has done something in an entry."""
    rows = [row for op in entry.ops if op[0] == AUDIT for row in op[1] if row[1].startswith("job ")]
    return {parse_id(row[2]) for row in rows}


def payload_for(tag: str, plan: str) -> str:
    """Returns the payload of a job: JSON text that names the job and says what its handler will do."""
    return f'"{tag} {plan}"'


def tag_of(payload: str) -> str:
    """Returns the name that a payload gives its job."""
    return payload[1:].partition(" ")[0]


def plan_of(payload: str) -> str:
    """Returns what a payload has its handler do."""
    return payload[:-1].partition(" ")[2]
