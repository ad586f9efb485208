"""Retry policies: total, bounded, and the same on every replica."""

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.actors.draws import Draws
from mainspring.actors.jobs.retry import CAP_MAX_MS, DELAY_MIN_MS, RetryPolicy, delay_ms


@st.composite
def policies(draw: st.DrawFn) -> RetryPolicy:
    """Any policy within its bounds."""
    cap_ms = draw(st.integers(DELAY_MIN_MS, CAP_MAX_MS))
    return RetryPolicy(
        retries=draw(st.integers(0, 10**9)),
        base_ms=draw(st.integers(DELAY_MIN_MS, cap_ms)),
        factor=draw(st.integers(1000, 1_000_000)) / 1000,
        cap_ms=cap_ms,
        jitter=draw(st.sampled_from(["full", "none"])),
    )


ATTEMPTS = st.one_of(st.integers(1, 20), st.integers(1, 10**9), st.just(10**400))
DRAWS = st.floats(0, 1, exclude_max=True)


@given(policies(), ATTEMPTS, DRAWS)
def test_any_attempt_has_a_delay_within_bounds(policy: RetryPolicy, attempt: int, draw: float) -> None:
    """A delay must lie between the shortest wait and the cap, whatever the attempt's number."""
    assert DELAY_MIN_MS <= delay_ms(policy, attempt, draw) <= policy.cap_ms


@given(policies(), ATTEMPTS, DRAWS, DRAWS)
def test_a_delay_grows_with_attempt_and_draw(policy: RetryPolicy, attempt: int, one: float, other: float) -> None:
    """A later attempt must never wait less for the same draw, nor a higher draw for the same attempt."""
    assert delay_ms(policy, attempt, one) <= delay_ms(policy, attempt + 1, one)
    low, high = sorted((one, other))
    assert delay_ms(policy, attempt, low) <= delay_ms(policy, attempt, high)


@given(policies())
def test_a_policy_survives_its_row(policy: RetryPolicy) -> None:
    """A policy must read back from its row, as a tuple and as the list that the wire makes of it."""
    row = policy.to_row()
    assert all(type(field) is int for field in row)
    assert RetryPolicy.from_row(row) == policy
    assert RetryPolicy.from_row(list(row)) == policy


def test_without_jitter_the_delay_is_the_limit() -> None:
    """The defaults must double from one second to ten minutes."""
    policy = RetryPolicy(jitter="none")
    waits = [delay_ms(policy, attempt, 0.5) for attempt in range(1, 12)]
    assert waits == [1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 512000, 600000]


def test_full_jitter_spreads_over_the_whole_limit() -> None:
    """Draws must spread evenly from the shortest wait to the limit, both ends included."""
    policy = RetryPolicy(base_ms=109, cap_ms=109)
    draws = Draws(1)
    waits = [delay_ms(policy, 1, draws.fraction()) for _ in range(5000)]
    assert set(waits) == set(range(DELAY_MIN_MS, 110))
    assert fmean(waits) == pytest.approx((DELAY_MIN_MS + 109) / 2, rel=0.03)


def test_a_constant_factor_never_grows() -> None:
    """A factor of one must give the base for ever, below the cap."""
    policy = RetryPolicy(base_ms=50, factor=1.0, jitter="none")
    assert {delay_ms(policy, attempt, 0.0) for attempt in (1, 2, 10**9)} == {50}


@pytest.mark.parametrize("attempt", [0, -1, -(10**9)])
def test_an_attempt_below_one_is_refused(attempt: int) -> None:
    """Attempts are counted from one; anything lower is a fault of the caller."""
    with pytest.raises(ValueError, match=r"attempt .* is below 1; give"):
        delay_ms(RetryPolicy(), attempt, 0.5)


@pytest.mark.parametrize("draw", [-0.1, 1.0, float("nan"), float("inf")])
def test_a_draw_outside_its_bounds_is_refused(draw: float) -> None:
    """A draw of one or more would wait beyond the limit."""
    with pytest.raises(ValueError, match="outside"):
        delay_ms(RetryPolicy(), 1, draw)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"retries": -1}, "retry retries -1 is out of bounds; give an integer from 0"),
        ({"retries": True}, "retry retries is True; give an integer"),
        ({"retries": 10**5000}, "retry retries of 16610 bits is out of bounds"),
        ({"base_ms": 0}, "retry base_ms 0 is out of bounds; give an integer from 10"),
        ({"base_ms": 700_000}, r"retry base_ms 700000 is out of bounds; .* to 600000 \(cap_ms\)"),
        ({"base_ms": 1.5}, "retry base_ms is 1.5; give an integer"),
        ({"cap_ms": 10**15}, "retry cap_ms 1000000000000000 is out of bounds"),
        ({"factor": 0.5}, "retry factor 0.5 is out of bounds; give a number from 1.0"),
        ({"factor": float("nan")}, "retry factor nan is out of bounds"),
        ({"factor": "2"}, "retry factor is '2'; give a number"),
        ({"factor": 1.23456}, "retry factor 1.23456 has more than three decimals; give 1.235"),
        ({"jitter": "half"}, "retry jitter 'half' is unknown; give one of full, none"),
        ({"jitter": ["full"]}, "is unknown; give one of full, none"),
    ],
)
def test_a_policy_out_of_bounds_is_refused(fields: dict[str, object], fault: str) -> None:
    """Each refusal must name the field, the fault and the mend."""
    with pytest.raises(ValueError, match=fault):
        RetryPolicy(**fields)  # type: ignore[arg-type]  # wrong types are the point


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("12345", "retry row is a str; give a list of retries"),
        (None, "retry row is a NoneType; give a list"),
        ([], "retry row has 0 fields; give 5: retries, base_ms"),
        ([3, 1000, 2000, 600_000, 0, 0], "retry row has 6 fields; give 5"),
        ([3, 1000, 2.0, 600_000, 0], "retry factor_thousandths is 2.0; give an integer"),
        ([3, 1000, 2000, 600_000, True], "retry jitter is True; give an integer"),
        ([3, 1000, 2000, 600_000, 2], "retry jitter 2 is out of bounds; give an integer from 0 to 1"),
        (
            [3, 1000, 999, 600_000, 0],
            "retry factor_thousandths 999 is out of bounds; give an integer from 1000",
        ),
        ([3, 1000, 2000, 0, 0], "retry cap_ms 0 is out of bounds"),
    ],
)
def test_a_malformed_row_is_refused(row: object, fault: str) -> None:
    """Each refusal must name the field, the fault and the mend."""
    with pytest.raises(ValueError, match=fault):
        RetryPolicy.from_row(row)  # type: ignore[arg-type]  # wrong types are the point
