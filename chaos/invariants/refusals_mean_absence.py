"""A job whose submit was definitely refused is never taken; one that was taken is taken once.

Why: promise P7 and the oracle's rule: only a definite refusal lets a client conclude that nothing has happened.
"""

from ...actors.entries import SUBMIT
from ..history import Asked, Decided, tag_of
from .base import Invariant


class RefusalsMeanAbsence(Invariant):
    """Refused jobs are not in the log, neither before nor after."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.taken: set[str] = set()
        self.refused: dict[str, str] = {}

    def committed(self, decided: Decided) -> None:
        """Looks for refused jobs among new ones."""
        for op in decided.entry.ops:
            if op[0] == SUBMIT:
                for row in op[5]:
                    tag = tag_of(row[1])
                    self.taken.add(tag)
                    if tag in self.refused:
                        self.fail(f"{tag} is taken after it was refused as {self.refused[tag]}")

    def answered(self, jobs: list[Asked]) -> None:
        """Notes refusals."""
        for job in jobs:
            if job.refused is not None:
                self.refused[job.tag] = job.refused
                if job.tag in self.taken:
                    self.fail(f"{job.tag} is refused as {job.refused} after it was taken")
