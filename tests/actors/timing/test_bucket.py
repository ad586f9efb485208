"""Buckets and runs: sorted a little at a time, and never mostly tombstones."""

import pytest

from mainspring.actors.timing.bucket import DEAD_MIN, RUN_MAX, TAIL_MAX, Bucket, Run


def a_bucket(count: int) -> Bucket:
    """A bucket of so many keys, added in an order that is not sorted."""
    bucket = Bucket()
    for index in range(count):
        bucket.add(index * 7919 % count << 1)
    return bucket


def test_runs_are_joined_like_the_digits_of_a_counter() -> None:
    """Seven full tails must lie in runs of four, two and one tail: each entry is sorted a few times only."""
    bucket = a_bucket(7 * TAIL_MAX + 1)
    assert [len(run.keys) for run in bucket.runs] == [4 * TAIL_MAX, 2 * TAIL_MAX, TAIL_MAX]
    assert len(bucket.tail) == 1
    bucket.check()


def test_a_run_never_grows_beyond_its_bound() -> None:
    """A large bucket must keep its runs apart, so that no add joins more than the bound."""
    bucket = a_bucket(3 * RUN_MAX)
    assert [len(run.keys) for run in bucket.runs] == [RUN_MAX] * 3
    assert len(bucket.open()) == 3


def test_opening_joins_what_fits_one_run() -> None:
    """A bucket of usual size must be read from one sorted run."""
    bucket = a_bucket(3 * TAIL_MAX + 5)
    (run,) = bucket.open()
    assert run.keys.tolist() == [key << 1 for key in range(3 * TAIL_MAX + 5)]


def test_a_run_without_live_keys_is_dropped() -> None:
    """Cancelling a whole run must leave nothing of it beside what is live."""
    bucket = a_bucket(TAIL_MAX)
    bucket.add(TAIL_MAX << 1)
    assert all(bucket.cancel(key << 1) for key in range(TAIL_MAX))
    assert bucket.runs == []
    assert bucket.live == 1
    bucket.check()


def test_a_run_keeps_a_quarter_of_tombstones_at_most() -> None:
    """Each cancel must leave the run sorted and its dead weight bounded."""
    run = Run([key << 1 for key in range(4 * DEAD_MIN)])
    for key in range(4 * DEAD_MIN):
        assert run.cancel(key << 1)
        assert not run.cancel(key << 1)
        run.check()
    assert len(run.keys) == 0


def test_copies_are_cancelled_one_by_one() -> None:
    """Of equal keys one must die with each cancel, and the run stay sorted."""
    run = Run([2, 4, 4, 4, 6])
    assert [run.cancel(4) for _ in range(4)] == [True, True, True, False]
    run.check()
    assert run.live_keys() == [2, 6]


@pytest.mark.parametrize("room", [1, 2, 5])
def test_a_run_is_read_up_to_the_stop(room: int) -> None:
    """Live keys up to the stop must go, as many as there is room for, and dead ones be passed over."""
    run = Run([2, 4, 6, 8, 10])
    assert run.cancel(4)
    fired: list[tuple[int, int]] = []
    run.take(8, room, 1000, fired)
    assert fired == [(1000, 1), (1000, 3), (1000, 4)][:room]
    run.check()
