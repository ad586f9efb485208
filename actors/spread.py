"""How often something took how long: the counts behind a histogram.

Decides the buckets, and how a histogram is made of them. Must not know Prometheus: nodes/metrics makes its families.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

MetricRow = list[object]
"""[name, labels, value]: labels are texts in turn name, value, name, value; the value of a spread is a list."""

JOB_BOUNDS_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000)
"""Upper bounds for what jobs take, in milliseconds."""

LOOP_BOUNDS_US = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000)
"""Upper bounds for what a loop or a disk takes, in microseconds."""


class Spread:
    """Counts times by bucket; what is above the last bound falls into one without a bound.

    Args:
        bounds: upper bounds of the buckets, ascending.
        a_second: how many of their unit make a second.
    """

    __slots__ = ("_a_second", "_bounds", "buckets", "total")

    def __init__(self, bounds: tuple[int, ...], a_second: int) -> None:
        self._bounds = bounds
        self._a_second = a_second
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0

    def add(self, took: int) -> None:
        """Counts one; a negative time, from two clocks that disagree, counts as none."""
        if took < 0:
            took = 0
        self.buckets[bisect_left(self._bounds, took)] += 1
        self.total += took

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self.buckets)

    def row(self, name: str, labels: list[str]) -> MetricRow:
        """Returns it as one row, of which `histogram` makes samples: those are many, and nobody here needs them."""
        return [name, labels, [self._a_second, self.total, list(self._bounds), list(self.buckets)]]


def histogram(name: str, labels: list[str], value: Sequence[Any]) -> list[MetricRow]:
    """Returns a spread's row as a histogram in seconds: buckets that include those below them, the count, the sum."""
    a_second, total = value[:2]
    bounds: list[int] = value[2]
    buckets: list[int] = value[3]
    tops = [*(f"{bound / a_second:g}" for bound in bounds), "+Inf"]
    found: list[MetricRow] = [
        [f"{name}_bucket", [*labels, "le", top], count] for top, count in zip(tops, accumulate(buckets), strict=True)
    ]
    return [*found, [f"{name}_count", labels, sum(buckets)], [f"{name}_sum", labels, total / a_second]]
