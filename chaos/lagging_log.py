"""A log whose commits come late: what `sync` was asked for becomes durable turns later, or never.

Decides that an appended entry is lost by a crash until `settle` has been called for it. The real log with a quorum of
one commits within the turn; a replicated one does not, and the turn must be right for both.
"""

from .memory_log import MemoryLog


class LaggingLog(MemoryLog):
    """A memory log of one group that commits when it is told to."""

    def sync(self) -> None:
        """Takes note; nothing is durable yet."""
        self._check_usable()

    def unsettled(self) -> int:
        """Returns how many entries are appended and not durable."""
        return len(self._waiting)

    def settle(self, group: int, index: int) -> None:
        """Makes entries up to `index` durable, and thereby committed."""
        count = sum(1 for _, waiting in self._waiting if waiting <= index)
        assert all(owner == group for owner, _ in self._waiting), "this log serves one group"
        if count:
            self._make_durable(count)
