"""The shard file itself: opened, written in transactions, checkpointed, closed.

Decides transactions, locks and durability. Must not know what ops mean or how rows are read.
Rule: docs/shard-file.md, "Durability".
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from ....actors.entries import Entry
from ....actors.spread import MetricRow
from ....actors.store import Read, ReadListing, Restored
from ..log.errors import DiskFull
from ..log.files import Files, OsFiles
from . import reads, replacing, restore
from .apply import read_meta, write
from .database import Database
from .errors import DAMAGED_MEND, FAILED_MEND, ShardFailed, lacks_room, shard_disk
from .migration import ShardFileError, check_header, migrate, needs_migration

BUSY_TIMEOUT_MS = 5
"""How long a transaction waits for somebody else's lock: the loop has better things to do than to wait."""

CACHE_KIB = 16 * 1024
WAL_BYTES_KEPT = 64 * 1024 * 1024

_STATEMENTS_CACHED = 100
_PRAGMAS = (
    ("journal_mode", "WAL"),
    ("synchronous", "NORMAL"),
    ("wal_autocheckpoint", 0),
    ("journal_size_limit", WAL_BYTES_KEPT),
    ("cache_size", -CACHE_KIB),
    ("temp_store", "MEMORY"),
)
_COUNT_SCHEMA = "SELECT count(*) FROM sqlite_schema"


class Checkpoint(NamedTuple):
    """What a checkpoint did."""

    log: int
    """Frames (pages) in the WAL."""
    checkpointed: int
    """Frames of them that are in the database file."""

    @property
    def complete(self) -> bool:
        """Whether the whole WAL is in the database file; a reader that holds an old snapshot prevents it."""
        return self.log == self.checkpointed


def shard_file_name(tenant: str, shard: int) -> str:
    """Returns the name of a shard's file: `tasks_default_shard_0.db`."""
    return f"tasks_{tenant}_shard_{shard}.db"


class ShardFile:
    """A `ShardStore` over one SQLite file.

    It is the file's only writer, and the only one that should checkpoint it. Any other process may read the file with
    any SQLite of 3.38 or later; this process must not open it with another SQLite library than apsw's.

    Args:
        path: the file; made if it is missing, migrated if it is old.
        vfs: name of an apsw VFS, for tests that inject disk faults.
        checkpoint_pages: a commit that leaves at least so many pages in the WAL checkpoints it.
        files: what makes plain files durable; tests put a disk here that fails.
        open_timeout_ms: how long a start waits for somebody else's lock.

    Raises:
        ShardFileError: the file is not a shard, is newer than this program, or cannot be locked.
        ShardFailed: it is damaged, or the disk fails it.
        DiskFull: there is no room to begin.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        vfs: str | None = None,
        checkpoint_pages: int = 4000,
        files: Files | None = None,
        open_timeout_ms: int = 2000,
    ) -> None:
        assert checkpoint_pages > 0, checkpoint_pages
        self.path = Path(path)
        self._files = OsFiles() if files is None else files
        self._checkpoint_pages = checkpoint_pages
        self._open_as = vfs, open_timeout_ms
        self.figures: Callable[[], list[MetricRow]] = list
        """What the process around the file adds to the listing "metrics"."""
        with shard_disk(self.path):
            replacing.finish(self.path, self._files)
        self._begin()

    def _begin(self) -> None:
        """Opens the file and reads what stands in memory of it."""
        self._checkpoint_at = self._checkpoint_pages
        self._wal_pages = 0
        self._durable = 0
        self._database = self._open(*self._open_as)
        try:
            with shard_disk(self.path):
                self._page_bytes = int(self._database.pragma("page_size"))
                self._meta = read_meta(self._database)
                self._tenants = restore.read_tenants(self._database)
                # For fsync alone. It stays open while SQLite is: closing any descriptor of a database file drops the
                # locks that SQLite holds on it.
                self._plain = self._files.open(self.path)
        except BaseException:
            self._database.close()
            raise

    def _open(self, vfs: str | None, timeout_ms: int) -> Database:
        check_header(self.path)
        try:
            with shard_disk(self.path):
                return self._prepared(_connect(self.path, vfs, timeout_ms), vfs, timeout_ms)
        except (apsw.Error, sqlite3.Error) as error:
            if lacks_room(error):
                raise DiskFull(f"no room for {self.path}; free some space and start again") from error
            if isinstance(error, (apsw.BusyError, sqlite3.OperationalError)) and "locked" in str(error):
                raise ShardFileError(f"{self.path} is locked by another process; end it and start again") from error
            mend = DAMAGED_MEND if "malformed" in str(error) else FAILED_MEND
            raise ShardFileError(f"{self.path} cannot be made or brought up to date ({error}); {mend}") from error

    def _prepared(self, database: Database, vfs: str | None, timeout_ms: int) -> Database:
        try:
            identity = database.pragma("application_id"), database.pragma("user_version")
            if needs_migration(self.path, *identity, tables=database.execute(_COUNT_SCHEMA).get):
                database.close()
                migrate(self.path)
                self._files.sync_directory(self.path.parent)
                database = _connect(self.path, vfs, timeout_ms)
            for name, value in _PRAGMAS:
                database.pragma(name, value)
        except BaseException:
            database.close()
            raise
        database.set_busy_timeout(BUSY_TIMEOUT_MS)
        database.set_wal_hook(self._committed)
        return database

    def _committed(self, _database: Database, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    @property
    def applied(self) -> int:
        """The index of the last applied entry."""
        return self._meta.applied

    @property
    def floor(self) -> int:
        """The floor that the rows carry, as of `applied`."""
        return self._meta.floor

    @property
    def finished_count(self) -> int:
        """How many finished jobs are kept, as of `applied`."""
        return self._meta.finished

    @property
    def epoch(self) -> int:
        """The epoch of the last applied entry."""
        return self._meta.epoch

    def apply(self, entries: Sequence[tuple[int, Entry]]) -> bool:
        """Applies entries in one transaction, as `ShardStore.apply` says.

        Returns:
            False if somebody else holds a lock: nothing was written, and nothing is lost if the same entries come
            again.

        Raises:
            apsw.FullError: the disk is full; nothing was written.
            ShardFailed: the file is damaged, or the disk failed it; the process must end.
        """
        new = [pair for pair in entries if pair[0] > self._meta.applied]
        if not new:
            return True
        try:
            with shard_disk(self.path):
                self._write(new)
        except apsw.BusyError:
            return False
        if self._wal_pages >= self._checkpoint_at:
            self.checkpoint()
        return True

    def _write(self, new: Sequence[tuple[int, Entry]]) -> None:
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            if read_meta(database) != self._meta:  # the data directory's lock should have kept it away
                raise ShardFailed(
                    f"somebody else has written {self.path}, which has one writer; find the other process (is the same "
                    "data directory in use twice?), end it, and see what `mainspring shards verify` says",
                    self.path,
                )
            meta = write(database, self._meta, self._tenants, new)
            database.execute("COMMIT")
        except BaseException as error:
            with suppress(apsw.Error):  # what has failed before says more
                self._roll_back()
            if lacks_room(error) and not isinstance(error, apsw.FullError):
                raise apsw.FullError("no room for the WAL's index") from error
            raise
        self._meta = meta

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._tenants = restore.read_tenants(self._database)

    def read(self, read: Read) -> list[Any]:
        """Answers one question as of `applied`, as `ShardStore.read` says.

        Raises:
            ValueError: a listing is refused.
            ShardFailed: the file is damaged, or the disk failed it; the process must end.
        """
        with shard_disk(self.path):
            found = reads.answer(self._database, self.path, read)
        if isinstance(read, ReadListing) and read.name == "metrics":
            found[1].extend(self.figures())
        return found

    def restore(self) -> Restored:
        """Returns what a new machine starts from. Raises ShardFailed as `read` does."""
        with shard_disk(self.path):
            return restore.restore(self._database, self._meta)

    def checkpoint(self) -> Checkpoint:
        """Copies what it can of the WAL into the database file, without waiting for readers.

        `complete` in the answer means that all of it was copied and fsynced; the next commit starts the WAL again.
        """
        try:
            with shard_disk(self.path):
                done = Checkpoint(*self._database.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_PASSIVE))
        except (apsw.BusyError, apsw.FullError):
            # Everything stays in the WAL, and a WAL that cannot grow fails the next apply in its own words.
            done = Checkpoint(self._wal_pages, 0)
        # Under a reader that pins the WAL every commit would try again in vain; a quarter of the distance more will do.
        self._checkpoint_at = max(self._checkpoint_pages, done.log + self._checkpoint_pages // 4)
        if done.complete:
            self._checkpoint_at = self._checkpoint_pages
            self._durable = self._meta.applied
        return done

    def durable_applied(self) -> int:
        """The index up to which entries are known to survive a power loss in this file: the log may drop them."""
        return self._durable

    def make_durable(self) -> int:
        """Makes everything applied survive a power loss, and returns `durable_applied`.

        It fsyncs the WAL and the database file rather than trust a checkpoint: a reader may keep a checkpoint from
        copying, and another process's checkpoint may have copied without fsync.

        Raises:
            ShardFailed: the fsync failed; the process must end, and nobody may try it again.
            DiskFull: there was no room for what was to be synced; the process must end.
        """
        applied = self._meta.applied
        if applied > self._durable:
            with shard_disk(self.path):
                if self._wal_path.exists():
                    self._files.sync(self._wal_path)
                self._plain.sync()
            self._durable = applied
        return self._durable

    @property
    def _wal_path(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    def wal_live_bytes(self) -> int:
        """How much of the WAL file no checkpoint has made free yet: above a bound, a reader pins it."""
        return self._wal_pages * self._page_bytes

    def wal_bytes(self) -> int:
        """The size of the WAL file; it stays large while a reader pins it."""
        try:
            return self._wal_path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def vfs(self) -> str | None:
        """Name of the apsw VFS under the file, None for the system's."""
        return self._open_as[0]

    def replace(self, new: Path) -> None:
        """Puts another file in this one's place, and goes on with that one.

        A kill at any point leaves this file or the new one. Whoever reads this file meanwhile goes on reading it.

        Args:
            new: a sound shard file in the same folder, without a WAL, its bytes durable.

        Raises:
            ShardFailed: the disk failed, or is full; the process must end, and the next one finds the old file or the
                new one.
        """
        try:
            with shard_disk(self.path):
                replacing.announce(self.path, new, self._files)
                closing: Any = self._database
                closing.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # nobody needs the old rows any more
                self.close()
                replacing.finish(self.path, self._files)
            self._begin()
        except DiskFull as error:
            raise ShardFailed(f"{self.path} cannot be replaced by a copy that has arrived: {error}") from error
        self._durable = self._meta.applied

    def close(self) -> None:
        """Ends the use of the file; the last one to close it checkpoints and removes the WAL."""
        self._database.close()
        self._plain.close()


def _connect(path: Path, vfs: str | None, busy_timeout_ms: int) -> Database:
    database: Database = apsw.Connection(str(path), vfs=vfs, statementcachesize=_STATEMENTS_CACHED)
    database.set_busy_timeout(busy_timeout_ms)
    return database
