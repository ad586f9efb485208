"""What a series of numbers comes to: medians and percentiles.

Decides the definitions: nearest rank, no interpolation, so that every figure is a value that was measured. It must
not know what the numbers mean. Rule: medians of three or more runs, and ratios within a run (docs/benchmarks.md).
"""

import math
from collections.abc import Iterable, Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the smallest value that at least this share of all values do not exceed.

    Args:
        values: in any order, at least one.
        share: above 0, at most 1.

    Raises:
        ValueError: there are no values.
    """
    assert 0 < share <= 1, share
    if not values:
        raise ValueError("nothing was measured, so there is no percentile; measure at least once")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def median(values: Iterable[float]) -> float:
    """Returns the middle value; of an even number of values the mean of the middle two.

    Raises:
        ValueError: there are no values.
    """
    found = sorted(values)
    if not found:
        raise ValueError("nothing was measured, so there is no median; measure at least once")
    half = len(found) // 2
    return found[half] if len(found) % 2 else (found[half - 1] + found[half]) / 2


def ratios(values: Sequence[float], bases: Sequence[float]) -> list[float]:
    """Returns each value over its round's base: what a noisy machine does to both, it does to neither's ratio.

    Args:
        values: one a round.
        bases: one a round; where the rounds differ in number, those that both have are used.
    """
    return [value / base for value, base in zip(values, bases, strict=False) if base]
