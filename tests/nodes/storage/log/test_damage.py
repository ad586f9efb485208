"""Files that cannot be trusted: a log says so and never gives other entries than it took."""

import random
import shutil
from pathlib import Path

import apsw
import pytest
from local_logs import Clock, fill, killed

from mainspring.actors.log import LogDamaged
from mainspring.nodes.storage.log.errors import LogFailed
from mainspring.nodes.storage.log.local_log import LocalLog


def test_a_log_that_ends_too_early_is_damage(tmp_path: Path):
    """SQLite drops a spoilt end of its WAL silently; the side file says which entries were lost."""
    log = LocalLog(tmp_path / "a")
    fill(log, 1, 3)
    fill(log, 2, 2)
    short = killed(tmp_path / "a", tmp_path / "short")
    fill(log, 2, 3)
    log.close()
    shutil.copy(tmp_path / "a" / "synced", short / "synced")
    with pytest.raises(LogDamaged, match=r"group 2 .* ends at entry 2, but entries 3 to 5 had been acknowledged"):
        LocalLog(short)
    with pytest.raises(LogDamaged, match="move the file 'synced' out of the directory"):
        LocalLog(short)
    (short / "synced").unlink()
    log = LocalLog(short)
    assert [log.last_index(group) for group in (1, 2)] == [3, 2]
    log.close()


def test_another_entry_under_the_same_index_is_damage(tmp_path: Path):
    """A log that is as long as it should be and ends otherwise is from elsewhere."""
    for name in ("a", "b"):
        log = LocalLog(tmp_path / name)
        log.campaign(1)
        log.append(1, name.encode())
        log.sync()
        log.close()
    shutil.copy(tmp_path / "a" / "synced", tmp_path / "b" / "synced")
    with pytest.raises(LogDamaged, match=r"entry 1 of group 1 .* is not the one"):
        LocalLog(tmp_path / "b")


def test_a_spoilt_wal_is_noticed(tmp_path: Path):
    """Any flipped byte in the WAL of a killed log is either harmless or damage, never a shorter log."""
    clock = Clock()
    log = LocalLog(tmp_path / "a", elapsed_ns=clock)
    fill(log, 1, 6)
    clock.advance(100)
    log.maintain()
    entries = list(log.read(1, 1, 6))
    wal = (tmp_path / "a" / "log-00000001.db-wal").read_bytes()
    draw = random.Random(3)
    outcomes = {"damaged": 0, "harmless": 0}
    for number in range(20):
        copy = killed(tmp_path / "a", tmp_path / f"flip-{number}")
        spoilt = bytearray(wal)
        spoilt[draw.randrange(len(wal))] ^= 1 << draw.randrange(8)
        (copy / "log-00000001.db-wal").write_bytes(spoilt)
        outcomes[outcome(copy, entries)] += 1
    log.close()
    assert outcomes["damaged"] > 0


@pytest.mark.parametrize("active", [True, False])
def test_a_flipped_byte_is_never_another_entry(tmp_path: Path, active: bool):
    """Any flipped byte in a closed segment is either harmless or damage, at the start or when it is read."""
    log = LocalLog(tmp_path / "a", segment_bytes=4_000_000 if active else 20_000)
    fill(log, 1, 12, size=6_000)
    entries = list(log.read(1, 1, 12))
    log.close()
    segment = (tmp_path / "a" / "log-00000001.db").read_bytes()
    draw = random.Random(4)
    outcomes = {"damaged": 0, "harmless": 0}
    for number in range(25):
        copy = killed(tmp_path / "a", tmp_path / f"flip-{number}")
        spoilt = bytearray(segment)
        spoilt[draw.randrange(len(spoilt))] ^= 1 << draw.randrange(8)
        (copy / "log-00000001.db").write_bytes(spoilt)
        outcomes[outcome(copy, entries)] += 1
    assert outcomes["damaged"] > 10


def outcome(directory: Path, entries: list[object]) -> str:
    """Reads what is in a directory: damaged, or the very entries."""
    try:
        log = LocalLog(directory)
    except LogDamaged:
        return "damaged"
    try:
        assert list(log.read(1, 1, log.last_index(1))) == entries
    except LogDamaged:
        return "damaged"
    finally:
        log.close()
    return "harmless"


@pytest.mark.parametrize("name", ["hard_state", "log-00000002.db", "log-00000003.db"])
def test_a_missing_file_is_damage(tmp_path: Path, name: str):
    """No file of the log can be taken away unnoticed."""
    log = LocalLog(tmp_path, segment_bytes=40_000)
    fill(log, 1, 50)
    log.close()
    (tmp_path / name).unlink()
    with pytest.raises(LogDamaged):
        LocalLog(tmp_path)


def test_a_missing_first_segment_is_damage_to_whoever_needs_it(tmp_path: Path):
    """The oldest segment may have been dropped by right; only a reader can know that it needed it."""
    log = LocalLog(tmp_path, segment_bytes=40_000)
    fill(log, 1, 50)
    log.close()
    (tmp_path / "log-00000001.db").unlink()
    log = LocalLog(tmp_path)
    assert log.first_index(1) > 1
    with pytest.raises(LogDamaged, match="restore the shard from a backup"):
        log.read(1, 1, 50)
    log.close()


def test_losing_every_segment_is_damage(tmp_path: Path):
    """A directory that knows of epochs and has no segment is not a new one."""
    log = LocalLog(tmp_path)
    log.campaign(1)
    log.close()
    (tmp_path / "log-00000001.db").unlink()
    with pytest.raises(LogDamaged, match="lost all segments"):
        LocalLog(tmp_path)


def test_a_spoilt_epoch_file_falls_back_on_what_the_entries_say(tmp_path: Path):
    """When the newer slot of `hard_state` is unreadable, no epoch that was used is given again."""
    log = LocalLog(tmp_path)
    for _ in range(4):
        fill(log, 1, 1)
    log.close()
    image = bytearray((tmp_path / "hard_state").read_bytes())
    image[100:110] = b"x" * 10
    image[30] ^= 1
    (tmp_path / "hard_state").write_bytes(image)
    log = LocalLog(tmp_path)
    assert log.campaign(1) == 5
    log.close()


def test_two_spoilt_slots_are_damage(tmp_path: Path):
    """If no epoch can be read, none may be given."""
    LocalLog(tmp_path).close()
    (tmp_path / "hard_state").write_bytes(bytes(8192))
    with pytest.raises(LogDamaged, match="neither of its two slots"):
        LocalLog(tmp_path)


def test_a_later_format_is_refused(tmp_path: Path):
    """Files of a later version are left alone, with the mend named."""
    LocalLog(tmp_path).close()
    database = apsw.Connection(str(tmp_path / "log-00000001.db"))
    database.execute("PRAGMA user_version = 3")
    database.close()
    with pytest.raises(LogFailed, match="upgrade mainspring"):
        LocalLog(tmp_path)
