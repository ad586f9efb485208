"""A snapshot on its way to one follower: how much was sent, how much has arrived.

Decides which chunk may leave next. Chunks under way are bounded; when nothing moves for a while, sending begins again
behind what has arrived.
"""

from ...broker.wire.member_messages import SNAPSHOT_CHUNK_BYTES, SNAPSHOT_CREDIT_CHUNKS
from .snapshots import Made


class Sending:
    """One snapshot for one follower."""

    __slots__ = ("arrived_bytes", "is_wanted", "made", "moved_ns", "sent_bytes")

    def __init__(self, made: Made, now_ns: int) -> None:
        self.made = made
        self.is_wanted = False
        """The follower has answered the offer."""
        self.arrived_bytes = 0
        self.sent_bytes = 0
        self.moved_ns = now_ns

    def wanted(self, offset: int, now_ns: int) -> None:
        """The follower has everything before `offset`."""
        if not self.is_wanted:
            self.is_wanted = True
            self.arrived_bytes = self.sent_bytes = offset
            self.moved_ns = now_ns
        elif offset > self.arrived_bytes:
            self.arrived_bytes = offset
            self.sent_bytes = max(self.sent_bytes, offset)
            self.moved_ns = now_ns

    def offset_to_send(self) -> int | None:
        """Returns where the next chunk begins, None if none may leave now."""
        if not self.is_wanted or self.sent_bytes >= self.made.size_bytes:
            return None
        if self.sent_bytes >= self.arrived_bytes + SNAPSHOT_CREDIT_CHUNKS * SNAPSHOT_CHUNK_BYTES:
            return None
        return self.sent_bytes

    def again(self, now_ns: int) -> None:
        """Nothing has moved for a while: something was lost on the way."""
        assert self.arrived_bytes <= self.sent_bytes, (self.arrived_bytes, self.sent_bytes)
        self.is_wanted = False
        self.sent_bytes = self.arrived_bytes
        self.moved_ns = now_ns
