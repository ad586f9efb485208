"""If two members' logs have an entry of the same index and epoch, they are the same up to there.

Why: a follower is known by the end of its log alone; what lies before is never looked at again. Rule: Raft's log
matching, Ongaro (2014), 3.5.
"""

from itertools import combinations

from ...actors.log import Record
from ..node import Node
from .base import Invariant


class LogsMatch(Invariant):
    """Logs of members in pairs, every so often."""

    EACH_SHARD = True

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.next_event = 0

    def turned(self, node: Node) -> None:
        """Compares after a turn of a member, every so often."""
        if self.world.events >= self.next_event and self.shard in node.seats:
            self.next_event = self.world.events + 20 * self.world.options.check_every
            self._compare()

    def at_end(self) -> None:
        """Compares at rest."""
        self._compare()

    def _compare(self) -> None:
        logs = [(node, node.disk.entries.kept(self.shard + 1)) for node in self.world.members]
        for (one, mine), (other, theirs) in combinations(logs, 2):
            fault = _fault(mine, theirs)
            if fault is not None:
                self.fail(f"{one.name} and {other.name} differ in shard {self.shard}: {fault}", one, other)


def _fault(mine: list[Record], theirs: list[Record]) -> str | None:
    """Returns where two logs that agree at some entry differ below it."""
    if not mine or not theirs:
        return None
    first = max(mine[0].index, theirs[0].index)
    last = min(mine[-1].index, theirs[-1].index)
    agreed = False
    for index in range(last, first - 1, -1):
        one, other = mine[index - mine[0].index], theirs[index - theirs[0].index]
        if one.epoch == other.epoch:
            agreed = True
        if agreed and one != other:
            return f"entry {index} is of epochs {one.epoch} and {other.epoch}, and a later one is the same"
    return None
