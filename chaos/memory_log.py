"""The log in memory: the same seam, with a disk that forgets, stalls and fails on demand.

Decides what a crash leaves: what was synced, and by wish a part of what was not. It knows nothing of entries,
and it draws no chance but from the generator it is handed.
"""

import random
from collections.abc import Iterator

from ..actors.effects import Send
from ..actors.log import LogDamaged, Record
from ..nodes.storage.log.errors import DiskFull, LogFailed


class _Group:
    __slots__ = ("allowed", "base", "campaigned", "epoch", "floor", "records", "synced")

    def __init__(self) -> None:
        self.records: list[Record] = []
        """Entries base + 1, base + 2, ...; those up to `synced` survive a crash."""
        self.base = 0
        self.synced = 0
        self.epoch = 0
        """The last epoch given; durable."""
        self.campaigned = False
        self.floor = 1
        self.allowed = 0
        """How far `committed` may go while commits are held."""

    @property
    def last(self) -> int:
        return self.base + len(self.records)


class MemoryLog:
    """The logs of all groups of one simulated process. Implements `ReplicatedLog`.

    Args:
        segment_entries: entries of all groups together that make a segment; truncation drops whole ones.
    """

    def __init__(self, *, segment_entries: int = 64) -> None:
        assert segment_entries > 0, "a segment holds something"
        self._segment_entries = segment_entries
        self._groups: dict[int, _Group] = {}
        self._waiting: list[tuple[int, int]] = []
        """(group, index) in order of append, not yet synced."""
        self._segments: list[dict[int, int]] = [{}]
        """Of each segment, oldest first: the last index of each group in it. The last one is being filled."""
        self._filled = 0
        self._held = False
        self._failing = False
        self._failed = False
        self._full = False
        self._closed = False
        self.syncs = 0
        """How often `sync` had something to do."""

    def campaign(self, group: int) -> int:
        """Becomes the group's writer and returns its epoch, durable and greater than any before."""
        self._check_usable()
        state = self._group(group)
        state.epoch += 1
        state.campaigned = True
        return state.epoch

    def last_index(self, group: int) -> int:
        """Returns the index of the last appended entry, 0 if there is none."""
        self._check_usable()
        return self._group(group).last

    def first_index(self, group: int) -> int:
        """Returns the index of the first entry still kept; last_index + 1 if none is."""
        self._check_usable()
        return self._group(group).base + 1

    def append(self, group: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index. Nothing is durable before `sync`."""
        self._check_usable()
        state = self._group(group)
        assert state.campaigned, "campaign before the first append"
        record = Record(state.last + 1, state.epoch, blob)
        state.records.append(record)
        self._waiting.append((group, record.index))
        return record.index

    def sync(self) -> None:
        """Makes all that was appended durable, for all groups at once.

        Raises:
            DiskFull: the disk was filled; all still waits.
            LogFailed: the disk was made to fail.
        """
        self._check_usable()
        if not self._waiting:
            return
        if self._full:
            raise DiskFull(f"no room: {len(self._waiting)} entries wait in memory; free some space and sync again")
        if self._failing:
            self._failed = True
            raise LogFailed("a commit failed (made to fail); end the process and start it again")
        self.syncs += 1
        self._make_durable(len(self._waiting))

    def _make_durable(self, count: int) -> None:
        if self._filled >= self._segment_entries:
            self._segments.append({})
            self._filled = 0
        for group, index in self._waiting[:count]:
            state = self._groups[group]
            assert index == state.synced + 1, "entries become durable in order"
            state.synced = index
            self._segments[-1][group] = index
        self._filled += count
        self._waiting = self._waiting[count:]

    def committed(self, group: int) -> int:
        """Returns the index up to which entries are committed: synced, and not held back."""
        self._check_usable()
        state = self._group(group)
        return min(state.synced, state.allowed) if self._held else state.synced

    def read(self, group: int, first: int, last: int) -> Iterator[Record]:
        """Yields entries first..last in order, those not yet durable among them.

        Raises:
            LogDamaged: an entry is not there.
        """
        self._check_usable()
        state = self._group(group)
        if first <= state.base or last > state.last:
            raise LogDamaged(
                f"entries {first} to {last} of group {group} are needed, but the log holds {state.base + 1} to "
                f"{state.last}; restore the shard from a backup that is no older than the log"
            )
        return iter(state.records[first - state.base - 1 : last - state.base])

    def truncate(self, group: int, below: int) -> None:
        """Allows entries before `below` to go; whole segments go."""
        self._check_usable()
        state = self._group(group)
        assert below <= state.synced + 1, "an entry that is not durable cannot have been used"
        state.floor = max(state.floor, below)
        while len(self._segments) > 1 and all(
            last < self._groups[number].floor for number, last in self._segments[0].items()
        ):
            for number, last in self._segments.pop(0).items():
                dropped = self._groups[number]
                del dropped.records[: last - dropped.base]
                dropped.base = last

    def outgoing(self) -> list[Send]:
        """There are no other members."""
        return []

    def answers(self) -> list[Send]:
        """There are no other members."""
        return []

    def begin_round(self, group: int) -> int:
        """A quorum of one is always sure."""
        return 0

    def confirmed(self, group: int) -> int:
        """A quorum of one is always sure."""
        return 0

    def close(self) -> None:
        """Ends the use of the log; nothing appended and not synced survives, `reopen` shows the rest."""
        self._closed = True

    def reopen(self) -> None:
        """Starts anew on what is durable, as a new process would; every group has to campaign again."""
        self.crash()

    def crash(self, draw: random.Random | None = None) -> None:
        """Loses the process: what was not synced is gone, but for a first part of it that `draw` may keep.

        A disk may well have written what it never promised; an entry that survives so was never acknowledged.
        """
        if draw is not None:
            self._make_durable(draw.randint(0, len(self._waiting)))
        for state in self._groups.values():
            del state.records[state.synced - state.base :]
            state.campaigned = False
            state.floor = 1
            state.allowed = state.synced
        self._waiting = []
        self._held = self._failing = self._failed = self._full = self._closed = False

    def hold_commits(self) -> None:
        """From now on `committed` stands still, as while a quorum is away; `commit_up_to` moves it."""
        if not self._held:
            for state in self._groups.values():
                state.allowed = state.synced
        self._held = True

    def commit_up_to(self, group: int, index: int) -> None:
        """Lets entries up to `index` be committed; it takes effect for those that are synced."""
        assert self._held, "commits are not held"
        state = self._group(group)
        state.allowed = max(state.allowed, index)

    def release_commits(self) -> None:
        """Whatever is synced is committed again."""
        self._held = False

    def fail_syncs(self) -> None:
        """Makes the next sync fail, and with it every later call, until a crash."""
        self._failing = True

    def fill_disk(self, *, full: bool = True) -> None:
        """Fills the disk, or empties it."""
        self._full = full

    def _group(self, group: int) -> _Group:
        state = self._groups.get(group)
        if state is None:
            state = self._groups[group] = _Group()
        return state

    def _check_usable(self) -> None:
        if self._failed:
            raise LogFailed("the log has failed before; end the process and start it again")
        assert not self._closed, "the log is closed"
