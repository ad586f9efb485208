"""In one epoch of a group at most one member is elected.

Why: two leaders of one epoch would give two entries the same place in the log, and nobody could tell which one counts.
Rule: Raft's election safety, Ongaro (2014), 3.4.
"""

from ..seat import Seat
from .base import Invariant


class OneLeaderAnEpoch(Invariant):
    """Who was elected in which epoch."""

    EACH_SHARD = True

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.leaders: dict[int, tuple[str, int]] = {}

    def elected(self, seat: Seat, epoch: int) -> None:
        """Looks whether somebody was elected in this epoch before."""
        who = (seat.node.name, seat.node.life)
        other = self.leaders.setdefault(epoch, who)
        if other != who:
            self.fail(f"{who} is elected for shard {self.shard} in epoch {epoch}, and so was {other}", seat.node)
