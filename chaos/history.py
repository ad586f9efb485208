"""What truly happened: which attempts ran where and when, which entries were decided, which are durable.

Decides nothing; invariants read it. Children report to it, the coordinator's node shows it each entry when it is
appended and again when it is durable, and clients' requests are noted before they are made.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..actors import entries
from ..actors.entries import AUDIT, READY, REVIVE, SUBMIT, Entry
from ..actors.machine import Now
from ..broker.wire.ids import parse_id

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
    """An entry that was appended and is not durable yet."""

    index: int
    entry: Entry
    now: Now
    at_ns: int
    life: int


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
        self.pending: deque[Decided] = deque()
        self.taken: dict[int, Taken] = {}
        self.committed = 0
        self.wall_peaks: list[tuple[int, int]] = []
        """(true ns, wall ms): what the coordinator's wall showed when it was stepped."""
        self.pauses: dict[str, list[tuple[int, int]]] = {}

    def paused(self, name: str, until_ns: int) -> None:
        """A host is frozen until then."""
        self.pauses.setdefault(name, []).append((self.world.now_ns, until_ns))

    def was_paused(self, name: str, since_ns: int) -> bool:
        """Says whether a host has been frozen since a time."""
        return any(until_ns >= since_ns for _, until_ns in self.pauses.get(name, ()))

    def wall_reached(self, wall_ms: int, since_ns: int) -> bool:
        """Says whether the coordinator's wall had come so far before a step took it back."""
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

    def appended(self, index: int, entry: Entry, now: Now, life: int) -> None:
        """The coordinator has appended an entry."""
        self.pending.append(Decided(index, entry, now, self.world.now_ns, life))

    def settled(self, index: int) -> None:
        """Entries up to `index` are durable."""
        while self.pending and self.pending[0].index <= index:
            decided = self.pending.popleft()
            assert decided.index == self.committed + 1, "entries are committed in order, once"
            self.committed = decided.index
            self._note(decided)
            self.world.invariants.committed(decided)

    def lost(self) -> None:
        """Entries that were not durable are gone with the coordinator."""
        self.world.count("entries_lost", len(self.pending))
        self.pending.clear()

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
