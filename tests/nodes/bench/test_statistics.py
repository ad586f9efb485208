"""Medians and percentiles: values that were measured, however few there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.bench.statistics import median, percentile, ratios

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(VALUES, st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_enough_others_do_not_exceed(values: list[float], share: float) -> None:
    """Nearest rank: nothing is interpolated."""
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_p99_of_a_hundred_is_the_last_but_one() -> None:
    """One outlier among a hundred is beyond p99, and is p100."""
    values = [1.0] * 98 + [2.0, 50.0]

    assert percentile(values, 0.99) == 2.0
    assert percentile(values, 1) == 50.0


@pytest.mark.parametrize(("values", "expected"), [([3], 3), ([5, 1, 3], 3), ([4, 1, 2, 3], 2.5)])
def test_a_median_is_in_the_middle(values: list[float], expected: float) -> None:
    """Of an even number it is between the middle two."""
    assert median(values) == expected


@pytest.mark.parametrize("figure", [median, lambda values: percentile(values, 0.5)])
def test_nothing_measured_is_an_error(figure: object) -> None:
    """A figure that nobody measured must not look like 0."""
    assert callable(figure)
    with pytest.raises(ValueError, match="nothing was measured"):
        figure([])


def test_ratios_are_taken_within_rounds() -> None:
    """A round that was slow for both gives the same ratio; a base of 0 gives none."""
    assert ratios([10, 20, 30], [5, 10, 15]) == [2, 2, 2]
    assert ratios([10, 20], [0, 10]) == [2]
    assert ratios([10, 20, 30], [5]) == [2]
