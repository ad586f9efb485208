"""Entries on a disk in memory: it forgets, fails, fills up and loses on demand.

Decides what a crash leaves: what was synced, and by wish a part of what was not, in the order in which a real disk is
written: states, cuts, entries. It knows nothing of what entries mean, and draws no chance but from the generator it is
handed. Rule: actors/log.py, `EntryStore`.
"""

import random
from collections.abc import Iterator

from ..actors.log import LogDamaged, Record
from ..nodes.storage.log.errors import DiskFull, LogFailed


class MemoryGroup:
    """One group's entries, as they are seen now; with what a crash needs to go back to what is durable."""

    __slots__ = (
        "acknowledged",
        "allowed",
        "base",
        "base_epoch",
        "campaigned",
        "cut_away",
        "epoch",
        "floor",
        "records",
        "saved",
        "state",
        "synced",
    )

    def __init__(self) -> None:
        self.records: list[Record] = []
        """Entries base + 1, base + 2, ...; those up to `synced` survive a crash."""
        self.base = 0
        self.base_epoch = 0
        self.synced = 0
        self.cut_away: list[Record] = []
        """Durable entries behind `synced` that were cut off, until the cut is durable: a crash brings them back."""
        self.state = b""
        """Durable."""
        self.saved: bytes | None = None
        """The state that waits for its sync."""
        self.acknowledged = 0
        self.epoch = 0
        """The last epoch given; durable."""
        self.campaigned = False
        self.floor = 1
        self.allowed = 0
        """How far `committed` may go while commits are held."""

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.base + len(self.records)

    @property
    def last_epoch(self) -> int:
        """The epoch of the last entry."""
        return self.records[-1].epoch if self.records else self.base_epoch


class MemoryEntries:
    """The entries of all groups of one simulated process. Implements `EntryStore`.

    Args:
        segment_entries: entries of all groups together that make a segment; truncation drops whole ones.
    """

    def __init__(self, *, segment_entries: int = 64) -> None:
        assert segment_entries > 0, "a segment holds something"
        self._segment_entries = segment_entries
        self._groups: dict[int, MemoryGroup] = {}
        self._waiting: list[tuple[int, int]] = []
        """(group, index) in order of append, not yet synced."""
        self._saved: list[int] = []
        """Groups whose state waits for its sync."""
        self._cuts: list[int] = []
        """Groups whose durable entries were cut, not yet synced."""
        self._segments: list[dict[int, int]] = [{}]
        """Of each segment, oldest first: the last index of each group in it. The last one is being filled."""
        self._filled = 0
        self._failing = False
        self._failed = False
        self._full = False
        self._closed = False
        self.syncs = 0
        """How often `sync` had something to do."""

    def state(self, group: int) -> bytes:
        """Returns what was saved of a group last; empty if nothing ever was."""
        self._check_usable()
        state = self._group(group)
        return state.state if state.saved is None else state.saved

    def save_state(self, group: int, state: bytes) -> None:
        """Keeps a few thousand bytes; `sync` makes them durable before any entry of that sync."""
        self._check_usable()
        if state != self.state(group):
            self._group(group).saved = state
            if group not in self._saved:
                self._saved.append(group)

    def epoch(self, group: int) -> int:
        """Returns the greatest epoch that was given here or that an entry has."""
        self._check_usable()
        state = self._group(group)
        return max(state.epoch, state.last_epoch)

    def base(self, group: int) -> tuple[int, int]:
        """Returns (index, epoch) of the entry before the first one kept."""
        self._check_usable()
        state = self._group(group)
        return state.base, state.base_epoch

    def last_index(self, group: int) -> int:
        """Returns the index of the last entry, 0 if there never was one."""
        self._check_usable()
        return self._group(group).last

    def first_index(self, group: int) -> int:
        """Returns the index of the first entry still kept; last_index + 1 if none is."""
        self._check_usable()
        return self._group(group).base + 1

    def epochs(self, group: int) -> list[tuple[int, int]]:
        """Returns [first index, epoch] of each run of entries of one epoch, in order, of those that are kept."""
        self._check_usable()
        runs: list[tuple[int, int]] = []
        for record in self._group(group).records:
            if not runs or runs[-1][1] != record.epoch:
                runs.append((record.index, record.epoch))
        return runs

    def put(self, group: int, epoch: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index. Nothing is durable before `sync`."""
        self._check_usable()
        state = self._group(group)
        assert epoch >= state.last_epoch, "epochs only grow"
        record = Record(state.last + 1, epoch, blob)
        state.records.append(record)
        self._waiting.append((group, record.index))
        return record.index

    def cut(self, group: int, first: int) -> None:
        """Takes away the entries from `first` on; the next sync makes it durable."""
        self._check_usable()
        state = self._group(group)
        if first > state.last:
            return
        assert first > state.base, "what is not kept cannot be cut"
        assert first >= state.floor, "what somebody has used cannot be cut"
        if first <= state.synced:
            state.cut_away[:0] = state.records[first - 1 - state.base : state.synced - state.base]
            state.synced = first - 1
            if group not in self._cuts:
                self._cuts.append(group)
        del state.records[first - 1 - state.base :]
        state.allowed = min(state.allowed, state.synced)
        self._waiting = [(owner, index) for owner, index in self._waiting if owner != group or index < first]

    def reset(self, group: int, index: int, epoch: int) -> None:
        """Begins the group's log anew behind this entry, durably, and with it what was saved of the group.

        Raises:
            DiskFull: the disk was filled; nothing has changed.
            LogFailed: the disk was made to fail.
        """
        self._check_usable()
        self._check_disk()
        state = self._group(group)
        self._keep_states([group])
        state.records = []
        state.cut_away = []
        state.base, state.base_epoch = index, epoch
        state.synced = state.allowed = index
        state.floor = index + 1
        self._waiting = [(owner, waiting) for owner, waiting in self._waiting if owner != group]
        self._cuts = [owner for owner in self._cuts if owner != group]
        for segment in self._segments:
            segment.pop(group, None)

    def synced(self, group: int) -> int:
        """Returns the index up to which entries are durable."""
        self._check_usable()
        return self._group(group).synced

    def acknowledged(self, group: int) -> int:
        """Returns the index up to which entries had been durable, if the disk has lost some of them since; else 0."""
        self._check_usable()
        return self._group(group).acknowledged

    def sync(self) -> None:
        """Makes all that has changed durable, for all groups at once.

        Raises:
            DiskFull: the disk was filled; all still waits.
            LogFailed: the disk was made to fail.
        """
        self._check_usable()
        if not (self._waiting or self._saved or self._cuts):
            return
        self._check_disk()
        self.syncs += 1
        self._keep_states(list(self._saved))
        self._keep_cuts()
        self._make_durable(len(self._waiting))

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
                if last > dropped.base:
                    dropped.base_epoch = dropped.records[last - dropped.base - 1].epoch
                    del dropped.records[: last - dropped.base]
                    dropped.base = last

    def close(self) -> None:
        """Ends the use of the log; nothing that is not synced survives, `reopen` shows the rest."""
        self._closed = True

    def reopen(self) -> None:
        """Starts anew on what is durable, as a new process would."""
        self.crash()

    def crash(self, draw: random.Random | None = None) -> None:
        """Loses the process: what was not synced is gone, but for a first part of it that `draw` may keep.

        A disk may well have written what it never promised; an entry that survives so was never acknowledged.
        """
        if draw is not None:
            self._keep_a_part(draw)
        for state in self._groups.values():
            del state.records[state.synced - state.base :]
            state.records.extend(state.cut_away)
            state.synced += len(state.cut_away)
            state.cut_away = []
            state.saved = None
            state.campaigned = False
            state.floor = 1
            state.allowed = state.synced
            if state.synced >= state.acknowledged:
                state.acknowledged = 0
        self._waiting, self._saved, self._cuts = [], [], []
        self._failing = self._failed = self._full = self._closed = False

    def lose(self, group: int, first: int) -> None:
        """Has the disk lose durable entries from `first` on, as after a crash of a disk that lies; crash first."""
        assert not self._waiting, "a process that runs holds what its disk has lost"
        assert not self._cuts, "a process that runs holds what its disk has lost"
        state = self._group(group)
        assert state.base < first <= state.synced, "only what is there can be lost"
        state.acknowledged = max(state.acknowledged, state.synced)
        del state.records[first - 1 - state.base :]
        state.synced = state.allowed = first - 1
        for segment in self._segments:
            if segment.get(group, 0) >= first:
                segment[group] = first - 1

    def fail_syncs(self) -> None:
        """Makes the next sync fail, and with it every later call, until a crash."""
        self._failing = True

    def fill_disk(self, *, full: bool = True) -> None:
        """Fills the disk, or empties it."""
        self._full = full

    def _keep_a_part(self, draw: random.Random) -> None:
        kept = draw.randint(0, len(self._saved) + bool(self._cuts) + len(self._waiting))
        whole = kept > len(self._saved)
        kept -= len(self._saved)
        self._keep_states(self._saved[: len(self._saved) + min(kept, 0)])
        if whole:
            kept -= bool(self._cuts)
            self._keep_cuts()
            self._make_durable(kept)

    def _keep_states(self, groups: list[int]) -> None:
        for group in groups:
            state = self._group(group)
            if state.saved is not None:
                state.state, state.saved = state.saved, None
        self._saved = [group for group in self._saved if group not in groups]

    def _keep_cuts(self) -> None:
        for group in self._cuts:
            state = self._groups[group]
            state.cut_away = []
            for segment in self._segments:
                if segment.get(group, 0) > state.synced:
                    segment[group] = state.synced
        self._cuts = []

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

    def _group(self, group: int) -> MemoryGroup:
        state = self._groups.get(group)
        if state is None:
            state = self._groups[group] = MemoryGroup()
        return state

    def _check_disk(self) -> None:
        if self._full:
            raise DiskFull(f"no room: {len(self._waiting)} entries wait in memory; free some space and sync again")
        if self._failing:
            self._failed = True
            raise LogFailed("a commit failed (made to fail); end the process and start it again")

    def _check_usable(self) -> None:
        if self._failed:
            raise LogFailed("the log has failed before; end the process and start it again")
        assert not self._closed, "the log is closed"
