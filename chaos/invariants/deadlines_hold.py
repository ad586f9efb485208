"""No attempt of a job begins after its deadline, and none runs on long beyond it.

Why: who gives a job a deadline has no use for what comes later. The coordinator's wall decides what begins, and how
much time is left to an attempt; its executor ends it when that has gone, which is held against it only where nothing
goes wrong any more.
"""

from ...actors.entries import FINISH, LEASE, REVIVE
from ...actors.jobs.lifecycle import RETRYING
from ...broker.wire.ids import shard_of
from ..history import Attempt, Decided
from ..network import MS
from .base import Invariant

_SLACK_MS = 3_000
"""A loop that is blocked, a process that takes its time to die."""


class DeadlinesHold(Invariant):
    """Leases and retries against the deadline, and attempts against the time that was left."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.left_ms: list[tuple[Attempt, int]] = []

    def committed(self, decided: Decided) -> None:
        """Looks at what begins, and at what is to begin again."""
        taken = self.world.history.taken
        for op in decided.entry.ops:
            if op[0] == LEASE:
                for id in op[3]:
                    deadline_ms = taken[id].deadline_ms
                    if deadline_ms is not None and decided.now.wall_ms >= deadline_ms:
                        self.fail(f"job {id} is leased at {decided.now.wall_ms}, its deadline was {deadline_ms}")
            elif op[0] == REVIVE:
                for id, _ in op[1]:
                    taken[id].deadline_ms = None
            elif op[0] == FINISH:
                for row in op[2]:
                    deadline_ms = taken[row[0]].deadline_ms
                    ran = row[5] is not None
                    if deadline_ms is not None and ran and row[3] == RETRYING and row[10] >= deadline_ms:
                        self.fail(f"job {row[0]} is to run again at {row[10]}, its deadline is {deadline_ms}")

    def started(self, attempt: Attempt) -> None:
        """Notes how much time an attempt has left."""
        deadline_ms = self.world.history.taken[attempt.id].deadline_ms
        seat = self.world.leader(shard_of(attempt.id))
        if deadline_ms is not None and self.world.healed and seat is not None:
            wall_ms = seat.now.wall_ms
            self.left_ms.append((attempt, max(deadline_ms - wall_ms, 0)))

    def at_end(self) -> None:
        """Looks for attempts that took longer."""
        self.world.count("deadlines_watched", len(self.left_ms))
        for attempt, left_ms in self.left_ms:
            assert attempt.ended_ns is not None, f"{attempt} runs, and everything has come to rest"
            took_ms = (attempt.ended_ns - attempt.started_ns) // MS
            if took_ms > left_ms + self.world.options.kill_grace_ms + _SLACK_MS:
                self.fail(f"job {attempt.id} runs for {took_ms} ms, and had {left_ms} ms left: {attempt}")
