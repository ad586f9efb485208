"""Checks a shard file: header, identity, SQLite's own structure, and the relations between its tables.

Decides what is looked at, and what to do about each fault. It must not know the log (verify_entries.py compares them).
"""

# ruff: noqa: S608 - statements are put together from constants and the file's own column names

import struct
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

from ..storage.shard.migration import ShardFileError, check_header, check_identity
from ..storage.shard.schema import SCHEMA_VERSION
from .reading import open_to_read
from .relations import COUNTED_IN_META, counters, relations
from .report import FINDINGS_A_KIND_MAX, Progress, Report, first_of
from .wal import check_wal

MEND: Final = (
    "stop the node, then `mainspring shards rebuild`, which makes the file again from the log (with --from BACKUP "
    "where the log is too short); else restore a backup"
)
_NEEDED: Final = frozenset({"meta", "lanes", "jobs", "finished", "executions", "leases"})


class ShardMeta(NamedTuple):
    """How far a shard file is."""

    applied: int
    epoch: int
    stamp_ms: int
    next_sequence: int
    floor: int


def verify_shard(path: Path, shard: int | None, report: Report, progress: Progress, *, alone: bool) -> ShardMeta | None:
    """Checks one file.

    Args:
        path: the file.
        shard: its number; None if its name does not say.
        report: takes what is found.
        progress: told how far this is.
        alone: no node writes it.

    Returns:
        How far it is; None if that cannot be read.
    """
    report.count("shard files")
    connection = None
    try:
        check_header(path)
        if alone:
            _check_wal(path, report)
            _check_size(path, report)
        connection = open_to_read(path, alone=alone)
        connection.execute("BEGIN")
        check_identity(path, connection.pragma("application_id"), connection.pragma("user_version"))
        return _Checker(path, shard, connection, report, progress).run()
    except ShardFileError as error:
        report.add("identity", str(error), str(path), means="this program cannot use the file", mend=MEND)
    except (apsw.Error, OSError, UnicodeDecodeError) as error:
        _unreadable(path, error, report)
    finally:
        if connection is not None:
            connection.close(True)
    return None


def _unreadable(path: Path, error: Exception, report: Report) -> None:
    if isinstance(error, apsw.BusyError):
        report.skip(f"{path}: somebody holds a lock on it; try again when that is over")
        return
    report.add(
        "unreadable", f"cannot be read ({error})", str(path), mend=MEND,
        means="pages that SQLite needs are damaged, or the disk does not give them",
    )  # fmt: skip


def _check_wal(path: Path, report: Report) -> None:
    wal = path.with_name(path.name + "-wal")
    if not wal.exists():
        return
    found = check_wal(wal)
    report.count("frames of WALs", found.frames)
    if found.damage is None:
        return
    if _applied(path, without_wal=True) > _applied(path, without_wal=False):
        report.add(
            "wal", found.damage, str(wal), mend=MEND,
            means="SQLite ignores that frame and all behind it; pages that were copied from them before do not fit",
        )  # fmt: skip
    else:
        report.add(
            "wal", found.damage, str(wal), level="doubt",
            means="a power loss took what was not on the disk yet, or a bit has flipped; the log brings the rows back",
            mend="nothing if the power was lost; else check the disk. The next start applies the entries again",
        )  # fmt: skip


def _applied(path: Path, *, without_wal: bool) -> int:
    """Returns the entry that a file shows; 0 if it shows none."""
    connection = None
    try:
        connection = open_to_read(path, alone=True, without_wal=without_wal)
        return connection.execute("SELECT applied FROM meta").get or 0
    except apsw.Error:
        return 0
    finally:
        if connection is not None:
            connection.close(True)


def _check_size(path: Path, report: Report) -> None:
    """Compares the size with the header's: a file that was cut off, or has grown by something else."""
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or path.with_name(path.name + "-wal").exists():
        return  # SQLite, or the WAL, has the say
    page_bytes, pages = struct.unpack_from(">H", header, 16)[0], struct.unpack_from(">I", header, 28)[0]
    expected = (65536 if page_bytes == 1 else page_bytes) * pages
    if path.stat().st_size != expected:
        report.add(
            "size", f"has {path.stat().st_size} bytes, its header says {expected}", str(path), mend=MEND,
            means="a part of the file is missing, or something was written behind it",
        )  # fmt: skip


class _Checker:
    """One file under check, in one read transaction."""

    def __init__(self, path: Path, shard: int | None, connection: Any, report: Report, progress: Progress) -> None:
        self.path = path
        self.shard = shard
        self.connection = connection
        self.report = report
        self.progress = progress
        self.columns: dict[str, set[str]] = {}

    def run(self) -> ShardMeta | None:
        version = self.connection.pragma("user_version")
        self._structure()
        for name, kind in self.connection.execute("SELECT name, type FROM sqlite_schema ORDER BY name").fetchall():
            if kind == "table":
                found = self.connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
                self.columns[name] = {row[0] for row in found}
        missing = _NEEDED - self.columns.keys()
        if missing:
            means = "the list of tables is damaged"
            what = f"has no table {', '.join(sorted(missing))}"
            self.report.add("schema", what, str(self.path), means=means, mend=MEND)
            return None
        if version < SCHEMA_VERSION:
            self.report.skip(
                f"{self.path}: relations between its tables: its schema version is {version}, this program knows"
                f" {SCHEMA_VERSION}; the node brings it up to date at its next start"
            )
        else:
            self._relations()
            self._counters()
        row = self.connection.execute(f"SELECT {', '.join(ShardMeta._fields)} FROM meta").fetchone()
        if row is None or not all(type(value) is int for value in row):
            self._add("meta", f"holds {row}", "meta", "the file does not say how far it is")
            return None
        return ShardMeta(*row)

    def _structure(self) -> None:
        """Lets SQLite look at every page, cell and index entry."""
        self.progress(f"{self.path.name}: pages", 0, 0)
        self.connection.execute("PRAGMA cell_size_check = ON")
        means = "SQLite's structure is broken: rows are lost, or found in one place and not in another"
        try:
            rows = self.connection.execute(f"PRAGMA integrity_check({FINDINGS_A_KIND_MAX + 1})").fetchall()
        except (apsw.Error, UnicodeDecodeError) as error:
            rows = [(str(error),)]
        self.report.count("pages", self.connection.pragma("page_count"))
        for (text,) in rows:
            if text != "ok":
                self.report.add("structure", text, str(self.path), means=means, mend=MEND)

    def _relations(self) -> None:
        every = list(relations(self.columns))
        for done, relation in enumerate(every):
            self.progress(f"{self.path.name}: {relation.table}, {relation.kind}", done, len(every))
            if relation.kind == "shard" and self.shard is None:
                continue
            bindings = (self.shard,) if "?1" in relation.statement else ()
            try:
                found = first_of(self.connection.execute(relation.statement, bindings))
            except (apsw.Error, UnicodeDecodeError) as error:
                self._add("unreadable", f"cannot be read ({error})", relation.table, "pages of this table are damaged")
                continue
            self.report.count("relations")
            for row, what in found:
                self._add(
                    relation.kind, what, f"{relation.table}, row {row}", relation.means,
                    is_doubt=relation.level == "doubt",
                )  # fmt: skip

    def _counters(self) -> None:
        """Compares what is counted with what is kept as a count."""
        means = "a count, or rows that it counts, have changed since they were written; lists and limits go wrong"
        try:
            for table in COUNTED_IN_META:
                kept, counted = self.connection.execute(
                    f"SELECT {table}, (SELECT count(*) FROM {table}) FROM meta"
                ).fetchone()
                if kept != counted:
                    self._add("count", f"{table} has {counted} rows, meta counts {kept}", "meta", means)
            self._lanes(means)
        except (apsw.Error, UnicodeDecodeError) as error:
            self._add("unreadable", f"cannot be counted ({error})", "meta", "pages of a table are damaged")

    def _lanes(self, means: str) -> None:
        counted: dict[tuple[int, int], int] = {}
        for table in ("jobs", "finished"):
            rows = self.connection.execute(f"SELECT lane, state, count(*) FROM {table} GROUP BY lane, state")
            counted |= {(lane, state): count for lane, state, count in rows}
        for _, state, column in counters(self.columns):
            for lane, kept in self.connection.execute(f"SELECT lane, {column} FROM lanes"):
                found = counted.get((lane, state), 0)
                if found != kept:
                    what = f"{found} jobs are {column}, the lane counts {kept}"
                    self._add("count", what, f"lanes, row {lane}", means)

    def _add(self, kind: str, what: str, where: str, means: str, *, is_doubt: bool = False) -> None:
        level = "doubt" if is_doubt else "damage"
        self.report.add(kind, what, f"{self.path}: {where}", means=means, mend=MEND, level=level)
