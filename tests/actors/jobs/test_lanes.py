"""Lanes against a model: whatever comes between a read and its answer, no ready job is lost or stands there twice."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.actors.jobs.lanes import ALL, Lane
from mainspring.chaos.small_limits import small_limits

HEADS, REFILL, BELOW = 2, 2, 2


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """Few jobs overfill a lane here."""
    with small_limits({"HEADS_MAX": HEADS, "REFILL_BELOW": BELOW}):
        yield


class Record:
    """What the lane's owner remembers of a job."""

    def __init__(self, touched: int) -> None:
        self.state = "ready"
        self.queued = False
        self.touched = touched


class Owner:
    """A lane's owner and the disk, as plainly as can be: entries are applied late, and reads answered late."""

    def __init__(self) -> None:
        self.lane = Lane(1, "default", "default", 0, "echo")
        self.next_id = 1
        self.index = 1
        self.applied = 0
        self.log: list[tuple[int, bool, int]] = []  # (entry, stands in the lane from then on, id)
        self.disk: set[int] = set()
        self.memory: dict[int, Record] = {}
        self.timed: list[int] = []
        self.ended: set[int] = set()
        self.revived: set[int] = set()
        self.ready: set[int] = set()
        self.answer: tuple[list[int], bool, int] | None = None

    # What happens to jobs.

    def submit(self, _: int) -> None:
        """A job that is due at once."""
        id = self._new()
        self.ready.add(id)
        self.memory[id] = Record(self.index)
        self.log.append((self.index, True, id))
        if self.lane.takes_fresh(id, self.index):
            self._push(id)

    def submit_timed(self, _: int) -> None:
        """A job that is due later."""
        self.timed.append(self._new())

    def due(self, number: int) -> None:
        """The time of a timed job has come; its row still says when it was due."""
        if self.timed:
            id = self.timed.pop(number % len(self.timed))
            self.ready.add(id)
            self.memory[id] = Record(0)
            self._push(id)

    def lease(self, _: int) -> None:
        """The oldest job in memory gets a slot."""
        if self.lane.heads:
            id = self.lane.pop()
            record = self.memory.get(id)
            if record is not None and record.queued and record.state == "ready":
                record.queued, record.state = False, "running"
                self.ready.discard(id)

    def give_up(self, number: int) -> None:
        """A running job ends."""
        id = self._running(number)
        if id is not None:
            self._end(id)

    def come_back(self, number: int) -> None:
        """A running job is ready again."""
        id = self._running(number)
        if id is not None:
            record = self.memory[id]
            record.state, record.touched = "ready", self.index
            self.log.append((self.index, True, id))
            self.ready.add(id)
            self._push(id)

    def cancel(self, number: int) -> None:
        """A ready job is cancelled, wherever it stands."""
        if self.ready:
            id = sorted(self.ready)[number % len(self.ready)]
            self.memory.setdefault(id, Record(0)).queued = False
            self._end(id)

    def hurry(self, number: int) -> None:
        """A timed job is made ready by hand."""
        if self.timed:
            self._stand_on_disk(self.timed.pop(number % len(self.timed)))

    def revive(self, number: int) -> None:
        """A job that has ended lives again; what its lane has of it from before is stale."""
        if self.ended:
            id = sorted(self.ended)[number % len(self.ended)]
            self.ended.discard(id)
            self.revived.add(id)
            self._stand_on_disk(id)

    # What happens to the log and the rows.

    def seal(self, _: int) -> None:
        """The next entry begins."""
        self.index += 1

    def apply(self, number: int) -> None:
        """The rows catch up a little; an answer that is under way comes first."""
        self.hear(0)
        self.applied += number % (self.index - self.applied)
        while self.log and self.log[0][0] <= self.applied:
            _, stands, id = self.log.pop(0)
            (self.disk.add if stands else self.disk.discard)(id)
        for id, record in list(self.memory.items()):
            if not record.queued and record.state != "running" and record.touched <= self.applied:
                del self.memory[id]

    def read(self, _: int) -> None:
        """The lane is refilled if it wants to be; the rows are looked at now, the answer is heard later."""
        if self.lane.wants_read(self.applied):
            after = self.lane.read_after = self.lane.cursor
            rows = sorted(id for id in self.disk if id > after)[:REFILL]
            self.answer = rows, len(rows) == REFILL, self.applied

    def hear(self, _: int) -> None:
        """The answer of the read that is under way."""
        if self.answer is None:
            return
        (rows, full, applied), self.answer = self.answer, None
        if not self.lane.refilled(rows[-1] if rows else None, full, applied):
            return
        for id in rows:
            record = self.memory.setdefault(id, Record(0))
            if not record.queued and record.state == "ready":
                record.queued = True
                self.lane.push(id)
        self._give_back()

    # Helpers.

    def _new(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def _push(self, id: int) -> None:
        self.memory[id].queued = True
        self.lane.push(id)
        self._give_back()

    def _stand_on_disk(self, id: int) -> None:
        record = self.memory.setdefault(id, Record(0))
        record.state, record.queued, record.touched = "ready", False, self.index
        self.ready.add(id)
        self.log.append((self.index, True, id))
        self.lane.stand_on_disk([id], self.index)

    def _give_back(self) -> None:
        if self.lane.overfull():
            for back in self.lane.give_back(self.index):
                record = self.memory.get(back)
                if record is not None and record.queued and record.state == "ready":
                    record.queued, record.touched = False, self.index
                    self.log.append((self.index, True, back))

    def _running(self, number: int) -> int | None:
        running = [id for id, record in self.memory.items() if record.state == "running"]
        return running[number % len(running)] if running else None

    def _end(self, id: int) -> None:
        record = self.memory[id]
        record.state, record.touched = "ended", self.index
        self.ready.discard(id)
        self.ended.add(id)
        self.log.append((self.index, False, id))

    def check(self) -> None:
        """Every ready job stands in memory once, or on disk where the lane will still look."""
        lane = self.lane
        lane.check()
        for id in self.ready:
            record = self.memory.get(id)
            if record is not None and record.queued:
                assert lane.heads.count(id) == 1 or (id in self.revived and id in lane.heads), (
                    f"{id} stands {lane.heads.count(id)} times in {lane.heads}"
                )
            else:
                assert lane.cursor != ALL, f"{id} is lost: nothing is thought to be on disk alone"
                assert id > lane.cursor, f"{id} is lost: the reader has passed it ({lane.cursor})"


STEPS: list[Callable[[Owner, int], None]] = [
    Owner.submit, Owner.submit, Owner.submit_timed, Owner.submit_timed, Owner.due, Owner.due, Owner.lease,
    Owner.give_up, Owner.come_back, Owner.cancel, Owner.seal, Owner.apply, Owner.read, Owner.hear,
    Owner.hurry, Owner.revive,
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 50)), min_size=40, max_size=150))
def test_no_ready_job_is_lost_or_doubled(steps: list[tuple[int, int]]) -> None:
    """In any order of submits, timers, leases, returns, cancels, late applies and late answers; then all are leased."""
    owner = Owner()
    for step, number in steps:
        STEPS[step](owner, number)
        owner.check()
    left = len(owner.ready)
    for _ in range(4 * left + 20):
        owner.seal(0)
        owner.apply(owner.index - owner.applied - 1)
        owner.read(0)
        owner.hear(0)
        owner.lease(0)
        owner.check()
    assert not owner.ready, f"{owner.ready} of {left} never came to a slot"


def test_the_oldest_job_comes_first() -> None:
    """Jobs leave in the order of their ids, however they came."""
    lane = Lane(1, "default", "default", 0, "echo")
    for id in (5, 3, 9, 1):
        lane.push(id)
    assert [lane.pop() for _ in range(4)] == [1, 3, 5, 9]


def test_beyond_the_heads_jobs_stand_on_disk_alone() -> None:
    """A long backlog costs no memory; what is on disk follows in order when there is room."""
    lane = Lane(1, "default", "default", 0, "echo")
    taken = [id for id in range(1, 11) if lane.takes_fresh(id, 1) and not lane.push(id)]
    assert taken == [1, 2]
    assert lane.cursor == 2
    while len(lane.heads) >= BELOW:
        assert not lane.wants_read(1)
        lane.pop()
    assert lane.wants_read(1)


def test_a_lane_that_is_overfull_gives_the_newest_back() -> None:
    """Memory keeps the oldest jobs; the newer half returns to disk."""
    lane = Lane(1, "default", "default", 0, "echo")
    for id in range(2 * HEADS + 1, 0, -1):
        lane.push(id)
    assert lane.overfull()
    assert lane.give_back(5) == [3, 4, 5]
    assert sorted(lane.heads) == [1, 2]
    assert not lane.overfull()
    assert lane.cursor == 2


def test_giving_back_passes_nothing_that_was_not_read() -> None:
    """What stood on disk before those that memory keeps is still to be read."""
    lane = Lane(1, "default", "default", 0, "echo", live=9)
    lane.restored(9)
    for id in range(10, 10 + 2 * HEADS + 1):
        lane.push(id)
    lane.give_back(5)
    assert lane.cursor == 0


def test_a_read_older_than_what_was_given_back_is_not_taken() -> None:
    """It may have missed what was given back: its rows are left, and the lane is read again."""
    lane = Lane(1, "default", "default", 0, "echo")
    lane.restored(100)
    lane.read_after = lane.cursor
    for id in range(1, 2 * HEADS + 2):
        lane.push(id)
    lane.give_back(5)
    assert not lane.refilled(None, full=False, applied=4)
    assert lane.cursor != ALL
    assert not lane.wants_read(4), "the rows do not have it yet"


def test_a_restored_lane_reads_from_the_beginning() -> None:
    """After a start everything ready stands on disk."""
    lane = Lane(1, "default", "default", 0, "echo", live=3)
    lane.restored(9)
    assert lane.wants_read(0)
    assert not lane.takes_fresh(10, 7), "those on disk are older and come first"
    lane.read_after = lane.cursor
    assert lane.refilled(9, full=False, applied=6)
    assert lane.cursor == 9, "job 10 is not in these rows yet"
    lane.read_after = lane.cursor
    assert lane.refilled(10, full=False, applied=7)
    assert lane.cursor == ALL


def test_a_short_read_is_not_repeated_before_the_rows_move_on() -> None:
    """While the store is behind what the lane has put there, reading again would bring nothing and never end."""
    lane = Lane(1, "default", "default", 0, "echo")
    for id in range(1, HEADS + 2):
        if lane.takes_fresh(id, 7):
            lane.push(id)
    lane.heads.clear()
    assert lane.wants_read(3)
    lane.read_after = lane.cursor
    assert lane.refilled(None, full=False, applied=3)
    assert not lane.wants_read(3)
    assert lane.wants_read(4)
