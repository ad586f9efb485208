"""One suite for every engine behind the log's seam."""

import random
from pathlib import Path

import pytest
from log_engines import ENGINES, Engine

from mainspring.actors.log import LogDamaged, Record, ReplicatedLog
from mainspring.chaos.memory_log import MemoryLog


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path):
    """One engine after the other, empty."""
    engine = request.param(tmp_path / "log")
    yield engine
    engine.end()


def grow(log: ReplicatedLog, group: int, *blobs: bytes) -> None:
    """Appends and syncs."""
    for blob in blobs:
        log.append(group, blob)
    log.sync()


def all_blobs(log: ReplicatedLog, group: int) -> list[bytes]:
    """Everything that is kept of a group."""
    return [record.blob for record in log.read(group, log.first_index(group), log.last_index(group))]


def test_an_empty_log_begins_at_one(engine: Engine):
    """A group that nobody wrote to has no entries, and its first one will be entry 1."""
    assert engine.log.last_index(7) == 0
    assert engine.log.first_index(7) == 1
    assert engine.log.committed(7) == 0
    assert list(engine.log.read(7, 1, 0)) == []


def test_indexes_count_up_without_gaps(engine: Engine):
    """Appends return 1, 2, 3, ..., whatever is synced in between."""
    engine.log.campaign(1)
    assert [engine.log.append(1, b"a"), engine.log.append(1, b"b")] == [1, 2]
    engine.log.sync()
    assert engine.log.append(1, b"c") == 3
    assert engine.log.last_index(1) == 3


def test_only_a_sync_commits(engine: Engine):
    """An entry is not committed before the sync, and is after it: with a quorum of one they are the same."""
    engine.log.campaign(1)
    engine.log.append(1, b"a")
    assert engine.log.committed(1) == 0
    engine.log.sync()
    assert engine.log.committed(1) == 1


def test_a_sync_of_nothing_is_nothing(engine: Engine):
    """Sync may be called when nothing waits."""
    engine.log.sync()
    engine.log.campaign(1)
    engine.log.sync()
    assert engine.log.last_index(1) == 0


def test_read_gives_what_was_appended(engine: Engine):
    """Entries come back in order, with index, epoch and bytes, those not yet synced among them."""
    epoch = engine.log.campaign(1)
    grow(engine.log, 1, b"", b"b" * 10_000, b"\x00\xff")
    engine.log.append(1, b"late")
    expected = [
        Record(1, epoch, b""),
        Record(2, epoch, b"b" * 10_000),
        Record(3, epoch, b"\x00\xff"),
        Record(4, epoch, b"late"),
    ]
    assert list(engine.log.read(1, 1, 4)) == expected
    assert list(engine.log.read(1, 2, 3)) == expected[1:3]
    assert list(engine.log.read(1, 4, 4)) == expected[3:]


def test_reading_what_is_not_there_is_damage(engine: Engine):
    """Who needs an entry that the log does not have must not go on without it."""
    engine.log.campaign(1)
    grow(engine.log, 1, b"a")
    with pytest.raises(LogDamaged, match="entries 1 to 2 of group 1"):
        list(engine.log.read(1, 1, 2))


def test_synced_entries_survive_a_reopen(engine: Engine):
    """What was synced is there after a restart, and the log goes on behind it."""
    first = engine.log.campaign(1)
    grow(engine.log, 1, b"a", b"b")
    engine.reopen()
    assert all_blobs(engine.log, 1) == [b"a", b"b"]
    assert engine.log.committed(1) == 2
    second = engine.log.campaign(1)
    grow(engine.log, 1, b"c")
    assert [record.epoch for record in engine.log.read(1, 1, 3)] == [first, first, second]


@pytest.mark.parametrize("how", ["reopen", "crash"])
def test_unsynced_entries_do_not_survive(engine: Engine, how: str):
    """What was only appended is gone after a restart, and its indexes are given again."""
    engine.log.campaign(1)
    grow(engine.log, 1, b"a")
    engine.log.append(1, b"lost")
    getattr(engine, how)()
    assert all_blobs(engine.log, 1) == [b"a"]
    engine.log.campaign(1)
    assert engine.log.append(1, b"b") == 2


def test_epochs_grow_over_restarts(engine: Engine):
    """No epoch is given twice, whether or not anything was written in it."""
    epochs = [engine.log.campaign(1), engine.log.campaign(1)]
    engine.reopen()
    epochs.append(engine.log.campaign(1))
    engine.crash()
    epochs.append(engine.log.campaign(1))
    assert epochs[0] > 0
    assert epochs == sorted(set(epochs))
    assert engine.log.campaign(2) > 0


def test_appending_needs_a_campaign(engine: Engine):
    """Nobody writes without an epoch of his own, not even after a restart."""
    engine.log.campaign(1)
    engine.reopen()
    with pytest.raises(AssertionError, match="campaign"):
        engine.log.append(1, b"a")


def test_groups_are_apart(engine: Engine):
    """Entries of several groups share a sync and nothing else."""
    for group in (1, 2, 40):
        engine.log.campaign(group)
    for turn in range(20):
        engine.log.append(1, b"one %d" % turn)
        engine.log.append(40, b"forty %d" % turn)
        if turn % 3 == 0:
            engine.log.append(2, b"two %d" % turn)
        engine.log.sync()
    engine.crash()
    assert all_blobs(engine.log, 1) == [b"one %d" % turn for turn in range(20)]
    assert all_blobs(engine.log, 2) == [b"two %d" % turn for turn in range(0, 20, 3)]
    assert all_blobs(engine.log, 40) == [b"forty %d" % turn for turn in range(20)]


def test_truncation_drops_only_what_is_allowed(engine: Engine):
    """Segments go once every group has let go of them; what is kept can be read, now and after a restart."""
    for group in (1, 2):
        engine.log.campaign(group)
    for turn in range(30):
        engine.log.append(1, bytes([turn]) * 3_000)
        engine.log.append(2, bytes([turn]) * 3_000)
        engine.log.sync()
    engine.log.truncate(1, 25)
    assert engine.log.first_index(1) == 1, "group 2 still needs all of it"
    engine.log.truncate(2, 20)
    kept = [engine.log.first_index(group) for group in (1, 2)]
    assert 1 < kept[0] <= 25
    assert 1 < kept[1] <= 20
    engine.crash()
    assert [engine.log.first_index(group) for group in (1, 2)] == kept
    assert all_blobs(engine.log, 1) == [bytes([turn]) * 3_000 for turn in range(kept[0] - 1, 30)]
    with pytest.raises(LogDamaged):
        list(engine.log.read(1, kept[0] - 1, 30))


def test_a_group_goes_on_counting_when_all_its_entries_are_gone(engine: Engine):
    """Truncation never gives an index back, not even when no entry of the group is left."""
    engine.log.campaign(1)
    engine.log.campaign(2)
    grow(engine.log, 1, b"a", b"b")
    for _ in range(30):
        grow(engine.log, 2, b"x" * 6_000)
    engine.log.truncate(1, 3)
    engine.log.truncate(2, 31)
    engine.crash()
    assert engine.log.first_index(1) == 3
    assert engine.log.last_index(1) == 2
    assert engine.log.committed(1) == 2
    engine.log.campaign(1)
    assert engine.log.append(1, b"c") == 3


def test_truncation_cannot_pass_what_is_durable(engine: Engine):
    """An entry that waits for its sync cannot have been used by anybody."""
    engine.log.campaign(1)
    grow(engine.log, 1, b"a")
    engine.log.append(1, b"b")
    engine.log.truncate(1, 2)
    with pytest.raises(AssertionError):
        engine.log.truncate(1, 3)


def test_the_twin_holds_commits_back():
    """While commits are held, `committed` moves only by command and never beyond what is synced."""
    log = MemoryLog()
    log.campaign(1)
    grow(log, 1, b"a")
    log.hold_commits()
    grow(log, 1, b"b", b"c")
    assert log.committed(1) == 1
    log.commit_up_to(1, 2)
    assert log.committed(1) == 2
    log.commit_up_to(1, 9)
    assert log.committed(1) == 3
    log.append(1, b"d")
    assert log.committed(1) == 3
    log.sync()
    log.release_commits()
    assert log.committed(1) == 4


def test_the_twin_may_keep_a_first_part_of_what_was_not_synced():
    """A crash leaves the durable entries and some first part of the others; over the seeds, each of them."""
    kept: set[int] = set()
    for seed in range(40):
        log = MemoryLog()
        log.campaign(1)
        grow(log, 1, b"a")
        for blob in (b"b", b"c"):
            log.append(1, blob)
        log.crash(random.Random(seed))
        assert all_blobs(log, 1) == [b"a", b"b", b"c"][: log.last_index(1)]
        kept.add(log.last_index(1))
    assert kept == {1, 2, 3}
