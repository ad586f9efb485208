"""Each lease is finished at most once, by its own fence, and nothing happens to a job after its end but by hand.

Why: promise P2. So a job succeeds once each time that it lives. Attempts count up by one, fences grow, and every FINISH
ends the lease that is open.
"""

from ...actors.entries import ASK, CANCEL, EXPIRE, FINISH, LEASE, READY, REVIVE, SETTLE, SUBMIT
from ...actors.jobs.lifecycle import TERMINAL
from ..history import Decided
from .base import Invariant


class OneFinishAnAttempt(Invariant):
    """The log by itself is a lawful history of every job."""

    EACH_SHARD = True

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.attempts: dict[int, int] = {}
        self.open: set[int] = set()
        self.ended: set[int] = set()
        self.submits: set[tuple[int, int]] = set()
        self.tags: dict[str, int] = {}
        self.stamp_ms = 0

    def committed(self, decided: Decided) -> None:
        """Walks through an entry."""
        if decided.entry.stamp_ms < self.stamp_ms:
            self.fail(f"the stamp of entry {decided.index} goes back")
        self.stamp_ms = decided.entry.stamp_ms
        for op in decided.entry.ops:
            match op[0]:
                case 4:
                    self._submit(op[1], op[2], range(op[4], op[4] + len(op[5])))
                case 5:
                    self._lease(op[3], op[4])
                case 6:
                    for row in op[2]:
                        self._finish(row[0], row[1], row[3])
                case 7 | 9:
                    for id in op[1]:
                        self._waits(id, "ends without a run")
                        self.ended.add(id)
                case 8:
                    if not self.open.issuperset(op[1]):
                        self.fail(f"jobs are asked to stop that do not run: {op[1]}")
                case 10:
                    for id in op[1]:
                        self._waits(id, "becomes ready")
                case 22 | 23:
                    self._by_hand(op[0], {id for id, _ in op[1]})
                case _:
                    pass

    def _by_hand(self, kind: int, ids: set[int]) -> None:
        if ids - self.ended:
            self.fail(f"jobs live again, or get another final state, and had not ended: {sorted(ids - self.ended)}")
        if kind == REVIVE:
            self.ended -= ids

    def _submit(self, session: int, sequence: int, ids: range) -> None:
        if session:  # those of session 0 are the shard's own
            if (session, sequence) in self.submits:
                self.fail(f"submit {sequence} of session {session} is taken twice")
            self.submits.add((session, sequence))
        for id in ids:
            if id in self.attempts:
                self.fail(f"id {id} is given twice")
            self.attempts[id] = 0
            tag = self.world.history.taken[id].tag
            if tag in self.tags:
                self.fail(f"{tag} is taken as job {self.tags[tag]} and again as job {id}")
            self.tags[tag] = id

    def _lease(self, ids: list[int], attempts: list[int]) -> None:
        for id, attempt in zip(ids, attempts, strict=True):
            self._waits(id, "is leased")
            if attempt != self.attempts[id] + 1:
                self.fail(f"job {id} is leased for attempt {attempt} after attempt {self.attempts[id]}")
            self.attempts[id] = attempt
            self.open.add(id)

    def _finish(self, id: int, attempt: int, state: int) -> None:
        if id not in self.open or self.attempts[id] != attempt:
            self.fail(f"attempt {attempt} of job {id} is finished and was not open")
        self.open.discard(id)
        if state in TERMINAL:
            self.ended.add(id)

    def _waits(self, id: int, what: str) -> None:
        if id not in self.attempts:
            self.fail(f"job {id} {what} and was never taken")
        if id in self.ended:
            self.fail(f"job {id} {what} after its end")
        if id in self.open:
            self.fail(f"job {id} {what} while it is leased")


assert (SUBMIT, LEASE, FINISH, CANCEL, ASK, EXPIRE, READY, REVIVE, SETTLE) == (4, 5, 6, 7, 8, 9, 10, 22, 23)
