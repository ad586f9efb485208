"""One suite for every engine behind the log's seam."""

import random
import shutil
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mainspring.actors.log import LogDamaged, Record, ReplicatedLog
from mainspring.chaos.memory_log import MemoryLog
from mainspring.nodes.storage.log.local_log import LocalLog


class Engine(Protocol):
    """An engine under test, with its disk."""

    log: ReplicatedLog

    def reopen(self) -> None:
        """Closes the log and opens it again."""

    def crash(self) -> None:
        """Kills the process that holds the log and starts another one."""

    def end(self) -> None:
        """Gives everything back."""


class LocalEngine:
    """`LocalLog` with segments of a few entries."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._life = 0
        self._now_ns = 0
        self._open()

    def _open(self) -> None:
        self.log = LocalLog(self._path(), segment_bytes=24_000, elapsed_ns=self._elapsed_ns)

    def _path(self) -> Path:
        return self._directory / str(self._life)

    def _elapsed_ns(self) -> int:
        self._now_ns += 30_000_000
        return self._now_ns

    def reopen(self) -> None:
        """Closes the log and opens it again."""
        self.log.close()
        self._open()

    def crash(self) -> None:
        """What the kernel has at a kill is what the next process finds: a copy of the files as they stand."""
        before, self._life = self._path(), self._life + 1
        shutil.copytree(before, self._path())
        self.log.close()
        shutil.rmtree(before)
        self._open()

    def end(self) -> None:
        """Gives everything back."""
        self.log.close()
        shutil.rmtree(self._directory)


class MemoryEngine:
    """`MemoryLog` with segments of a few entries."""

    def __init__(self, directory: Path) -> None:
        self.log = MemoryLog(segment_entries=3)

    def reopen(self) -> None:
        """Closes the log and opens it again."""
        self.log.close()
        self.log.reopen()

    def crash(self) -> None:
        """Loses what was not synced."""
        self.log.crash()

    def end(self) -> None:
        """Nothing to give back."""


ENGINES = [LocalEngine, MemoryEngine]


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


GROUPS = st.integers(1, 3)


class LogMachine(RuleBasedStateMachine):
    """Any order of calls, compared with lists."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.durable: dict[int, list[bytes]] = {1: [], 2: [], 3: []}
        self.waiting: list[tuple[int, bytes]] = []
        self.epochs: dict[int, list[int]] = {1: [], 2: [], 3: []}
        self.writers: set[int] = set()
        self.floors = {1: 1, 2: 1, 3: 1}

    @rule(group=GROUPS)
    def campaign(self, group: int) -> None:
        """Every epoch is above those before."""
        epoch = self.engine.log.campaign(group)
        assert all(epoch > before for before in self.epochs[group])
        self.epochs[group].append(epoch)
        self.writers.add(group)

    @precondition(lambda self: self.writers)
    @rule(data=st.data(), size=st.sampled_from([0, 1, 200, 5_000, 9_000]))
    def append(self, data: st.DataObject, size: int) -> None:
        """An append gets the next index."""
        group = data.draw(st.sampled_from(sorted(self.writers)))
        blob = (b"%d/%d/" % (group, len(self.waiting))).ljust(size, b"x")
        self.waiting.append((group, blob))
        expected = len(self.durable[group]) + sum(1 for other, _ in self.waiting if other == group)
        assert self.engine.log.append(group, blob) == expected

    @rule()
    def sync(self) -> None:
        """All that waits becomes durable."""
        self.engine.log.sync()
        for group, blob in self.waiting:
            self.durable[group].append(blob)
        self.waiting = []

    @rule(group=GROUPS, share=st.floats(0, 1))
    def truncate(self, group: int, share: float) -> None:
        """Lets a first part go."""
        below = 1 + int(share * len(self.durable[group]))
        self.floors[group] = max(self.floors[group], below)
        self.engine.log.truncate(group, below)

    @rule(crash=st.booleans())
    def restart(self, crash: bool) -> None:
        """Forgets what waits and who wrote."""
        if crash:
            self.engine.crash()
        else:
            self.engine.reopen()
        self.waiting = []
        self.writers = set()

    @invariant()
    def agrees(self) -> None:
        """Indexes and entries are those of the lists; nothing at or above a floor is gone."""
        log = self.engine.log
        for group, durable in self.durable.items():
            expected = durable + [blob for other, blob in self.waiting if other == group]
            first = log.first_index(group)
            assert log.committed(group) == len(durable)
            assert log.last_index(group) == len(expected)
            assert first <= self.floors[group]
            assert [record.blob for record in log.read(group, first, len(expected))] == expected[first - 1 :]

    def teardown(self) -> None:
        """Ends the engine."""
        self.engine.end()


class MemoryLogMachine(LogMachine):
    """The twin in memory."""

    def __init__(self) -> None:
        super().__init__(MemoryEngine(Path()))


class LocalLogMachine(LogMachine):
    """The log on disk."""

    lives = 0
    root: Path

    def __init__(self) -> None:
        LocalLogMachine.lives += 1
        super().__init__(LocalEngine(self.root / str(LocalLogMachine.lives)))


def test_memory_log_equals_a_list():
    """No order of calls makes the twin differ from plain lists."""
    run(MemoryLogMachine, examples=60, steps=40)


def test_local_log_equals_a_list(tmp_path: Path):
    """No order of calls, restarts and crashes makes the log on disk differ from plain lists."""
    LocalLogMachine.root = tmp_path
    run(LocalLogMachine, examples=15, steps=30)


def run(machine: type[RuleBasedStateMachine], *, examples: int, steps: int) -> None:
    """Runs a state machine as one test."""
    case = machine.TestCase()
    case.settings = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    case.runTest()


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
    """A crash leaves the durable entries and some first part of the others, over the seeds every one of
    them.
    """
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
