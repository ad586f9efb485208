"""All segments of a log, oldest first; the last one is written.

Decides that they join without a gap, when a new one begins and that an old one goes whole. Where a segment says that
what earlier ones hold of a group is void, they are taken as if they ended before. It knows floors only as numbers that
are handed in. Each step of a roll and of a drop leaves files that the next start
accepts, wherever it is cut short.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ....actors.log import LogDamaged
from .files import Files
from .segment import (
    MEND,
    Row,
    Segment,
    Span,
    Start,
    Synchronous,
    Tail,
    create_segment,
    remove_segment_files,
    segment_number,
    segment_path,
)

_NAME = re.compile(r"log-[0-9]{8,}\.db")

READ_ROWS = 64
"""Rows fetched at once; no statement stays open while the caller works on them."""


class SegmentChain:
    """The segments of one directory, opened and checked.

    Raises:
        LogDamaged: they do not join, or the last one cannot be trusted.
        LogFailed: they cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        files: Files,
        *,
        segment_bytes: int,
        vfs: str | None = None,
        synchronous: Synchronous = "full",
        verifying: bool = True,
    ) -> None:
        self._directory = directory
        self._files = files
        self._segment_bytes = segment_bytes
        self._vfs = vfs
        self._synchronous: Synchronous = synchronous
        self.segments: list[Segment] = []
        self._unsealed: list[Segment] = []
        try:
            self._open_all()
            if verifying:
                self.active.verify()
        except BaseException:
            self.close()
            raise

    def _open_all(self) -> None:
        remove_segment_files(self._directory / "segment.new", self._files)
        numbers = segment_numbers(self._directory)
        for side in sorted(self._directory.glob("log-*.db-*")):
            if not side.with_name(side.name.rpartition("-")[0]).exists():
                self._files.remove(side)  # a drop was cut short
        if not numbers:
            create_segment(self._directory, 1, {}, self._files, self._vfs)
            numbers = [1]
        for number in numbers:
            segment = Segment(segment_path(self._directory, number), self._vfs, self._synchronous)
            self.segments.append(segment)
            if number == numbers[-1]:
                segment.open_active()
            else:
                segment.open_sealed()
        check_joints(self.segments)
        self._clip()

    @property
    def active(self) -> Segment:
        """The segment that is being written."""
        return self.segments[-1]

    def tails(self) -> dict[int, Tail]:
        """Returns where the log of each group ends."""
        active = self.active
        begins = active.bases | {group: start.tail for group, start in active.starts.items()}
        return begins | {group: span.tail for group, span in active.spans.items()}

    def base(self, group: int) -> Tail:
        """Returns the entry before the oldest one kept."""
        base = self.segments[0].bases.get(group, Tail(0, 0, 0))
        for segment in self.segments:
            start = segment.starts.get(group)
            if start is not None and (start.is_reset or start.tail.last < base.last):
                base = start.tail
        return base

    def first(self, group: int) -> int:
        """Returns the index of the oldest entry kept, one past the last if none is."""
        return self.base(group).last + 1

    def tail_at(self, group: int, index: int) -> Tail:
        """Returns what the group's log ends with if it ends with this entry.

        Raises:
            LogDamaged: it is not here.
        """
        base = self.base(group)
        if index == base.last:
            return base
        for segment in reversed(self.segments):
            span = segment.spans.get(group)
            if span is not None and span.first <= index <= span.tail.last:
                return segment.tail_at(group, index)
        raise LogDamaged(f"entry {index} of group {group} is not in the log; {MEND}")

    def write(self, rows: list[Row], starts: Mapping[int, Start] | None = None) -> None:
        """Adds rows to the active segment, behind the starts. Raises as `Segment.write`."""
        self.active.write(rows, starts)
        if starts:
            self._clip()

    def _clip(self) -> None:
        """Takes from each segment's spans what later segments have made void."""
        limits: dict[int, Tail] = {}
        for segment in reversed(self.segments):
            for group, limit in limits.items():
                span = segment.spans.get(group)
                if span is not None and limit.last < span.tail.last:
                    if limit.last < span.first:
                        del segment.spans[group]
                    else:
                        segment.spans[group] = Span(span.first, limit)
            for group, start in segment.starts.items():
                limit = start.tail if not start.is_reset else Tail(-1, 0, 0)
                limits[group] = min(limit, limits.get(group, limit))

    def read(self, group: int, first: int, last: int) -> Iterator[Row]:
        """Yields the rows first..last of a group in order.

        Raises:
            LogDamaged: one is missing or its checksum is wrong.
        """
        index = first
        for segment in list(self.segments):
            span = segment.spans.get(group)
            while span is not None and index <= min(last, span.tail.last):
                rows = segment.read(group, index, min(last, span.tail.last, index + READ_ROWS - 1))
                for row in rows:
                    if row[1] != index:
                        break
                    yield row
                    index += 1
                else:
                    if rows:
                        continue
                raise LogDamaged(f"entry {index} of group {group} is missing in {segment.path}; {MEND}")
        if index <= last:
            raise LogDamaged(f"entries {index} to {last} of group {group} are not in the log; {MEND}")

    @property
    def full(self) -> bool:
        """Tells whether the next entries should go into a new segment."""
        return self.active.bytes >= self._segment_bytes

    @property
    def sealing(self) -> bool:
        """Tells whether a segment that is no longer written still has a WAL."""
        return bool(self._unsealed)

    def roll(self) -> None:
        """Begins a new segment. Raises as `create_segment`; the old one then goes on."""
        while self._unsealed:
            self.seal_one()  # nobody does the upkeep
        before = self.active
        create_segment(self._directory, before.number + 1, self.tails(), self._files, self._vfs)
        segment = Segment(segment_path(self._directory, before.number + 1), self._vfs, self._synchronous)
        segment.open_active()
        self.segments.append(segment)
        self._unsealed.append(before)

    def seal_one(self) -> None:
        """Brings the WAL of one finished segment home. Raises as `Segment.checkpoint`."""
        self._unsealed[0].seal()
        self._unsealed.pop(0).open_sealed()
        self._clip()

    def drop(self, floors: Mapping[int, int]) -> int:
        """Deletes the oldest segments that hold no entry at or above its group's floor; returns how many.

        Raises:
            OSError: the disk failed.
        """
        dropped = 0
        while len(self.segments) > 1:
            oldest = self.segments[0]
            if any(span.tail.last >= floors.get(group, 0) for group, span in oldest.spans.items()):
                break
            oldest.close()
            remove_segment_files(oldest.path, self._files)
            self.segments.pop(0)
            if oldest in self._unsealed:
                self._unsealed.remove(oldest)
            dropped += 1
        return dropped

    def seal_all(self) -> None:
        """Brings every WAL home; afterwards only `close` is of use. Raises as `Segment.checkpoint`."""
        while self._unsealed:
            self.seal_one()
        self.active.seal()

    def close(self) -> None:
        """Closes every file and writes nothing more, as it must be after a failure."""
        for segment in self.segments:
            segment.close()


def segment_numbers(directory: Path) -> list[int]:
    """Returns the numbers of the segments in a directory, in order."""
    return sorted(segment_number(path) for path in directory.glob("log-*.db") if _NAME.fullmatch(path.name))


def check_joints(segments: list[Segment]) -> None:
    """Compares where each segment begins with where the one before it ends.

    Raises:
        LogDamaged: a segment or entries are missing, or there twice.
    """
    tails = segments[0].bases
    number = segments[0].number
    for segment in segments:
        if segment.number != number:
            raise LogDamaged(f"{segment_path(segment.path.parent, number)} is missing; {MEND}")
        for group in sorted(tails.keys() | segment.bases.keys()):
            ends, begins = tails.get(group), segment.bases.get(group)
            if ends != begins:
                raise LogDamaged(
                    f"{segment.path} begins behind entry {begins and begins.last} of group {group}, "
                    f"but the segment before it ends at {ends and ends.last}; {MEND}"
                )
        tails = dict(segment.bases)
        for group, start in segment.starts.items():
            _check_start(segments, segment, group, start)
            tails[group] = start.tail
        for group, span in segment.spans.items():
            base = tails.get(group)
            expected = 1 if base is None else base.last + 1
            if span.first != expected:
                raise LogDamaged(
                    f"{segment.path} begins with entry {span.first} of group {group}, not with {expected}; {MEND}"
                )
            tails[group] = span.tail
        number += 1


def _check_start(segments: list[Segment], segment: Segment, group: int, start: Start) -> None:
    """Compares the entry behind which a group's log goes on with that entry, if an earlier segment still holds it."""
    if start.is_reset:
        return
    base = segment.bases.get(group, Tail(0, 0, 0))
    held: Tail | None = None
    for earlier in segments:
        if earlier is segment:
            break
        if group in earlier.starts and earlier.starts[group].is_reset:
            held = None
        span = earlier.spans.get(group)
        if span is not None and span.first <= start.tail.last <= span.tail.last:
            held = earlier.tail_at(group, start.tail.last)
    if start.tail.last >= base.last or (held is not None and held != start.tail):
        raise LogDamaged(
            f"{segment.path} goes on behind entry {start.tail.last} of group {group}, which is not the one that "
            f"earlier segments hold; {MEND}"
        )
