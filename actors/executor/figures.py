"""What an executor tells of itself for the metrics: counters since its start, and gauges of this moment.

Decides names and bounds. Must not know who reads them. Rule: docs/running-jobs.md.
"""

from typing import Any

from ...broker.wire.limits import FIGURES_MAX
from .state import ExecutorState


def figures(state: ExecutorState) -> list[list[Any]]:
    """Returns rows [name, value]: first the gauges of each runner kind that has children, then the counters."""
    found: list[list[Any]] = []
    for kind, pool in state.pools.items():
        if pool.children:
            children = list(pool.children.values())
            found += [
                [f"{kind}_children", sum(1 for child in children if child.ready)],
                [f"{kind}_slots", sum(pool.slots for child in children if child.takes_runs)],
                [f"{kind}_busy", sum(min(pool.slots, len(child.runs)) for child in children)],
                [f"{kind}_rss_bytes", sum(child.rss_bytes for child in children)],
            ]
    found += [[name, value] for name, value in sorted(state.counts.items())]
    return found[:FIGURES_MAX]
