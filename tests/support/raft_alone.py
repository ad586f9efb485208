"""The `raft` engine with one voter, told in the words of the suite that every engine passes.

That suite elects by a call and counts entries from 1. Here `campaign` begins a new life of the group's engine, which
elects itself at its first wake; the engine's own entries are left out, so that the numbers are those of the suite.
"""

from collections.abc import Iterator
from typing import cast

from mainspring.actors.draws import Draws
from mainspring.actors.effects import Send
from mainspring.actors.log import LogDamaged, Record
from mainspring.actors.machine import Now
from mainspring.actors.raft.engine import RaftLog
from mainspring.actors.raft.settings import RaftSettings
from mainspring.actors.raft.snapshots import Snapshots
from mainspring.chaos.memory_entries import MemoryEntries

NOW = Now(1, 1)


class AloneLog:
    """`ReplicatedLog` over one engine a group, all of them on one disk."""

    def __init__(self, disk: MemoryEntries) -> None:
        self.disk = disk
        self._engines: dict[int, RaftLog] = {}
        self._users: dict[int, list[int]] = {}
        """Where the engine has the suite's entries 1, 2, ..."""

    def reopened(self) -> None:
        """The disk has been through a crash or a restart."""
        self._engines.clear()
        for group, users in self._users.items():
            last = self.disk.last_index(group)
            self._users[group] = [index for index in users if index <= last]

    def _engine(self, group: int) -> RaftLog:
        if group not in self._engines:
            rows = [["a", "ipc://a", "ipc://a-clients", 1]]
            snapshots = cast("Snapshots", None)
            applied = {group: self.disk.last_index(group)}
            self._engines[group] = RaftLog(
                "a", self.disk, snapshots, RaftSettings(), [group], rows, Draws(1), NOW, applied
            )
        return self._engines[group]

    def _all(self, group: int) -> list[int]:
        return self._users.setdefault(group, [])

    def campaign(self, group: int) -> int:
        """A new life of the engine, which elects itself."""
        self._engines.pop(group, None)
        engine = self._engine(group)
        engine.wake(NOW)
        assert engine.leads(group)
        self.sync()
        return engine.leader(group)[0]

    def last_index(self, group: int) -> int:
        """Of the suite's entries."""
        self._engine(group).check()
        return len(self._all(group))

    def first_index(self, group: int) -> int:
        """Of the suite's entries."""
        first = self._engine(group).first_index(group)
        return sum(1 for index in self._all(group) if index < first) + 1

    def append(self, group: int, blob: bytes) -> int:
        """Adds an entry."""
        self._all(group).append(self._engine(group).append(group, blob))
        return len(self._all(group))

    def sync(self) -> None:
        """For all groups."""
        self.disk.sync()
        for engine in self._engines.values():
            engine.sync()
            assert not engine.outgoing()
            assert not engine.answers()

    def committed(self, group: int) -> int:
        """Of the suite's entries."""
        committed = self._engine(group).committed(group)
        return sum(1 for index in self._all(group) if index <= committed)

    def read(self, group: int, first: int, last: int) -> Iterator[Record]:
        """The suite's entries."""
        users = self._all(group)
        if first < self.first_index(group) or last > len(users):
            raise LogDamaged(f"entries {first} to {last} of group {group} are needed")
        for number in range(first, last + 1):
            (record,) = self._engine(group).read(group, users[number - 1], users[number - 1])
            yield Record(number, record.epoch, record.blob)

    def truncate(self, group: int, below: int) -> None:
        """Lets entries go."""
        users, engine = self._all(group), self._engine(group)
        end = engine.last_index(group) + below - len(users)
        engine.truncate(group, users[below - 1] if below <= len(users) else end)
        for other, looking in self._engines.items():
            looking.truncate(other, 1)

    def outgoing(self) -> list[Send]:
        """Nothing: it is alone."""
        return []

    def answers(self) -> list[Send]:
        """Nothing: it is alone."""
        return []

    def begin_round(self, group: int) -> int:
        """A quorum of one."""
        return self._engine(group).begin_round(group)

    def confirmed(self, group: int) -> int:
        """A quorum of one."""
        return self._engine(group).confirmed(group)

    def close(self) -> None:
        """Closes the disk."""
        self.disk.close()
