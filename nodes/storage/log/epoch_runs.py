"""Which entries of a group have which epoch.

Decides how that is found without a look at each entry: epochs only grow, so the bounds of a run are searched for by
halves.
"""

from collections.abc import Iterable

from .segment import Row, Segment
from .segment_chain import SegmentChain

Run = tuple[int, int]
"""(first index, epoch) of entries of one epoch, up to the next run."""


def read_runs(chain: SegmentChain, group: int, synced: int, pending: Iterable[Row]) -> list[Run]:
    """Returns the runs of a group in order: of the durable entries up to `synced`, and of those that wait.

    Raises:
        LogDamaged: an entry is missing.
    """
    found: list[Run] = []
    for segment in chain.segments:
        for first, epoch in _runs_in(segment, group):
            if first <= synced and (not found or found[-1][1] != epoch):
                found.append((first, epoch))
    for owner, index, epoch, *_ in pending:
        if owner == group and (not found or found[-1][1] != epoch):
            found.append((index, epoch))
    return found


def _runs_in(segment: Segment, group: int) -> list[Run]:
    span = segment.spans.get(group)
    if span is None:
        return []
    found = [(span.first, segment.tail_at(group, span.first).epoch)]
    while found[-1][1] != span.tail.epoch:
        below, above = found[-1][0], span.tail.last
        while above - below > 1:
            middle = (below + above) // 2
            if segment.tail_at(group, middle).epoch == found[-1][1]:
                below = middle
            else:
                above = middle
        found.append((above, segment.tail_at(group, above).epoch))
    return found
