"""Rows show committed entries alone, and nothing is committed that a member's log does not have.

Why: what is applied cannot be taken back. A member that starts knows less of what is committed than its rows show; they
were committed before. So what counts is what is truly committed. A copy that came from the leader may show some
entries more than the log that goes on behind it holds; they come next.
"""

from typing import TYPE_CHECKING

from ..node import Node
from ..seat import Seat
from .base import Invariant

if TYPE_CHECKING:
    from ..member_node import MemberNode


class AppliedIsCommitted(Invariant):
    """applied <= committed <= last, at every member, after every turn."""

    EACH_SHARD = True

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.copied: dict[str, int] = {}
        """Node -> what the last copy has shown there."""

    def installed(self, seat: Seat) -> None:
        """Notes what a copy shows."""
        self.copied[seat.node.name] = seat.store.applied

    def turned(self, node: Node) -> None:
        """Compares."""
        seat = node.seats.get(self.shard)
        if seat is None or not self.world.members:
            return
        applied, committed = seat.store.applied, self.world.history.committed[self.shard]
        member: MemberNode = next(one for one in self.world.members if one is node)
        engine, last = member.engine, member.disk.entries.last_index(seat.group)
        if applied > committed:
            self.fail(f"{node.name} shows entry {applied} of shard {self.shard}, committed is {committed}", node)
        if engine.committed(seat.group) > last:
            self.fail(f"{node.name} has {engine.committed(seat.group)} committed, its log ends at {last}", node)
