"""What a leader says of the present was decided before another leader's first entry was committed.

Why: a leader that was deposed and does not know it must renew no lease and answer no question: others have moved on.
So each such answer waits for a round of heartbeats that a quorum has answered after it was decided; clocks have no part
in it. Rule: Ongaro (2014), 6.4; docs/design.md, "Replication and election".
"""

from ...actors.effects import Send
from ...broker.wire.messages import (
    Cancelled,
    ClientWelcome,
    Ended,
    ExecutorWelcome,
    FinishedAck,
    JobActed,
    Listing,
    Renewed,
    ScheduleChanged,
    Submitted,
)
from ..seat import Seat
from .base import Invariant

_PRESENT = (
    Cancelled,
    ClientWelcome,
    Ended,
    ExecutorWelcome,
    FinishedAck,
    JobActed,
    Listing,
    Renewed,
    ScheduleChanged,
    Submitted,
)


class ReadsAreConfirmed(Invariant):
    """Answers against the first entries of later epochs."""

    EACH_SHARD = True

    def released(self, send: Send, seat: Seat) -> None:
        """Compares when an answer was decided with when the next leader began."""
        if not self.world.members or not isinstance(send.message, _PRESENT):
            return
        decided_ns = seat.decided_ns.pop(id(send), self.world.now_ns)
        epoch = seat.decided_epoch
        for later, began_ns in reversed(self.world.history.began[self.shard]):
            if later <= epoch:
                break
            if began_ns < decided_ns:
                self.fail(
                    f"{type(send.message).__name__} of epoch {epoch} was decided at {decided_ns} ns, and epoch {later} "
                    f"had its first entry committed at {began_ns} ns",
                    seat.node,
                )
