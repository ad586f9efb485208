"""The timing wheel, held against a plain sorted multiset."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from mainspring.actors.timing import bucket as buckets
from mainspring.actors.timing.wheel import BUCKET_MS, Wheel

START_MS = 1_700_000_000_000
YEAR_MS = 365 * 24 * 3_600_000
EMPTY = {
    "live": 0,
    "buckets": 0,
    "numbers": 0,
    "slots": 0,
    "closed_runs": 0,
    "open_runs": 0,
    "near": 0,
    "key_bytes": 0,
    "next_due_ms": None,
}

ITEMS = st.one_of(st.integers(0, 5), st.integers(0, 2**40 - 1))
DELAYS = st.one_of(st.integers(-200, 300), st.integers(0, 5000), st.integers(0, 600_000), st.just(YEAR_MS))
STEPS = st.one_of(
    st.sampled_from([0, 1, 49, 50, 51, 1023, 1024, YEAR_MS, -1, -60, -5000, -YEAR_MS]), st.integers(0, 3000)
)

Timer = tuple[int, int]


def drained(wheel: Wheel, now_ms: int, limit: int = 1000) -> list[Timer]:
    """Advances until nothing more is due."""
    fired: list[Timer] = []
    while some := wheel.advance(now_ms, limit):
        fired += some
    return fired


class WheelBesideModel(RuleBasedStateMachine):
    """Random adds, cancels and clock steps on the wheel and on a counter of timers."""

    timers = Bundle("timers")

    @initialize(now_ms=st.sampled_from([0, 1023, START_MS]))
    def start(self, now_ms: int) -> None:
        """Starts both empty."""
        self.now_ms = now_ms
        self.wheel = Wheel(now_ms)
        self.model: Counter[Timer] = Counter()

    @rule(target=timers, delay_ms=DELAYS, items=st.lists(ITEMS, min_size=1, max_size=20))
    def add(self, delay_ms: int, items: list[int]) -> object:
        """Adds timers with one due time."""
        added = [(self.now_ms + delay_ms, item) for item in items]
        for due_ms, item in added:
            self.wheel.add(due_ms, item)
        self.model.update(added)
        return multiple(*added)

    @rule(timer=consumes(timers))
    def cancel(self, timer: Timer) -> None:
        """Cancels a timer, which may have fired: the answer must say which."""
        assert self.wheel.cancel(*timer) == (timer in self.model)
        self.model -= Counter([timer])

    @rule(timer=timers)
    def cancel_and_add_again(self, timer: Timer) -> None:
        """A tombstone must not swallow a timer that is added after it."""
        if not self.wheel.cancel(*timer):
            self.model[timer] += 1
        self.wheel.add(*timer)

    @rule(delay_ms=DELAYS, item=ITEMS)
    def cancel_anything(self, delay_ms: int, item: int) -> None:
        """A cancel of what is not there must change nothing."""
        timer = (self.now_ms + delay_ms, item)
        assert self.wheel.cancel(*timer) == (timer in self.model)
        self.model -= Counter([timer])

    @rule(step_ms=STEPS, limit=st.sampled_from([1, 2, 7, 1000]))
    def advance(self, step_ms: int, limit: int) -> None:
        """Exactly the first timers that are due must fire, in order."""
        self.now_ms += step_ms
        self.fire(limit)

    @rule()
    def advance_to_the_wake(self) -> None:
        """Obeying next_due_ms must reach the earliest timer on its millisecond, in a few wakes."""
        for _ in range(3):
            wake_ms = self.wheel.next_due_ms()
            if wake_ms is None:
                return
            self.now_ms = max(self.now_ms, wake_ms)
            earliest = min(self.model)[0]
            if self.fire(1000):
                assert self.now_ms == earliest or wake_ms <= earliest < self.now_ms
                return
        raise AssertionError("three wakes in a row fired nothing")

    def fire(self, limit: int) -> list[Timer]:
        """Advances both and compares."""
        expected = sorted(timer for timer in self.model.elements() if timer[0] <= self.now_ms)[:limit]
        assert self.wheel.advance(self.now_ms, limit) == expected
        self.model -= Counter(expected)
        wake_ms = self.wheel.next_due_ms()
        assert wake_ms is None or wake_ms > self.now_ms or len(expected) == limit
        return expected

    @invariant()
    def agrees(self) -> None:
        """Lengths must agree, and the next wake must not come after the earliest timer."""
        assert len(self.wheel) == self.model.total()
        self.wheel.check()
        wake_ms = self.wheel.next_due_ms()
        if self.model:
            assert wake_ms is not None
            assert wake_ms <= min(self.model)[0]
        else:
            assert wake_ms is None

    def teardown(self) -> None:
        """Once all have fired, nothing must be left inside."""
        if hasattr(self, "wheel"):
            end_ms = max([self.now_ms, *(due_ms for due_ms, _ in self.model)])
            assert drained(self.wheel, end_ms) == sorted(self.model.elements())
            assert self.wheel.snapshot() == EMPTY


class SmallRunsBesideModel(WheelBesideModel):
    """The same with runs of a few entries, so that sealing, joining and compaction happen all the time."""

    limits = pytest.MonkeyPatch()

    def __init__(self) -> None:
        """Makes the runs small for this machine's wheels."""
        super().__init__()
        self.limits.setattr(buckets, "TAIL_MAX", 3)
        self.limits.setattr(buckets, "RUN_MAX", 12)
        self.limits.setattr(buckets, "DEAD_MIN", 1)

    def teardown(self) -> None:
        """Restores the sizes."""
        try:
            super().teardown()
        finally:
            self.limits.undo()


BRIEF = settings(max_examples=100, stateful_step_count=30, deadline=None, derandomize=True)
TestWheelBesideModel = WheelBesideModel.TestCase
TestWheelBesideModel.settings = BRIEF
TestSmallRunsBesideModel = SmallRunsBesideModel.TestCase
TestSmallRunsBesideModel.settings = BRIEF


def test_a_timer_of_the_past_fires_at_the_next_advance() -> None:
    """A due time before the present must not be lost, nor wait for its bucket."""
    wheel = Wheel(START_MS)
    wheel.add(START_MS - YEAR_MS, 7)
    assert wheel.next_due_ms() == START_MS - YEAR_MS
    assert wheel.advance(START_MS, 10) == [(START_MS - YEAR_MS, 7)]


def test_a_timer_fires_on_its_millisecond() -> None:
    """Nothing may fire a millisecond early, and the wakes must lead to the very millisecond."""
    wheel = Wheel(START_MS)
    for delay_ms in (3, 49, 50, 999, 1024, 70_000):
        due_ms = START_MS + delay_ms
        wheel.add(due_ms, 0)
        wakes: list[int] = []
        while (wake_ms := wheel.next_due_ms()) is not None and wake_ms < due_ms:
            assert wheel.advance(wake_ms, 10) == []
            wakes.append(wake_ms)
        assert len(wakes) <= 2
        assert wheel.advance(due_ms - 1, 10) == []
        assert wheel.next_due_ms() == due_ms
        assert wheel.advance(due_ms, 10) == [(due_ms, 0)]


def test_a_jump_of_a_year_does_not_walk_the_empty_buckets() -> None:
    """Sparse timers must fire in order after a jump, in as many calls as the limit asks for."""
    wheel = Wheel(0)
    due = [YEAR_MS // 100 * index for index in range(1, 101)]
    for due_ms in reversed(due):
        wheel.add(due_ms, 1)
    assert wheel.advance(YEAR_MS * 10, 60) == [(due_ms, 1) for due_ms in due[:60]]
    assert wheel.advance(YEAR_MS * 10, 60) == [(due_ms, 1) for due_ms in due[60:]]
    assert wheel.snapshot() == EMPTY


def test_after_a_step_back_timers_are_kept_packed_again() -> None:
    """With nothing open, the open bucket must follow a clock that steps back."""
    wheel = Wheel(START_MS)
    assert wheel.advance(START_MS - YEAR_MS, 1) == []
    wheel.add(START_MS, 1)
    assert wheel.snapshot()["buckets"] == 1
    assert wheel.advance(START_MS - 1, 1) == []
    assert wheel.advance(START_MS, 1) == [(START_MS, 1)]


def test_a_full_bucket_fires_in_order_within_the_limit() -> None:
    """Forty thousand timers of a second, a third cancelled, must come in order and in portions."""
    second = START_MS // BUCKET_MS * BUCKET_MS + 10 * BUCKET_MS
    timers = [(second + item * 7919 % 1000, item) for item in range(40_000)]
    wheel = Wheel(START_MS)
    for timer in timers:
        wheel.add(*timer)
    assert all(wheel.cancel(*timer) for timer in timers[::3])
    wheel.check()
    assert not any(wheel.cancel(*timer) for timer in timers[:300:3])
    portion = wheel.advance(second + 1000, 64)
    assert len(portion) == 64
    kept = sorted(timer for index, timer in enumerate(timers) if index % 3)
    assert portion + drained(wheel, second + 1000) == kept
    assert wheel.snapshot() == EMPTY


@pytest.mark.parametrize("delay_ms", [0, 200, 5000])
def test_tombstones_do_not_pile_up(delay_ms: int) -> None:
    """Adding and cancelling beside a timer that stays must leave a bounded rest, at every level."""
    wheel = Wheel(START_MS)
    wheel.add(START_MS + delay_ms, 0)
    for item in range(1, 20_000):
        wheel.add(START_MS + delay_ms, item)
        if item >= 1500:
            assert wheel.cancel(START_MS + delay_ms, item - 1499)
    for item in range(20_000 - 1499, 20_000):
        assert wheel.cancel(START_MS + delay_ms, item)
    sizes = wheel.snapshot()
    assert len(wheel) == 1
    assert (sizes["key_bytes"] or 0) <= 8 * 100
    assert (sizes["near"] or 0) <= 100


@pytest.mark.parametrize("open_ms", [0, 5000])
def test_the_last_cancel_leaves_nothing(open_ms: int) -> None:
    """Once every timer is cancelled, waiting or opened, no tombstone may be left at any level."""
    wheel = Wheel(START_MS)
    timers = [(START_MS + 5000 + 300 * item, item) for item in range(10)] * 2
    for timer in timers:
        wheel.add(*timer)
    assert wheel.advance(START_MS + open_ms, 10) == timers[:1] * 2 * (open_ms // 5000)
    wheel.add(START_MS, 1)
    for timer in [*timers[1:10], *timers[11:], (START_MS, 1)]:
        assert wheel.cancel(*timer)
    assert all(wheel.cancel(*timer) for timer in timers[:1] * 2) == (open_ms == 0)
    assert wheel.snapshot() == EMPTY


def test_numbers_of_dropped_buckets_do_not_pile_up() -> None:
    """A timer added and cancelled in ten thousand buckets must leave none of them behind."""
    wheel = Wheel(START_MS)
    wheel.add(START_MS + YEAR_MS, 0)
    for index in range(10_000):
        wheel.add(START_MS + 5000 + index * BUCKET_MS, 1)
        assert wheel.cancel(START_MS + 5000 + index * BUCKET_MS, 1)
    sizes = wheel.snapshot()
    assert sizes["buckets"] == 1
    assert (sizes["numbers"] or 0) <= 100


def test_a_waiting_timer_costs_about_eight_bytes() -> None:
    """The packed keys of waiting timers must hold eight bytes each and nothing per timer beside them."""
    wheel = Wheel(START_MS)
    for item in range(5000):
        wheel.add(START_MS + 60_000 + item % 900, item)
    assert wheel.snapshot()["key_bytes"] == 5000 * 8
    assert (wheel.snapshot()["closed_runs"] or 0) <= 5


@pytest.mark.parametrize("item", [-1, 2**40])
def test_an_item_beyond_40_bits_is_refused(item: int) -> None:
    """An item that would spill into the due time must stop the caller."""
    wheel = Wheel(START_MS)
    with pytest.raises(AssertionError, match="does not fit 40 bits"):
        wheel.add(START_MS, item)
    with pytest.raises(AssertionError, match="does not fit 40 bits"):
        wheel.cancel(START_MS, item)
