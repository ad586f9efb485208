"""One segment of the log: a SQLite file that grows, is sealed and in the end is deleted whole.

Decides the table, the checksum of a row, and the pragmas that make a commit durable. It knows nothing of
other segments but what its `base` says: how far each group had come when it was made; and what its `start` says, if it
has that table: from where on a group's log goes on here, because entries in earlier segments are void. Why one table
with a rowid: rows of 3 to 100 KB from several groups cost 20 to 40 % less than WITHOUT ROWID, whose rows spill to
overflow pages four times sooner.
"""

import struct
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import apsw

from ....actors.log import LogDamaged
from .errors import LogFailed
from .files import Files

FORMAT = 1
FORMAT_WITH_STARTS = 2
"""A segment gets it with its first row in `start`; a program that would not heed that row refuses the file."""

ROW_VERSION = 1

CHECKPOINT_PAGES = 512
"""A checkpoint of this many pages holds the loop up for about 4 ms; one of 4 000 for 26 ms, and copies no
faster.
"""

EMPTY_BYTES = 5 * 4096
"""A new segment: header, two tables, an index; it counts as nothing."""

MEND = (
    "do not start this node on these files; `mainspring shards verify` says what is broken and how to save the rest, "
    "else restore a backup"
)

Synchronous = Literal["full", "normal", "off"]

_SIDES = ("-wal", "-shm", "-journal")
_KEYS = struct.Struct(">QQQQ")
_SCHEMA = """
    CREATE TABLE base (
        grp INTEGER PRIMARY KEY, idx INTEGER NOT NULL, term INTEGER NOT NULL, crc INTEGER NOT NULL
    );
    CREATE TABLE log (
        grp INTEGER NOT NULL, idx INTEGER NOT NULL, term INTEGER NOT NULL, version INTEGER NOT NULL,
        crc INTEGER NOT NULL, blob BLOB NOT NULL, PRIMARY KEY (grp, idx)
    );
"""
_START_TABLE = """
    CREATE TABLE IF NOT EXISTS start (
        grp INTEGER PRIMARY KEY, idx INTEGER NOT NULL, term INTEGER NOT NULL, crc INTEGER NOT NULL,
        is_reset INTEGER NOT NULL
    )
"""
READ_STARTS = "SELECT grp, idx, term, crc, is_reset FROM start"
_COLUMNS = "grp, idx, term, version, crc, blob"

Row = tuple[int, int, int, int, int, bytes]
"""A row of `log`: group, index, term, version, crc, blob."""


class Tail(NamedTuple):
    """Where a group's log ends."""

    last: int
    epoch: int
    crc: int


class Span(NamedTuple):
    """The entries of one group in one segment, without gaps."""

    first: int
    tail: Tail


class Start(NamedTuple):
    """A group's log goes on behind this entry: what was written of it before, and lies behind that, is void."""

    tail: Tail
    is_reset: bool
    """All that was written before is void: the log begins anew, behind an entry that it may never have held."""


def make_row(group: int, index: int, epoch: int, blob: bytes) -> Row:
    """Returns the row of an entry, with its checksum."""
    return group, index, epoch, ROW_VERSION, _crc(group, index, epoch, ROW_VERSION, blob), blob


def check_row(row: Row, path: Path) -> Row:
    """Returns the row if its checksum is right.

    Raises:
        LogDamaged: it is not.
    """
    group, index, epoch, version, crc, blob = row
    numbers = all(type(value) is int and value >= 0 for value in row[:5])
    if not numbers or type(blob) is not bytes or _crc(group, index, epoch, version, blob) != crc:
        raise LogDamaged(f"entry {index} of group {group} in {path} has a wrong checksum; {MEND}")
    if version > ROW_VERSION:
        raise LogFailed(f"entry {index} of group {group} in {path} has row version {version}; upgrade mainspring")
    return row


def _crc(group: int, index: int, epoch: int, version: int, blob: bytes) -> int:
    return zlib.crc32(blob, zlib.crc32(_KEYS.pack(group, index, epoch, version)))


class Segment:
    """One file of the log, open for writing (`active`) or for reading only (`sealed`)."""

    def __init__(self, path: Path, vfs: str | None, synchronous: Synchronous) -> None:
        self.path = path
        self.number = segment_number(path)
        self._vfs = vfs
        self._synchronous = synchronous
        # Any, because apsw's types name collections.abc.Buffer, which Python 3.11 does not have.
        self._connection: Any = None
        self._writable = False
        self.wal_pages = 0
        self.bytes = 0
        self.bases: dict[int, Tail] = {}
        self.starts: dict[int, Start] = {}
        self.spans: dict[int, Span] = {}
        """What is here of each group; not of what a later segment has made void, once the chain has clipped it."""

    def open_active(self) -> None:
        """Opens the file for writing; recovers what a killed process left in its WAL."""
        with self._reading():
            connection: Any = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=self._vfs)
            self._connection = connection
            # Nobody else may look into a log that is being written: then no reader holds up a checkpoint.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            mode = connection.execute("PRAGMA journal_mode = WAL").get
            connection.wal_autocheckpoint(0)
            # A checkpoint on close would sync again after a failed sync, and would not say whether it failed.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.set_wal_hook(self._count_pages)
            if mode != "wal":
                raise LogFailed(f"{self.path} cannot be written in WAL mode; put the data directory on a local disk")
            self._writable = True
            self._load(connection)

    def open_sealed(self) -> None:
        """Opens the file for reading; what a killed process left in its WAL is first brought home."""
        if self.path.with_name(self.path.name + "-wal").exists():
            self.open_active()
            self.seal()
        with self._reading():
            uri = f"file:{quote(str(self.path))}?immutable=1"
            flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
            self._connection = apsw.Connection(uri, flags=flags, vfs=self._vfs)
            self._load(self._connection)

    def _load(self, connection: Any) -> None:
        stated: int = connection.execute("PRAGMA user_version").get
        if stated > FORMAT_WITH_STARTS:
            raise LogFailed(
                f"{self.path} has format {stated}, this program reads {FORMAT_WITH_STARTS}; upgrade mainspring"
            )
        if stated < FORMAT:
            raise LogDamaged(f"{self.path} has lost its header; {MEND}")
        size: int = connection.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").get
        self.bytes = max(0, size - EMPTY_BYTES)
        rows: list[Any] = connection.execute("SELECT grp, idx, term, crc FROM base").fetchall()
        self._check_numbers(rows)
        self.bases = {group: Tail(index, epoch, crc) for group, index, epoch, crc in rows}
        self.starts = {}
        if stated == FORMAT_WITH_STARTS:
            rows = connection.execute(READ_STARTS).fetchall()
            self._check_numbers(rows)
            self.starts = {group: Start(Tail(*tail), bool(is_reset)) for group, *tail, is_reset in rows}
        self.spans = {}
        rows = connection.execute("SELECT grp, count(*), min(idx), max(idx) FROM log GROUP BY grp").fetchall()
        self._check_numbers(rows)
        for group, count, first, last in rows:
            if count != last - first + 1:
                raise LogDamaged(
                    f"{self.path} holds {count} entries of group {group} where {first} to {last} should be; {MEND}"
                )
            self.spans[group] = Span(first, self.tail_at(group, last))

    def _check_numbers(self, rows: list[Any]) -> None:
        if not all(type(value) is int and value >= 0 for row in rows for value in row):
            raise LogDamaged(f"{self.path} holds values where numbers should be; {MEND}")

    def tail_at(self, group: int, index: int) -> Tail:
        """Returns what a log that ends with this entry ends with.

        Raises:
            LogDamaged: it is not here.
        """
        with self._reading():
            row = self._connection.execute("SELECT term, crc FROM log WHERE grp = ? AND idx = ?", (group, index))
            found = row.fetchone()
        if found is None:
            raise LogDamaged(f"{self.path} has lost entry {index} of group {group}; {MEND}")
        return Tail(index, *found)

    def behind(self, group: int) -> Tail:
        """Returns behind which entry the group's entries in this segment begin."""
        start = self.starts.get(group)
        return self.bases.get(group, Tail(0, 0, 0)) if start is None else start.tail

    def write(self, rows: list[Row], starts: Mapping[int, Start] | None = None) -> None:
        """Adds rows in one commit, durable when it returns.

        Args:
            rows: in order.
            starts: group -> behind which entry its log goes on with these rows; what is behind that now goes.

        Raises:
            apsw.FullError: no room; nothing was written.
            apsw.Error: the disk failed.
        """
        connection = self._connection
        assert connection is not None
        assert self._writable, "a sealed segment takes no entries"
        try:
            connection.execute("BEGIN IMMEDIATE")
            for group, start in (starts or {}).items():
                self._write_start(connection, group, start)
            connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        except apsw.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        for group, start in (starts or {}).items():
            self._note_start(group, start)
        for group, index, epoch, _, crc, blob in rows:
            span = self.spans.get(group)
            self.spans[group] = Span(index if span is None else span.first, Tail(index, epoch, crc))
            self.bytes += len(blob) + 32

    def _write_start(self, connection: Any, group: int, start: Start) -> None:
        kept = -1 if start.is_reset else start.tail.last
        connection.execute("DELETE FROM log WHERE grp = ? AND idx > ?", (group, kept))
        if self._reaches_back(group, start):
            connection.execute(_START_TABLE)
            connection.execute(f"PRAGMA user_version = {FORMAT_WITH_STARTS}")
            connection.execute("REPLACE INTO start VALUES (?, ?, ?, ?, ?)", (group, *start.tail, start.is_reset))

    def _note_start(self, group: int, start: Start) -> None:
        span = self.spans.pop(group, None)
        if span is not None and not start.is_reset and start.tail.last >= span.first:
            self.spans[group] = Span(span.first, start.tail)
        if self._reaches_back(group, start):
            self.starts[group] = start

    def _reaches_back(self, group: int, start: Start) -> bool:
        """Tells whether entries of earlier segments become void, which those cannot say of themselves any more."""
        return start.is_reset or start.tail.last < self.behind(group).last

    def read(self, group: int, first: int, last: int) -> list[Row]:
        """Returns the rows of these entries that are here, in order, checksums verified."""
        connection = self._connection
        assert connection is not None
        with self._reading():
            rows: list[Any] = connection.execute(
                f"SELECT {_COLUMNS} FROM log WHERE grp = ? AND idx BETWEEN ? AND ? ORDER BY idx",  # noqa: S608 - constant text
                (group, first, last),
            ).fetchall()
        return [check_row(row, self.path) for row in rows]

    def verify(self) -> None:
        """Reads every row and compares its checksum.

        Raises:
            LogDamaged: one is wrong.
        """
        connection = self._connection
        assert connection is not None
        with self._reading():
            rows = connection.execute(f"SELECT {_COLUMNS} FROM log")  # noqa: S608 - constant text
            for row in rows:
                check_row(row, self.path)

    def first_bad(self) -> dict[int, int]:
        """Returns group -> the first entry whose checksum is wrong; what cannot even be read raises as `verify`."""
        found: dict[int, int] = {}
        with self._reading():
            for row in self._connection.execute(f"SELECT {_COLUMNS} FROM log ORDER BY grp, idx"):  # noqa: S608 - constant text
                try:
                    check_row(row, self.path)
                except LogDamaged:
                    found.setdefault(row[0], row[1])
        return found

    def checkpoint(self) -> None:
        """Copies the WAL into the file, so that the next commit may write over it.

        Raises:
            apsw.FullError: no room; the WAL still holds everything.
            apsw.Error: the disk failed.
        """
        assert self._connection is not None
        _, pages_copied = self._connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_PASSIVE)
        self.wal_pages = max(0, self.wal_pages - pages_copied)

    def seal(self) -> None:
        """Brings the whole WAL home and ends the writing. Raises as `checkpoint` does."""
        connection = self._connection
        assert connection is not None
        connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)  # lets SQLite remove the empty WAL
        self.close()

    def close(self) -> None:
        """Closes the file and writes nothing more; what is in the WAL stays there for the next start."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._writable = False

    def _count_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self.wal_pages = pages
        return apsw.SQLITE_OK

    @contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError) as error:
            raise LogDamaged(f"{self.path} cannot be read ({error}); {MEND}") from error
        except apsw.Error as error:
            raise LogFailed(
                f"{self.path} cannot be read ({error}); look for disk errors in the kernel's log"
            ) from error


def segment_path(directory: Path, number: int) -> Path:
    """Returns the path of a segment by its number, from 1."""
    return directory / f"log-{number:08d}.db"


def segment_number(path: Path) -> int:
    """Returns the number in a segment's name."""
    return int(path.stem.removeprefix("log-"))


def create_segment(directory: Path, number: int, bases: dict[int, Tail], files: Files, vfs: str | None) -> None:
    """Makes an empty segment, durable, under its name: it exists whole or not at all.

    Raises:
        apsw.FullError: no room.
        apsw.Error, OSError: the disk failed.
    """
    part = directory / "segment.new"
    remove_segment_files(part, files)
    try:
        _write_empty(part, bases, vfs)
    except apsw.FullError:
        remove_segment_files(part, files)
        raise
    files.sync(part)
    files.rename(part, segment_path(directory, number))
    files.sync_directory(directory)


def _write_empty(part: Path, bases: dict[int, Tail], vfs: str | None) -> None:
    connection: Any = apsw.Connection(str(part), vfs=vfs)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(_SCHEMA)
        rows = [(group, *tail) for group, tail in sorted(bases.items())]
        connection.executemany("INSERT INTO base VALUES (?, ?, ?, ?)", rows)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def remove_segment_files(path: Path, files: Files) -> None:
    """Removes a SQLite file, durably, then what SQLite keeps beside it: it never stands without its WAL."""
    if path.exists():
        files.remove(path)
        files.sync_directory(path.parent)
    for side in _SIDES:
        files.remove(path.with_name(path.name + side))
