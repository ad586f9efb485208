"""Checks the log of a node: its small files, and every entry of every segment.

Decides what must be true of them without opening the log for writing. It hands each good entry on (verify_entries.py
compares them with the shards), and must not know what entries mean.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import apsw

from ...actors.entries import entry_of
from ...actors.log import LogDamaged
from ..storage.log.errors import LogFailed
from ..storage.log.group_states import state_files
from ..storage.log.hard_state import HardState, read_epochs
from ..storage.log.segment import (
    FORMAT,
    FORMAT_WITH_STARTS,
    READ_STARTS,
    Row,
    Start,
    Tail,
    check_row,
    segment_path,
)
from ..storage.log.segment_chain import segment_numbers
from ..storage.log.slot_file import read_slots
from ..storage.log.synced_file import Synced, SyncedFile, read_synced
from .reading import open_to_read
from .report import Progress, Report
from .wal import check_wal

MEND: Final = (
    "do not start the node on it. What the shard files show is saved by `mainspring shards backup --without-log`, and "
    "`mainspring shards restore` of that into an empty folder; if they are damaged as well, restore an older backup"
)
_COLUMNS: Final = "grp, idx, term, version, crc, blob"
_STEP_ROWS: Final = 500

Taker = Callable[[int, int, Any], None]
"""Takes (group, index, entry) of each good entry, in order of index within a group."""


class LogCheck:
    """One log under check.

    Args:
        folder: where its files are.
        report: takes what is found.
        progress: told how far this is.
        alone: no node writes it.
        take: is given each good entry.
    """

    def __init__(self, folder: Path, report: Report, progress: Progress, take: Taker, *, alone: bool) -> None:
        self.folder = folder
        self.report = report
        self.progress = progress
        self.take = take
        self.alone = alone
        self.first: dict[int, int] = {}
        """Group -> its oldest entry that is kept; one past the last if none is."""
        self.tails: dict[int, Tail] = {}
        """Group -> where its log ends, as far as it could be read."""
        self.is_whole = True
        """Every segment could be looked at, to its end."""
        self.members: frozenset[int] = frozenset()
        """Groups whose engine has other members: they bring back what is lost here."""
        self._starts: dict[int, dict[int, Start]] = {}
        """Segment -> group -> from where on the group's log goes on there."""
        self._limits: dict[int, int] = {}
        """Group -> the last entry of the segment at hand that no later one has made void."""
        self._stamps: dict[int, int] = {}

    def run(self) -> None:
        """Checks all of it."""
        numbers = segment_numbers(self.folder)
        epochs = self._slots(HardState.NAME, read_epochs)
        synced: dict[int, Synced] | None = self._slots(SyncedFile.NAME, read_synced)
        states = state_files(self.folder)
        self.members = frozenset(states)
        for path in states.values():
            self._slots(path.name, bytes)
        if not numbers:
            if epochs:
                self._add("segment", "there is no segment", str(self.folder), "the log is gone")
            return
        for number in numbers:
            self._starts[number] = self._starts_in(number, is_newest=number == numbers[-1])
        for number in range(numbers[0], numbers[-1] + 1):
            if number not in numbers:
                path = segment_path(self.folder, number)
                self._add("segment", "is missing", str(path), "the entries in it are gone")
                self.tails = {}
                self.is_whole = False
                continue
            self._segment(number, is_newest=number == numbers[-1])
        self._compare_synced(synced or {})
        for group, tail in sorted(self.tails.items()):
            if epochs is not None and group not in self.members and epochs.get(group, 0) < tail.epoch:
                self._add(
                    "epoch", f"says epoch {epochs.get(group, 0)} for group {group}, its entries have {tail.epoch}",
                    str(self.folder / HardState.NAME), "the file is older than the log: epochs could be given twice",
                )  # fmt: skip

    def _slots(self, name: str, read: Callable[[bytes], Any]) -> Any:
        path = self.folder / name
        try:
            slots = read_slots(path)
        except OSError as error:
            self._add("small_file", f"cannot be read ({error.strerror})", str(path), "the node will not start")
            return None
        good = [slot for slot in slots if slot is not None]
        if not good:
            self._add("small_file", "neither of its two slots can be read", str(path), "the node will not start")
            return None
        if len(good) == 1 and max(good)[0] > 0:
            self.report.add(
                "small_file", "one of its two slots cannot be read", str(path), level="doubt",
                means="a power loss cut the last write short, which is harmless, or a bit has flipped",
                mend="nothing if the power was lost; else check the disk. The next write makes the slot good",
            )  # fmt: skip
        return read(max(good)[1])

    def _is_written(self, path: Path, *, is_newest: bool) -> bool:
        return not self.alone and (is_newest or path.with_name(path.name + "-wal").exists())

    def _starts_in(self, number: int, *, is_newest: bool) -> dict[int, Start]:
        """Reads what a segment makes void of those before it; what cannot be read is told later."""
        path = segment_path(self.folder, number)
        if self._is_written(path, is_newest=is_newest):
            return {}
        connection = None
        try:
            connection = open_to_read(path, alone=True)
            if connection.pragma("user_version") != FORMAT_WITH_STARTS:
                return {}
            rows = connection.execute(READ_STARTS).fetchall()
            return {group: Start(Tail(*tail), bool(is_reset)) for group, *tail, is_reset in rows}
        except (apsw.Error, OSError, UnicodeDecodeError, TypeError):
            return {}
        finally:
            if connection is not None:
                connection.close(True)

    def _limits_for(self, number: int) -> dict[int, int]:
        limits: dict[int, int] = {}
        for later, starts in self._starts.items():
            for group, start in starts.items():
                if later > number:
                    limit = -1 if start.is_reset else start.tail.last
                    limits[group] = min(limit, limits.get(group, limit))
        return limits

    def _segment(self, number: int, *, is_newest: bool) -> None:
        path = segment_path(self.folder, number)
        wal = path.with_name(path.name + "-wal")
        if self._is_written(path, is_newest=is_newest):
            self.report.skip(f"{path}: the node writes it; stop the node to have it checked")
            self.is_whole = False
            return
        connection = None
        try:
            if wal.exists():
                self._wal(wal)
            connection = open_to_read(path, alone=True)
            stated = connection.pragma("user_version")
            if stated not in (FORMAT, FORMAT_WITH_STARTS):
                self._add("segment", f"has format {stated}, not {FORMAT}", str(path), "its header is damaged, or newer")
            self._structure(connection, path)
            bases = {row[0]: Tail(*row[1:]) for row in connection.execute("SELECT grp, idx, term, crc FROM base")}
            self._joint(path, bases)
            self._begin(path, self._starts.get(number, {}))
            self._limits = self._limits_for(number)
            self._entries(connection, path)
        except (apsw.Error, OSError, UnicodeDecodeError, TypeError) as error:
            self.is_whole = False
            if not self.alone and not path.exists():
                self.first, self.tails = {}, {}  # the node has shortened its log meanwhile
                return
            self._add("unreadable", f"cannot be read ({error})", str(path), "entries in it are lost")
        finally:
            if connection is not None:
                connection.close(True)

    def _wal(self, wal: Path) -> None:
        found = check_wal(wal)
        if found.damage is None:
            return
        if found.is_in_last:
            self.report.add(
                "wal", found.damage, str(wal), level="doubt",
                means="a power loss cut the last commit short, before it was acknowledged, or a bit has flipped",
                mend="nothing if the power was lost; else check the disk. The next start drops that commit",
            )  # fmt: skip
        else:
            self._add("wal", found.damage, str(wal), "the entries from that frame on are lost")

    def _structure(self, connection: Any, path: Path) -> None:
        connection.execute("PRAGMA cell_size_check = ON")
        for (text,) in connection.execute("PRAGMA integrity_check(10)").fetchall():
            if text != "ok":
                self._add("structure", text, str(path), "SQLite's structure is broken: entries may be lost")

    def _joint(self, path: Path, bases: dict[int, Tail]) -> None:
        """Compares where the segment says that the one before it ends, and where that does."""
        if not self.first:
            self.first = {group: tail.last + 1 for group, tail in bases.items()}
        for group, tail in sorted(bases.items()):
            before = self.tails.get(group)
            if before is not None and before != tail:
                self._add(
                    "joint", f"begins behind entry {tail.last} of group {group}, the one before it ends at"
                    f" {before.last} or otherwise", str(path), "entries are lost, or a file is another's",
                )  # fmt: skip
        self.tails |= bases

    def _begin(self, path: Path, starts: dict[int, Start]) -> None:
        """Goes on with the groups whose log goes on elsewhere than where it had ended."""
        for group, start in sorted(starts.items()):
            before = self.tails.get(group, Tail(0, 0, 0))
            if start.is_reset:
                self.first[group] = start.tail.last + 1
            elif start.tail.last >= before.last:
                self._add(
                    "joint", f"goes on behind entry {start.tail.last} of group {group}, which ends at {before.last}",
                    str(path), "entries are lost, or a file is another's",
                )  # fmt: skip
            else:
                self.first[group] = min(self.first.get(group, 1), start.tail.last + 1)
            self.tails[group] = start.tail

    def _entries(self, connection: Any, path: Path) -> None:
        total = connection.execute("SELECT count(*) FROM log").get
        done = 0
        for row in connection.execute(f"SELECT {_COLUMNS} FROM log ORDER BY grp, idx"):  # noqa: S608 - constant text
            if done % _STEP_ROWS == 0:
                self.progress(f"{path.name}: entries", done, total)
            done += 1
            self._entry(row, path)
        self.report.count("entries", done)

    def _entry(self, row: Row, path: Path) -> None:
        group, index, epoch, _, crc, blob = row
        where = f"{path}: entry {index} of group {group}"
        try:
            check_row(row, path)
            entry = entry_of(epoch, blob)
        except LogDamaged:
            self._add("checksum", "has a wrong checksum", where, "what was decided in it cannot be trusted")
            self.tails[group] = Tail(index, epoch, crc)
            return
        except (LogFailed, ValueError) as error:
            self._add("entry", f"cannot be read ({error})", where, "a newer program wrote it, or a bit has flipped")
            return
        tail = self.tails.get(group, Tail(0, 0, 0))
        if index != tail.last + 1:
            self._add("gap", f"follows entry {tail.last}", where, f"entries {tail.last + 1} to {index - 1} are lost")
        self.first.setdefault(group, index)
        self.tails[group] = Tail(index, epoch, crc)
        is_void = index > self._limits.get(group, index)
        has_stamp = bool(entry.ops) and not is_void  # the engine's own has none
        if epoch < tail.epoch or entry.epoch != epoch or (has_stamp and entry.stamp_ms < self._stamps.get(group, 0)):
            self._add("order", "its epoch or stamp goes back", where, "the entry is from elsewhere")
        if has_stamp:
            self._stamps[group] = entry.stamp_ms
        if not is_void:
            self.take(group, index, entry)

    def _compare_synced(self, synced: dict[int, Synced]) -> None:
        if not self.is_whole:
            return
        for group, noted in sorted(synced.items()):
            tail = self.tails.get(group, Tail(0, 0, 0))
            where = f"{self.folder}: group {group}"
            if tail.last < noted.last and group in self.members:
                self.report.add(
                    "short", f"ends at entry {tail.last}, but entry {noted.last} was on the disk", where, level="doubt",
                    means="this member has lost entries; it has no vote until the others have brought them back",
                    mend="nothing, if the other members run; else check the disk first",
                )  # fmt: skip
            elif tail.last < noted.last:
                self._add(
                    "short", f"ends at entry {tail.last}, but entry {noted.last} was on the disk", where,
                    f"acknowledged entries {tail.last + 1} to {noted.last} are lost",
                )  # fmt: skip
            elif tail.last == noted.last and noted.crc not in (0, tail.crc):
                self._add("short", f"entry {noted.last} is not the one that was acknowledged", where, "files are mixed")

    def _add(self, kind: str, what: str, where: str, means: str) -> None:
        self.report.add(kind, what, where, means=means, mend=MEND)
