"""One suite for every store of entries under an engine with members."""

import random
from pathlib import Path
from typing import Any

import pytest
from entry_stores import STANDS, Stand, kept, numbered, put
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mainspring.actors.log import LogDamaged
from mainspring.chaos.memory_log import MemoryLog


@pytest.fixture(params=STANDS)
def stand(request: pytest.FixtureRequest, tmp_path: Path):
    """One store after the other, empty."""
    stand = request.param(tmp_path / "log")
    yield stand
    stand.end()


def test_a_new_store_knows_nothing(stand: Stand) -> None:
    """A group that nobody wrote to begins behind entry 0 of epoch 0."""
    store = stand.store
    assert (store.state(3), store.epoch(3), store.base(3), store.last_index(3)) == (b"", 0, (0, 0), 0)
    assert (store.epochs(3), store.synced(3), store.acknowledged(3)) == ([], 0, 0)
    store.sync()


def test_entries_bring_their_epochs(stand: Stand) -> None:
    """An entry may have any epoch from the last one's on; runs of one epoch are known, before and after a sync."""
    put(stand.store, 1, (1, b"a"), (1, b"b"), (4, b"c"))
    assert stand.store.epochs(1) == [(1, 1), (3, 4)]
    stand.store.sync()
    put(stand.store, 1, (4, b"d"), (9, b"e"))
    assert stand.store.epochs(1) == [(1, 1), (3, 4), (5, 9)]
    assert (stand.store.epoch(1), stand.store.synced(1), stand.store.last_index(1)) == (9, 3, 5)
    stand.crash()
    assert stand.store.epochs(1) == [(1, 1), (3, 4)]
    assert stand.store.epoch(1) == 4
    assert kept(stand.store, 1) == [(1, 1, b"a"), (2, 1, b"b"), (3, 4, b"c")]
    with pytest.raises(AssertionError, match="epochs only grow"):
        stand.store.put(1, 3, b"")


def test_a_cut_takes_what_waits(stand: Stand) -> None:
    """Entries that no sync has seen just vanish."""
    put(stand.store, 1, (1, b"a"))
    stand.store.sync()
    put(stand.store, 1, (1, b"b"), (2, b"c"))
    put(stand.store, 2, (1, b"other"))
    stand.store.cut(1, 2)
    assert (stand.store.last_index(1), stand.store.synced(1), stand.store.epochs(1)) == (1, 1, [(1, 1)])
    put(stand.store, 1, (3, b"d"))
    stand.store.sync()
    stand.crash()
    assert kept(stand.store, 1) == [(1, 1, b"a"), (2, 3, b"d")]
    assert kept(stand.store, 2) == [(1, 1, b"other")]


def test_a_cut_of_durable_entries_waits_for_its_sync(stand: Stand) -> None:
    """It is seen at once, and a crash before the sync brings the entries back."""
    put(stand.store, 1, (1, b"a"), (1, b"b"), (2, b"c"))
    stand.store.sync()
    stand.store.cut(1, 2)
    put(stand.store, 1, (5, b"d"))
    assert kept(stand.store, 1) == [(1, 1, b"a"), (2, 5, b"d")]
    assert (stand.store.synced(1), stand.store.epochs(1), stand.store.epoch(1)) == (1, [(1, 1), (2, 5)], 5)
    stand.crash()
    assert kept(stand.store, 1) == [(1, 1, b"a"), (2, 1, b"b"), (3, 2, b"c")]
    stand.store.cut(1, 2)
    put(stand.store, 1, (5, b"d"))
    stand.store.sync()
    stand.crash()
    assert kept(stand.store, 1) == [(1, 1, b"a"), (2, 5, b"d")]
    assert stand.store.acknowledged(1) == 0


def test_a_cut_alone_is_made_durable(stand: Stand) -> None:
    """Nothing has to follow it."""
    put(stand.store, 1, (1, b"a"), (1, b"b"))
    stand.store.sync()
    stand.store.cut(1, 1)
    stand.store.cut(1, 1)
    stand.store.sync()
    stand.crash()
    assert (stand.store.last_index(1), stand.store.base(1), stand.store.acknowledged(1)) == (0, (0, 0), 0)
    assert stand.store.put(1, 1, b"again") == 1


def test_a_cut_reaches_over_segments(stand: Stand) -> None:
    """What earlier segments hold behind the cut is void, also after later cuts, restarts and truncations."""
    store = stand.store
    numbered(store, 2, 1, 3)
    numbered(store, 1, 1, 30)
    store.cut(1, 12)
    store.sync()
    assert store.last_index(1) == 11
    stand.crash()
    assert stand.store.last_index(1) == 11
    numbered(stand.store, 1, 2, 25)
    assert [epoch for _, epoch, _ in kept(stand.store, 1)] == [1] * 11 + [2] * 25
    stand.store.cut(1, 20)
    numbered(stand.store, 1, 3, 15)
    stand.store.cut(1, 8)
    numbered(stand.store, 1, 4, 3)
    expected = [(1, 1)] * 7 + [(8, 4)] * 3
    for _ in range(3):
        found = kept(stand.store, 1)
        assert [epoch for _, epoch, _ in found] == [epoch for _, epoch in expected]
        assert [blob.split()[0] for *_, blob in found] == [
            b"1/%d/%d" % (epoch, index) for index, (_, epoch) in enumerate(expected, 1)
        ]
        assert stand.store.epochs(1) == [(1, 1), (8, 4)]
        stand.reopen()
    assert kept(stand.store, 2)[0][0] == 1
    stand.store.truncate(2, 4)
    stand.store.truncate(1, 10)
    stand.crash()
    assert stand.store.base(1)[0] <= 9
    assert stand.store.last_index(1) == 10
    assert stand.store.acknowledged(1) == 0


def test_what_is_void_stays_void_when_its_segment_is_finished(stand: Stand) -> None:
    """Upkeep of a segment that a cut reached back into brings nothing back."""
    numbered(stand.store, 1, 1, 30)
    stand.store.cut(1, 12)
    numbered(stand.store, 1, 2, 25)
    assert [epoch for _, epoch, _ in kept(stand.store, 1)] == [1] * 11 + [2] * 25


def test_a_reset_begins_behind_a_snapshot(stand: Stand) -> None:
    """It is durable when it returns; other groups keep what they have, what waits included."""
    numbered(stand.store, 1, 1, 20)
    numbered(stand.store, 2, 1, 4)
    put(stand.store, 1, (2, b"waits"))
    put(stand.store, 2, (2, b"waits too"))
    stand.store.save_state(1, b"members")
    stand.store.reset(1, 500, 7)
    assert (stand.store.base(1), stand.store.last_index(1), stand.store.synced(1)) == ((500, 7), 500, 500)
    assert (stand.store.epochs(1), stand.store.epoch(1), kept(stand.store, 1)) == ([], 7, [])
    assert stand.store.last_index(2) == 5
    stand.crash()
    assert (stand.store.base(1), stand.store.last_index(1), stand.store.state(1)) == ((500, 7), 500, b"members")
    assert stand.store.last_index(2) == 4
    assert stand.store.put(1, 8, b"on") == 501
    stand.store.sync()
    stand.reopen()
    assert kept(stand.store, 1) == [(501, 8, b"on")]
    assert stand.store.epochs(1) == [(501, 8)]
    with pytest.raises(LogDamaged):
        list(stand.store.read(1, 20, 501))


def test_a_reset_may_go_back(stand: Stand) -> None:
    """A log that had grown another way begins anew at an earlier entry, and that is no loss."""
    numbered(stand.store, 1, 1, 20)
    stand.reopen()
    stand.store.reset(1, 7, 3)
    stand.crash()
    assert (stand.store.base(1), stand.store.last_index(1), stand.store.acknowledged(1)) == ((7, 3), 7, 0)
    numbered(stand.store, 1, 3, 20)
    stand.store.cut(1, 8)
    stand.store.sync()
    stand.reopen()
    assert (stand.store.base(1), stand.store.last_index(1), stand.store.acknowledged(1)) == ((7, 3), 7, 0)
    numbered(stand.store, 1, 4, 20)
    stand.store.truncate(1, 28)
    stand.crash()
    assert stand.store.base(1)[0] > 7
    assert stand.store.last_index(1) == 27


def test_a_state_is_kept(stand: Stand) -> None:
    """It is seen at once, durable with the next sync, and a sync of a state alone is one."""
    stand.store.save_state(1, b"one")
    assert (stand.store.state(1), stand.store.state(2)) == (b"one", b"")
    stand.crash()
    assert stand.store.state(1) == b""
    stand.store.save_state(1, b"one")
    stand.store.save_state(2, b"x" * 4_000)
    stand.store.sync()
    stand.store.save_state(1, b"")
    stand.store.save_state(2, b"two")
    stand.crash()
    assert (stand.store.state(1), stand.store.state(2)) == (b"one", b"x" * 4_000)
    stand.store.save_state(1, b"")
    stand.store.sync()
    stand.reopen()
    assert stand.store.state(1) == b""


def test_what_was_used_cannot_be_cut(stand: Stand) -> None:
    """An entry below a floor was committed; to cut it is a fault in the engine."""
    put(stand.store, 1, (1, b"a"), (1, b"b"))
    stand.store.sync()
    stand.store.truncate(1, 3)
    with pytest.raises(AssertionError):
        stand.store.cut(1, 2)


class EntryStoreMachine(RuleBasedStateMachine):
    """Any order of calls, compared with lists."""

    root: Path
    kind: type[Any]
    lives = 0

    def __init__(self) -> None:
        super().__init__()
        EntryStoreMachine.lives += 1
        self.stand: Stand = self.kind(self.root / str(EntryStoreMachine.lives))
        self.now = {group: ((0, 0), [], b"") for group in (1, 2)}
        self.durable = dict(self.now)
        self.floors = {1: 1, 2: 1}
        self.count = 0

    def _last(self, group: int) -> tuple[int, int]:
        (base, epoch), entries, _ = self.now[group]
        return base + len(entries), entries[-1][0] if entries else epoch

    @rule(group=st.integers(1, 2), more=st.sampled_from([0, 0, 0, 1, 5]), size=st.sampled_from([0, 300, 6_000]))
    def put(self, group: int, more: int, size: int) -> None:
        """Adds an entry."""
        last, epoch = self._last(group)
        self.count += 1
        entry = max(epoch + more, 1), (b"%d " % self.count).ljust(size, b"x")
        base, entries, state = self.now[group]
        self.now[group] = base, [*entries, entry], state
        assert self.stand.store.put(group, *entry) == last + 1

    @rule(group=st.integers(1, 2), share=st.floats(0, 1))
    def cut(self, group: int, share: float) -> None:
        """Takes a last part away, or nothing."""
        (index, epoch), entries, state = self.now[group]
        lowest = max(index + 1, self.floors[group])
        first = lowest + int(share * (index + len(entries) + 1 - lowest))
        if first < lowest:
            return
        self.now[group] = (index, epoch), entries[: first - index - 1], state
        self.stand.store.cut(group, first)

    @rule(group=st.integers(1, 2), state=st.binary(max_size=9))
    def save(self, group: int, state: bytes) -> None:
        """Saves a state."""
        self.now[group] = *self.now[group][:2], state
        self.stand.store.save_state(group, state)

    @rule()
    def sync(self) -> None:
        """Makes all durable."""
        self.stand.store.sync()
        self.durable = dict(self.now)

    @rule(group=st.integers(1, 2), step=st.integers(-3, 9), more=st.integers(0, 2))
    def reset(self, group: int, step: int, more: int) -> None:
        """Begins anew behind another entry."""
        last, epoch = self._last(group)
        index = max(self.floors[group] - 1, last + step, 1)
        self.stand.store.reset(group, index, max(epoch + more, 1))
        self.now[group] = self.durable[group] = (index, max(epoch + more, 1)), [], self.now[group][2]
        self.floors[group] = index + 1

    @rule(group=st.integers(1, 2), share=st.floats(0, 1))
    def truncate(self, group: int, share: float) -> None:
        """Lets a first part go of what is durable and not cut."""
        base = self.stand.store.base(group)[0]
        below = base + 1 + int(share * (self.stand.store.synced(group) - base))
        self.floors[group] = max(self.floors[group], below)
        self.stand.store.truncate(group, below)
        self._forget()

    def _forget(self) -> None:
        for group in (1, 2):
            base = self.stand.store.base(group)
            for images in (self.now, self.durable):
                (index, _), entries, state = images[group]
                if index < base[0]:
                    assert base[0] < self.floors[group]
                    gone = base[0] - index
                    assert entries[gone - 1][0] == base[1]
                    images[group] = base, entries[gone:], state

    @rule(crash=st.booleans())
    def restart(self, crash: bool) -> None:
        """Forgets what no sync has seen."""
        if crash:
            self.stand.crash()
        else:
            self.stand.reopen()
        self.now = dict(self.durable)

    @invariant()
    def agrees(self) -> None:
        """The store shows what the lists say."""
        store = self.stand.store
        for group, (base, entries, state) in self.now.items():
            assert store.base(group) == base
            assert [(epoch, blob) for _, epoch, blob in kept(store, group)] == entries
            assert store.state(group) == state
            assert store.epoch(group) == self._last(group)[1]
            assert store.acknowledged(group) == 0
            runs = [
                (base[0] + 1 + at, epoch)
                for at, (epoch, _) in enumerate(entries)
                if at == 0 or entries[at - 1][0] != epoch
            ]
            assert store.epochs(group) == runs

    def teardown(self) -> None:
        """Ends the store."""
        self.stand.end()


@pytest.mark.parametrize("kind", STANDS)
def test_any_order_of_calls(kind: type[Any], tmp_path: Path) -> None:
    """No order of calls, restarts and crashes makes a store differ from plain lists."""
    machine = type("Machine", (EntryStoreMachine,), {"kind": kind, "root": tmp_path})
    case = machine.TestCase()
    case.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
    case.runTest()


def test_the_twin_may_keep_a_first_part_of_what_was_not_synced() -> None:
    """A crash keeps states first, then cuts, then entries; over the seeds, each first part of it."""
    seen: set[tuple[bytes, int, int]] = set()
    for seed in range(60):
        log = MemoryLog()
        put(log, 1, (1, b"a"), (1, b"b"))
        log.sync()
        log.save_state(1, b"state")
        log.cut(1, 2)
        put(log, 1, (2, b"c"), (2, b"d"))
        log.crash(random.Random(seed))
        seen.add((log.state(1), log.last_index(1), log.epoch(1)))
    assert seen == {(b"", 2, 1), (b"state", 2, 1), (b"state", 1, 1), (b"state", 2, 2), (b"state", 3, 2)}


def test_the_twin_can_lose_what_it_had_acknowledged() -> None:
    """A disk that has lost durable entries says how far it had been, until it has come that far again."""
    log = MemoryLog()
    put(log, 1, (1, b"a"), (1, b"b"), (1, b"c"))
    log.sync()
    log.crash()
    log.lose(1, 2)
    assert (log.last_index(1), log.acknowledged(1)) == (1, 3)
    put(log, 1, (1, b"b"), (1, b"c"))
    log.sync()
    assert log.acknowledged(1) == 3
    log.crash()
    assert log.acknowledged(1) == 0
