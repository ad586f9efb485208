"""The runner children of one kind: who is alive, who has room, who runs what.

Decides which child gets a run and how far ahead of free slots jobs are taken. A process child runs one job at a time
in order of arrival; an asyncio, a thread or a command child runs many. A child that is worn (it has run so many jobs,
or is so large or so old) works on until a fresh one is ready, one after the other, and then takes no new run. Must
not know coordinators. Rule: docs/running-jobs.md.
"""

import heapq
from collections import deque

from .acts import Act, RunOn, SpawnChild
from .held import Held
from .settings import (
    AHEAD_BELOW_MS,
    AHEAD_DEPTH_MAX,
    AHEAD_FACTOR_MAX,
    CHILD_BACKOFF_MAX_MS,
    CHILD_BACKOFF_MIN_MS,
    NEVER,
    Recycle,
)

_MEAN_WEIGHT = 0.05
_AHEAD_AGAIN_NS = 1_000_000_000
_DEADLINES_SPARE = 1_000


class Child:
    """One runner child and its runs, in the order in which it got them."""

    __slots__ = (
        "given",
        "killed",
        "late",
        "number",
        "pinged_ns",
        "ponged_ns",
        "ready",
        "retired",
        "rss_bytes",
        "runs",
        "spawned_ns",
        "stop_ns",
        "stuck_ns",
        "stuck_run",
        "takes_runs",
        "watched",
        "worn",
    )

    def __init__(self, number: int, spawned_ns: int) -> None:
        self.number = number
        self.spawned_ns = spawned_ns
        self.ready = False
        self.takes_runs = False  # it is ready, not retired, and was not told to end
        self.late = False  # it was killed because it did not get ready
        self.killed = False  # for a run that would not end, or used too much: no other is to blame for its death
        self.worn = False  # it is to be replaced
        self.retired = False  # a fresh one has taken its place: it takes no new run
        self.stop_ns: int | None = None  # when it was told to end
        self.given = 0  # runs, in all
        self.rss_bytes = 0
        self.watched: int | None = None  # the run whose use the shell looks at
        self.runs: dict[int, Held] = {}
        self.pinged_ns: int | None = None
        self.ponged_ns = 0
        self.stuck_ns: int | None = None
        self.stuck_run: int | None = None

    def head(self) -> Held | None:
        """Returns the oldest run: in a process child the one that runs."""
        return next(iter(self.runs.values()), None)


class Pool:
    """All children of one runner kind, and the runs that wait for one."""

    def __init__(self, kind: str, children: int, slots: int, recycle: Recycle = NEVER) -> None:
        self.kind = kind
        self.serial = kind == "process"  # one job at a time a child
        self.children_max = children
        self.slots = slots  # a child
        self.recycle = recycle
        self.recycles = recycle != NEVER
        self.children: dict[int, Child] = {}
        self.waiting: deque[Held] = deque()
        # A heap of (deadline ns, run id); a run that has ended stays until then, or until there are too many of those.
        self.deadlines: list[tuple[int, int]] = []
        self.mean_ms = AHEAD_BELOW_MS  # of recent runs: nothing is taken ahead before they are known to be short
        self.ahead_again_ns = 0
        self.backoff_ms = CHILD_BACKOFF_MIN_MS
        self.spawn_ns = 0

    def depth(self, now_ns: int) -> int:
        """Returns how many runs may wait behind each slot: about AHEAD_BELOW_MS of work."""
        if self.mean_ms >= AHEAD_BELOW_MS or now_ns < self.ahead_again_ns:
            return 0
        most = AHEAD_DEPTH_MAX if self.serial else AHEAD_FACTOR_MAX
        return min(most, int(AHEAD_BELOW_MS / max(self.mean_ms, 0.05)))

    def window(self, now_ns: int) -> int:
        """Returns how many jobs of this kind the executor holds at the most: its credit."""
        if not self.children:
            return 0
        ready = sum(1 for child in self.children.values() if child.takes_runs)
        return min(ready, self.children_max) * self.slots * (1 + self.depth(now_ns))

    def ended(self, duration_ms: int) -> None:
        """Learns how long a run took."""
        self.mean_ms += _MEAN_WEIGHT * (duration_ms - self.mean_ms)

    def too_slow(self, now_ns: int) -> None:
        """Notes that a job had to wait too long: nothing is taken ahead for a while."""
        self.mean_ms = max(self.mean_ms, AHEAD_BELOW_MS)
        self.ahead_again_ns = now_ns + _AHEAD_AGAIN_NS

    def missing(self, wanted: int) -> int:
        """Returns how many children are to be started, so that `wanted` work and one can take a worn one's place."""
        if not self.recycles:
            return wanted - len(self.children)
        standing = worn = 0
        for child in self.children.values():
            standing += not child.retired
            worn |= child.worn and not child.retired
        return (wanted + worn if wanted else 0) - standing

    def spawn(self, next_number: int, now_ns: int, wanted: int) -> list[Act]:
        """Starts what is missing of `wanted` children, at most as fast as the backoff allows."""
        acts: list[Act] = []
        if now_ns < self.spawn_ns:
            return acts
        for _ in range(self.missing(wanted)):
            self.children[next_number] = Child(next_number, now_ns)
            acts.append(SpawnChild(next_number, self.kind))
            next_number += 1
        return acts

    def child_came(self, child: Child, now_ns: int) -> None:
        """A child is ready: the next failure starts with the shortest backoff again."""
        child.ready = child.takes_runs = True
        child.ponged_ns = now_ns
        self.backoff_ms = CHILD_BACKOFF_MIN_MS

    def child_went(self, now_ns: int, was_ready: bool) -> None:
        """A child is dead: one that had run is replaced at once, one that never got ready after a growing pause."""
        if was_ready:
            self.spawn_ns = now_ns
            return
        self.spawn_ns = now_ns + self.backoff_ms * 1_000_000
        self.backoff_ms = min(self.backoff_ms * 2, CHILD_BACKOFF_MAX_MS)

    def wear(self, child: Child, now_ns: int) -> None:
        """Notes that a child is worn, once it is; one that has run nothing is never too large."""
        most = self.recycle
        child.worn = child.worn or (
            0 < most.jobs_max <= child.given
            or (child.given > 0 and 0 < most.rss_bytes_max <= child.rss_bytes)
            or 0 < most.age_ms * 1_000_000 <= now_ns - child.spawned_ns
        )

    def retire(self) -> Child | None:
        """Takes a worn child out of work, if a fresh one is there in its place."""
        standing = [child for child in self.children.values() if child.takes_runs]
        if len(standing) <= self.children_max:
            return None
        found = next((child for child in standing if child.worn), None)
        if found is not None:
            found.retired, found.takes_runs = True, False
        return found

    def hand_out(self, now_ns: int) -> list[Act]:
        """Gives waiting runs to children with room, the emptiest child first."""
        if not self.waiting:
            return []
        capacity = self.slots + self.depth(now_ns) if self.serial else self.slots
        open_children = [child for child in self.children.values() if child.takes_runs and len(child.runs) < capacity]
        rows: dict[int, list[list[object]]] = {}
        while self.waiting and open_children:
            child = open_children[0] if len(open_children) == 1 else min(open_children, key=_load)
            held = self.waiting.popleft()
            if not self.serial or not child.runs:
                self._started(held, now_ns)
            held.child = child.number
            child.runs[held.run_id] = held
            child.given += 1
            rows.setdefault(child.number, []).append(held.row)
            if len(child.runs) >= capacity:
                open_children.remove(child)
        return [RunOn(number, batch) for number, batch in rows.items()]

    def _started(self, held: Held, now_ns: int) -> None:
        held.begun_ns = now_ns
        if held.timeout_ms is not None:
            held.deadline_ns = now_ns + held.timeout_ms * 1_000_000
            heapq.heappush(self.deadlines, (held.deadline_ns, held.run_id))

    def held_count(self) -> int:
        """Returns how many runs wait here or are with a child."""
        return len(self.waiting) + sum(len(child.runs) for child in self.children.values())

    def _drop_ended_deadlines(self) -> None:
        live = {run_id for child in self.children.values() for run_id in child.runs}
        self.deadlines = [item for item in self.deadlines if item[1] in live]
        heapq.heapify(self.deadlines)

    def overdue(self, now_ns: int) -> list[int]:
        """Returns the ids of runs whose deadline has passed, each once; some may have ended."""
        if len(self.deadlines) > _DEADLINES_SPARE + 2 * self.held_count():
            self._drop_ended_deadlines()
        found: list[int] = []
        while self.deadlines and self.deadlines[0][0] <= now_ns:
            found.append(heapq.heappop(self.deadlines)[1])
        return found

    def release(self, child: Child, run_id: int, now_ns: int) -> Held | None:
        """Takes an ended run off its child; in a process child the next one starts."""
        held = child.runs.pop(run_id, None)
        if held is not None and self.serial:
            head = child.head()
            if head is not None and head.begun_ns is None:
                head.arrived_ns = now_ns
                self._started(head, now_ns)
        return held

    def check(self) -> None:
        """Asserts the pool's relations."""
        for child in self.children.values():
            for run_id, held in child.runs.items():
                assert held.run_id == run_id, held.run_id
                assert held.child == child.number, held.run_id
        assert all(held.child is None for held in self.waiting)


def _load(child: Child) -> int:
    return len(child.runs)
