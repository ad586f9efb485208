"""How segments follow each other, go, and survive a kill at any point of it."""

import random
from pathlib import Path

import apsw
import pytest

from mainspring.actors.log import LogDamaged
from mainspring.chaos.disk.disk import Disk, Event, Loss
from mainspring.chaos.disk.plain_files import DiskFiles
from mainspring.chaos.disk.vfs import DiskVfs
from mainspring.nodes.storage.log.files import OsFiles
from mainspring.nodes.storage.log.local_log import LocalLog
from mainspring.nodes.storage.log.segment import Segment, Tail, create_segment, make_row, segment_path
from mainspring.nodes.storage.log.segment_chain import check_joints


def segments(directory: Path) -> list[str]:
    """Names of the segment files."""
    return sorted(path.name for path in directory.glob("log-*"))


def commit(log: LocalLog, count: int, group: int = 1) -> None:
    """Commits entries of 5 000 bytes one by one."""
    for _ in range(count):
        log.append(group, b"x" * 5_000)
        log.sync()


def test_a_segment_is_followed_when_it_is_full(tmp_path: Path):
    """A segment takes no more once it has its size; the next one begins with the next commit."""
    log = LocalLog(tmp_path, segment_bytes=60_000)
    log.campaign(1)
    commit(log, 40)
    assert [name for name in segments(tmp_path) if name.endswith(".db")] == [
        f"log-{number:08d}.db" for number in range(1, 5)
    ]
    assert len(list(log.read(1, 1, 40))) == 40
    log.close()


def test_upkeep_seals_what_is_full(tmp_path: Path):
    """A finished segment is a lone file: its WAL has gone home and nothing writes to it."""
    log = LocalLog(tmp_path, segment_bytes=60_000)
    log.campaign(1)
    commit(log, 40)
    for _ in range(5):
        log.maintain()
    assert segments(tmp_path) == [
        "log-00000001.db",
        "log-00000002.db",
        "log-00000003.db",
        "log-00000004.db",
        "log-00000004.db-wal",
    ]
    before = (tmp_path / "log-00000001.db").read_bytes()
    assert len(list(log.read(1, 1, 40))) == 40
    commit(log, 1)
    assert (tmp_path / "log-00000001.db").read_bytes() == before
    log.close()


def test_segments_that_nobody_needs_are_deleted(tmp_path: Path):
    """Truncation deletes the files, and never the segment that is being written."""
    log = LocalLog(tmp_path, segment_bytes=60_000)
    log.campaign(1)
    commit(log, 40)
    log.truncate(1, 15)
    assert segments(tmp_path)[0] == "log-00000002.db"
    log.truncate(1, 41)
    assert segments(tmp_path) == ["log-00000004.db", "log-00000004.db-wal"]
    commit(log, 1)
    assert log.last_index(1) == 41
    log.close()


def test_a_quiet_group_holds_its_segment_and_no_other(tmp_path: Path):
    """An entry that somebody may still need keeps its segment and all later ones, whoever fills those."""
    log = LocalLog(tmp_path, segment_bytes=60_000)
    for group in (1, 2):
        log.campaign(group)
    commit(log, 12)
    commit(log, 1, group=2)
    commit(log, 20)
    log.truncate(1, 33)
    assert segments(tmp_path)[0] == "log-00000002.db"
    assert [record.blob for record in log.read(2, 1, 1)] == [b"x" * 5_000]
    log.truncate(2, 2)
    assert len(segments(tmp_path)) == 2
    log.close()


def test_a_kill_anywhere_in_roll_seal_and_drop_is_harmless(tmp_path: Path):
    """Whatever files a kill leaves between two calls to the system, the next start finds every entry."""
    directory = tmp_path / "disk"
    directory.mkdir()
    disk = Disk(directory)
    vfs = DiskVfs(disk)
    log = LocalLog(
        directory, segment_bytes=60_000, ballast_bytes=0, vfs=vfs.name, files=DiskFiles(disk), synchronous="off"
    )
    log.campaign(1)
    commit(log, 12)
    assert log.first_index(1) == 1
    cuts: list[tuple[str, int, int]] = []

    def cut(event: Event) -> None:
        disk.power_loss(tmp_path / f"cut-{len(cuts)}", Loss.NOTHING, random.Random(0))
        cuts.append((event.kind, log.committed(1), floor))

    floor = 1
    disk.on_event = cut
    commit(log, 1)
    log.maintain()
    commit(log, 12)
    floor = 14
    log.truncate(1, floor)
    disk.on_event = None
    assert log.first_index(1) > 1
    log.close()
    vfs.close()
    assert {"create", "rename", "remove", "truncate"} <= {kind for kind, _, _ in cuts}
    for number, (_, committed, floor) in enumerate(cuts):
        log = LocalLog(tmp_path / f"cut-{number}", ballast_bytes=0, synchronous="off")
        assert log.first_index(1) <= floor
        assert log.last_index(1) >= committed
        assert len(list(log.read(1, log.first_index(1), committed))) > 0
        assert not list((tmp_path / f"cut-{number}").glob("segment.new*"))
        log.close()


def chain(directory: Path, *contents: tuple[dict[int, Tail], list[tuple[int, int]]]) -> list[Segment]:
    """Makes segments by hand, each from its bases and its (group, index) rows."""
    found: list[Segment] = []
    for number, (bases, rows) in enumerate(contents, 1):
        create_segment(directory, number, bases, OsFiles(), None)
        segment = Segment(segment_path(directory, number), None, "off")
        segment.open_active()
        segment.write([make_row(group, index, 1, b"x") for group, index in rows])
        segment.close()
        segment.open_active()
        found.append(segment)
    return found


def tail(group: int, index: int) -> Tail:
    """The tail that a row made above leaves."""
    return Tail(index, 1, make_row(group, index, 1, b"x")[4])


@pytest.mark.parametrize(
    ("bases", "rows", "text"),
    [
        ({1: tail(1, 2)}, [(1, 4)], "begins with entry 4 of group 1, not with 3"),
        ({1: tail(1, 2)}, [(1, 2), (1, 3)], "begins with entry 2 of group 1, not with 3"),
        ({1: tail(1, 3)}, [(1, 4)], "begins behind entry 3 of group 1, but the segment before it ends at 2"),
        ({}, [(1, 1)], "begins behind entry None of group 1"),
        ({1: tail(1, 2)}, [(2, 2)], "begins with entry 2 of group 2, not with 1"),
    ],
)
def test_joints_without_gap_or_overlap(tmp_path: Path, bases: dict[int, Tail], rows: list[tuple[int, int]], text: str):
    """A segment begins where the one before it ends, in every group."""
    found = chain(tmp_path, ({}, [(1, 1), (1, 2)]), (bases, rows))
    with pytest.raises(LogDamaged, match=text):
        check_joints(found)
    for segment in found:
        segment.close()


def test_good_joints_pass(tmp_path: Path):
    """Groups may come, pause and go on."""
    found = chain(
        tmp_path,
        ({}, [(1, 1), (2, 1), (1, 2)]),
        ({1: tail(1, 2), 2: tail(2, 1)}, [(1, 3)]),
        ({1: tail(1, 3), 2: tail(2, 1)}, [(2, 2), (3, 1)]),
    )
    check_joints(found)
    for segment in found:
        segment.close()


def test_a_gap_inside_a_segment_is_damage(tmp_path: Path):
    """A row that somebody deleted is missed at the start."""
    (segment,) = chain(tmp_path, ({}, [(1, 1), (1, 2), (1, 3)]))
    segment.close()
    database = apsw.Connection(str(segment.path))
    database.execute("DELETE FROM log WHERE idx = 2")
    database.close()
    with pytest.raises(LogDamaged, match="holds 2 entries of group 1 where 1 to 3 should be"):
        segment.open_active()
    segment.close()


def test_an_index_cannot_be_written_twice(tmp_path: Path):
    """The key refuses a second entry under one index, and the commit leaves no trace."""
    (segment,) = chain(tmp_path, ({}, [(1, 1)]))
    with pytest.raises(apsw.ConstraintError):
        segment.write([make_row(1, 2, 1, b"y"), make_row(1, 1, 1, b"y")])
    assert [row[1] for row in segment.read(1, 1, 9)] == [1]
    segment.close()


@pytest.mark.parametrize(
    "change", ["grp = 2", "idx = 7", "term = 9", "blob = x'00'", "crc = crc + 1", "blob = 'text'", "crc = 'x'"]
)
def test_the_checksum_covers_every_column(tmp_path: Path, change: str):
    """No column of a row can be changed unnoticed."""
    (segment,) = chain(tmp_path, ({}, [(1, 1)]))
    segment.close()
    database = apsw.Connection(str(segment.path))
    database.execute(f"UPDATE log SET {change}")
    database.close()
    with pytest.raises(LogDamaged):
        open_and_verify(segment)
    segment.close()


def open_and_verify(segment: Segment) -> None:
    """What a start does with the last segment."""
    segment.open_active()
    segment.verify()
