"""Entries of all groups on this node's disk.

Decides when entries are durable, what a failure leaves behind and what must be true of the files at a start.
It knows nothing of what entries mean, nor who decides about them. After any failure of the disk the object refuses
everything: the kernel may have dropped the pages, and only a new start reads what is really there.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import apsw

from ....actors.log import LogDamaged, Record
from .ballast import BALLAST_BYTES, Ballast
from .epoch_runs import read_runs
from .errors import DiskFull, LogFailed
from .files import Files, OsFiles
from .group_log import GroupLog
from .log_files import LogFiles
from .segment import CHECKPOINT_PAGES, Row, Start, Synchronous, Tail, make_row
from .synced_file import INTERVAL_NS, Synced

SEGMENT_BYTES = 64 * 1024 * 1024

ENTRY_BYTES_MAX = 64 * 1024 * 1024
"""Largest entry; far above what a turn puts into one."""


class LocalEntries:
    """The entries of all groups of one process, in one directory. Implements `EntryStore`.

    Args:
        directory: made if it is not there; nobody else may use it.
        segment_bytes: a segment that has grown to this size is followed by a new one.
        synchronous: "full" for promises; "off" for data that may vanish with the power.
        fsync_observer: told the nanoseconds that each commit took.
        elapsed_ns: a clock that does not step; it spaces the notes in the side file.
        checkpoint_pages: the WAL goes home when it has grown to so many pages (of 4 KiB).
        ballast_bytes: room kept for a full disk, 0 for none.
        vfs: name of the SQLite VFS, None for the system's.
        files: plain files, for tests that cut the power.
        tolerate_lost: entries that were durable and are gone, or have wrong checksums at the end, do not stop the
            start: `acknowledged` tells of them, for an engine that can have them from other members.

    Raises:
        DataDirectoryInUse: another process has the directory.
        LogDamaged: the files cannot be trusted.
        LogFailed: the files cannot be read or written.
        DiskFull: there is no room to begin.
    """

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        synchronous: Synchronous = "full",
        fsync_observer: Callable[[int], None] | None = None,
        elapsed_ns: Callable[[], int] = time.monotonic_ns,
        checkpoint_pages: int = CHECKPOINT_PAGES,
        ballast_bytes: int = BALLAST_BYTES,
        vfs: str | None = None,
        files: Files | None = None,
        tolerate_lost: bool = False,
    ) -> None:
        assert segment_bytes > 0, "a segment holds something"
        assert checkpoint_pages > 0, "a checkpoint copies something"
        files = files or OsFiles()
        self._directory = directory
        self._observer = fsync_observer
        self._elapsed_ns = elapsed_ns
        self._checkpoint_pages = checkpoint_pages
        self._failure: str | None = None
        self._closed = False
        self._pending: list[Row] = []
        self._tolerates = tolerate_lost
        self._files = LogFiles(
            directory,
            files,
            segment_bytes=segment_bytes,
            synchronous=synchronous,
            vfs=vfs,
            tolerate_lost=tolerate_lost,
        )
        self._groups = {group: GroupLog(*tail) for group, tail in self._files.chain.tails().items()}
        for group, index in self._files.lost.items():
            state = self._group(group)
            state.lost = state.owed = index
        self._changed: set[int] = set()
        """Groups with more to be made durable than new entries: a cut, or a state."""
        self._ballast = Ballast(directory, files, ballast_bytes)
        self._ballast.restore()

    def state(self, group: int) -> bytes:
        """Returns what was saved of a group last; empty if nothing ever was."""
        self._check_usable()
        return self._files.states.value(group)

    def save_state(self, group: int, state: bytes) -> None:
        """Keeps a few thousand bytes; `sync` makes them durable before any entry of that sync."""
        self._check_usable()
        self._files.states.save(group, state)
        if group in self._files.states.waiting:
            self._changed.add(group)

    def epoch(self, group: int) -> int:
        """Returns the greatest epoch that was given here or that an entry has."""
        self._check_usable()
        return max(self._files.hard_state.epoch(group), self._group(group).last_epoch)

    def base(self, group: int) -> tuple[int, int]:
        """Returns (index, epoch) of the entry before the first one kept."""
        self._check_usable()
        base = self._files.chain.base(group)
        return base.last, base.epoch

    def epochs(self, group: int) -> list[tuple[int, int]]:
        """Returns [first index, epoch] of each run of entries of one epoch, in order, of those that are kept."""
        self._check_usable()
        state = self._group(group)
        if state.runs is None:
            with self._files.mending():
                state.runs = read_runs(self._files.chain, group, state.synced, self._pending)
        return state.runs_from(self._files.chain.first(group))

    def put(self, group: int, epoch: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index. Nothing is durable before `sync`.

        Raises:
            ValueError: the entry is too large.
        """
        self._check_usable()
        state = self._group(group)
        assert epoch >= state.last_epoch, f"epoch {epoch} follows {state.last_epoch}: epochs only grow"
        if len(blob) > ENTRY_BYTES_MAX:
            raise ValueError(f"an entry of {len(blob)} bytes is over {ENTRY_BYTES_MAX}; close entries sooner")
        state.last += 1
        if state.runs is not None and (epoch != state.last_epoch or not state.runs):
            state.runs.append((state.last, epoch))
        state.last_epoch = epoch
        self._pending.append(make_row(group, state.last, epoch, blob))
        return state.last

    def cut(self, group: int, first: int) -> None:
        """Takes away the entries from `first` on; the next sync makes it durable."""
        self._check_usable()
        state = self._group(group)
        if first > state.last:
            return
        assert first > self._files.chain.base(group).last, "what is not kept cannot be cut"
        assert first >= state.floor, "what somebody has used cannot be cut"
        self._pending = [row for row in self._pending if row[0] != group or row[1] < first]
        if first <= state.synced:
            with self._files.mending():
                tail = self._files.chain.tail_at(group, first - 1)
            state.synced, state.synced_crc = first - 1, tail.crc
            state.cut_to = first - 1
            self._changed.add(group)
            state.end_at(first - 1, tail.epoch)
        else:
            kept = [row[2] for row in self._pending if row[0] == group]
            state.end_at(first - 1, kept[-1] if kept else self._files.chain.tail_at(group, state.synced).epoch)

    def reset(self, group: int, index: int, epoch: int) -> None:
        """Begins the group's log anew behind this entry, durably, and with it what was saved of the group.

        Raises:
            DiskFull: the log is as it was.
            LogFailed: the disk failed; the process must end.
        """
        self._check_usable()
        state = self._group(group)
        with self._disk("the log could not begin anew"):
            self._files.states.write(group)
            if not state.owed:
                self._files.synced.lower(group, Synced(index, 0))
            self._files.chain.write([], {group: Start(Tail(index, epoch, 0), is_reset=True)})
        self._changed.discard(group)
        self._pending = [row for row in self._pending if row[0] != group]
        state.last = state.synced = index
        state.last_epoch, state.synced_crc = epoch, 0
        state.floor, state.cut_to, state.runs = index + 1, None, []

    def synced(self, group: int) -> int:
        """Returns the index up to which entries are durable."""
        self._check_usable()
        return self._group(group).synced

    def acknowledged(self, group: int) -> int:
        """Returns the index up to which entries had been durable, if the start found fewer; else 0."""
        self._check_usable()
        return self._group(group).lost

    def last_index(self, group: int) -> int:
        """Returns the index of the last entry, 0 if there never was one."""
        self._check_usable()
        return self._group(group).last

    def first_index(self, group: int) -> int:
        """Returns the index of the first entry still kept; last_index + 1 if none is."""
        self._check_usable()
        return self._files.chain.first(group)

    def sync(self) -> None:
        """Makes all changes durable, for all groups at once.

        Raises:
            DiskFull: nothing was written and all still waits; make room and sync again, or end the process.
            LogFailed: the disk failed; the process must end.
        """
        self._check_usable()
        if not self._pending and not self._changed:
            return
        segments = self._files.chain
        started_ns = self._elapsed_ns()
        with self._disk("a commit failed"):
            starts = self._prepare_changes() if self._changed else None
            if segments.full:
                segments.roll()
            elif segments.active.wal_pages >= 2 * self._checkpoint_pages:
                segments.active.checkpoint()
            if self._pending or starts:
                segments.write(self._pending, starts)
        now_ns = self._elapsed_ns()
        if self._observer is not None:
            self._observer(now_ns - started_ns)
        for group, index, _, _, crc, _ in self._pending:
            state = self._groups[group]
            assert index == state.synced + 1, "entries become durable in order"
            state.synced, state.synced_crc = index, crc
        self._pending = []
        if self._changed:
            for group in self._changed:
                self._group(group).cut_to = None
            self._changed.clear()
        if self._files.synced.due(now_ns - INTERVAL_NS):
            # `maintain` writes the note sooner; this is for callers that do not maintain.
            self._note(now_ns)

    def _prepare_changes(self) -> dict[int, Start]:
        """Writes the states that wait, and returns where groups end that were cut."""
        starts: dict[int, Start] = {}
        for group in sorted(self._changed):
            self._files.states.write(group)
        for group in sorted(self._changed):
            state = self._group(group)
            if state.cut_to is not None:
                tail = self._files.chain.tail_at(group, state.cut_to)
                starts[group] = Start(tail, is_reset=False)
                if not state.owed:  # what is owed stays noted until it is back
                    self._files.synced.lower(group, Synced(tail.last, tail.crc))
        return starts

    def read(self, group: int, first: int, last: int) -> Iterator[Record]:
        """Yields entries first..last in order, those not yet durable among them.

        Raises:
            LogDamaged: an entry is missing or its checksum is wrong.
        """
        self._check_usable()
        state = self._group(group)
        kept = self._files.chain.first(group)
        if first < kept or last > state.last:
            raise LogDamaged(
                f"entries {first} to {last} of group {group} are needed, but the log in {self._directory} "
                f"holds {kept} to {state.last}; restore the shard from a backup that is no older than the log "
                "(`mainspring shards rebuild --from BACKUP`)"
            )
        waiting = [row for row in self._pending if row[0] == group and first <= row[1] <= last]
        durable = self._files.chain.read(group, first, min(last, state.synced))
        if self._tolerates:
            durable = self._mending(durable)
        return (Record(index, epoch, blob) for _, index, epoch, _, _, blob in chain(durable, waiting))

    def _mending(self, rows: Iterator[Row]) -> Iterator[Row]:
        with self._files.mending():
            yield from rows

    def truncate(self, group: int, below: int) -> None:
        """Allows entries before `below` to go; segments that nobody needs are deleted.

        Raises:
            LogFailed: the disk failed; the process must end.
        """
        self._check_usable()
        state = self._group(group)
        assert below <= state.synced + 1, "an entry that is not durable cannot have been used"
        state.floor = max(state.floor, below)
        self._note(self._elapsed_ns())
        with self._disk("a segment could not be deleted"):
            dropped = self._files.chain.drop({group: state.floor for group, state in self._groups.items()})
        if dropped:
            self._ballast.restore()

    def maintain(self) -> None:
        """Does one piece of upkeep, of a few milliseconds at most: call it when nobody waits for an answer.

        Without it `sync` does what can no longer wait.

        Raises:
            LogFailed: the disk failed; the process must end.
        """
        self._check_usable()
        segments = self._files.chain
        now_ns = self._elapsed_ns()
        if self._files.synced.due(now_ns):
            self._note(now_ns)
        # Without room nothing is lost by waiting; the next commit that finds none says so.
        with suppress(DiskFull), self._disk("upkeep failed"):
            if segments.sealing:
                segments.seal_one()
            elif segments.full:
                segments.roll()
            elif segments.active.wal_pages >= self._checkpoint_pages:
                segments.active.checkpoint()

    def release_ballast(self) -> bool:
        """Gives back the room that was kept for a full disk. Returns False if it is gone already."""
        self._check_usable()
        return self._ballast.release()

    def restore_ballast(self) -> bool:
        """Takes the room for a full disk again. Returns False if there is too little."""
        self._check_usable()
        return self._ballast.restore()

    def has_spare_room(self) -> bool:
        """Tells whether there is as much room as the ballast takes, beside the ballast."""
        self._check_usable()
        return self._ballast.has_spare_room()

    def close(self) -> None:
        """Ends the use of the log; nothing appended and not synced survives. Once is enough.

        Raises:
            LogFailed: the disk failed.
        """
        if self._closed:
            return
        try:
            if self._failure is None:
                self._note(self._elapsed_ns())
                with suppress(DiskFull), self._disk("the last checkpoint failed"):
                    self._files.chain.seal_all()  # if there is no room, the next start brings the WAL home
        finally:
            self._closed = True
            self._pending = []
            self._files.close()

    def _note(self, now_ns: int) -> None:
        groups = self._groups.items()
        synced = {group: Synced(state.synced, state.synced_crc) for group, state in groups if state.synced}
        for group, state in groups:
            if state.synced < state.owed:
                synced[group] = Synced(state.owed, 0)
                continue
            state.owed = 0
            if state.cut_to is not None and group in self._files.synced.noted:
                synced[group] = self._files.synced.noted[group]  # the cut itself lowers it
        with self._disk("the side file could not be written"):
            self._files.synced.write(synced, now_ns)

    def _group(self, group: int) -> GroupLog:
        state = self._groups.get(group)
        if state is None:
            assert 0 <= group < 2**32, "a group is a shard's number"
            state = self._groups[group] = GroupLog(0, 0, 0)
        return state

    @contextmanager
    def _disk(self, what: str) -> Generator[None]:
        """Turns what the disk says into what the caller can do; all but a full disk ends the log."""
        try:
            yield
        except apsw.FullError as error:
            raise DiskFull(
                f"no room in {self._directory}: {len(self._pending)} entries wait in memory; "
                "free some space or release the ballast, and sync again"
            ) from error
        except (apsw.Error, OSError) as error:
            self._failure = f"{what}: {error}"
            raise LogFailed(
                f"{what} in {self._directory} ({error}); end the process, check the disk, start again"
            ) from error
        except BaseException as error:
            self._failure = f"{what}: {error}"
            raise

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise LogFailed(f"the log has failed before ({self._failure}); end the process and start it again")
        assert not self._closed, "the log is closed"
