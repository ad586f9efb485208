"""The log of one node: a quorum of one, so what is on this disk is committed.

Decides when entries are durable, what a failure leaves behind and what must be true of the files at a start.
It knows nothing of what entries mean. After any failure of the disk the object refuses everything: the kernel
may have dropped the pages, and only a new start reads what is really there.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import apsw

from ....actors.effects import Send
from ....actors.log import LogDamaged, Record
from .ballast import BALLAST_BYTES, Ballast
from .errors import DiskFull, LogFailed
from .files import Files, OsFiles
from .log_files import LogFiles
from .segment import CHECKPOINT_PAGES, Row, Synchronous, make_row
from .synced_file import INTERVAL_NS, Synced

SEGMENT_BYTES = 64 * 1024 * 1024

ENTRY_BYTES_MAX = 64 * 1024 * 1024
"""Largest entry; far above what a turn puts into one."""


class _Group:
    """One group's log, in numbers."""

    __slots__ = ("epoch", "floor", "last", "last_epoch", "synced", "synced_crc")

    def __init__(self, index: int, last_epoch: int, crc: int) -> None:
        self.last = index
        self.last_epoch = last_epoch
        self.synced = index
        self.synced_crc = crc
        self.floor = 1
        self.epoch = 0
        """The epoch that this process writes in; 0 until it campaigned."""


class LocalLog:
    """The logs of all groups of one process, in one directory. Implements `ReplicatedLog`.

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
        self._files = LogFiles(directory, files, segment_bytes=segment_bytes, synchronous=synchronous, vfs=vfs)
        self._groups = {group: _Group(*tail) for group, tail in self._files.chain.tails().items()}
        self._ballast = Ballast(directory, files, ballast_bytes)
        self._ballast.restore()

    def campaign(self, group: int) -> int:
        """Becomes the group's writer and returns its epoch, durable and greater than any before.

        Raises:
            LogFailed: the disk failed; the process must end.
        """
        self._check_usable()
        state = self._group(group)
        epoch = max(self._files.hard_state.epoch(group), state.last_epoch) + 1
        with self._disk("the epoch could not be written"):
            self._files.hard_state.raise_epoch(group, epoch)
        state.epoch = epoch
        return epoch

    def last_index(self, group: int) -> int:
        """Returns the index of the last appended entry, 0 if there is none."""
        self._check_usable()
        return self._group(group).last

    def first_index(self, group: int) -> int:
        """Returns the index of the first entry still kept; last_index + 1 if none is."""
        self._check_usable()
        return self._files.chain.first(group)

    def append(self, group: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index. Nothing is durable before `sync`.

        Raises:
            ValueError: the entry is too large.
        """
        self._check_usable()
        state = self._group(group)
        assert state.epoch > 0, "campaign before the first append"
        if len(blob) > ENTRY_BYTES_MAX:
            raise ValueError(f"an entry of {len(blob)} bytes is over {ENTRY_BYTES_MAX}; close entries sooner")
        state.last += 1
        state.last_epoch = state.epoch
        self._pending.append(make_row(group, state.last, state.epoch, blob))
        return state.last

    def sync(self) -> None:
        """Makes all that was appended durable, for all groups at once.

        Raises:
            DiskFull: nothing was written and all still waits; make room and sync again, or end the process.
            LogFailed: the disk failed; the process must end.
        """
        self._check_usable()
        if not self._pending:
            return
        segments = self._files.chain
        started_ns = self._elapsed_ns()
        with self._disk("a commit failed"):
            if segments.full:
                segments.roll()
            elif segments.active.wal_pages >= 2 * self._checkpoint_pages:
                segments.active.checkpoint()
            segments.write(self._pending)
        now_ns = self._elapsed_ns()
        if self._observer is not None:
            self._observer(now_ns - started_ns)
        for group, index, _, _, crc, _ in self._pending:
            state = self._groups[group]
            assert index == state.synced + 1, "entries become durable in order"
            state.synced, state.synced_crc = index, crc
        self._pending = []
        if self._files.synced.due(now_ns - INTERVAL_NS):
            # `maintain` writes the note sooner; this is for callers that do not maintain.
            self._note(now_ns)

    def committed(self, group: int) -> int:
        """Returns the index up to which entries are committed: a quorum of one, so those durable here."""
        self._check_usable()
        return self._group(group).synced

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
        return (Record(index, epoch, blob) for _, index, epoch, _, _, blob in chain(durable, waiting))

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
        with self._disk("the side file could not be written"):
            self._files.synced.write(synced, now_ns)

    def _group(self, group: int) -> _Group:
        state = self._groups.get(group)
        if state is None:
            assert 0 <= group < 2**32, "a group is a shard's number"
            state = self._groups[group] = _Group(0, 0, 0)
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
