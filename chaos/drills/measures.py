"""What a drill comes to in numbers: throughput before, during and after faults, and how long each took to be over.

Decides the definitions. Pure. The recovery of a round is its longest time without an acknowledgement (and, apart,
without a handler that begins): from the last one before to the first one after, whatever lies between; so what the
fault does when it ends counts as well.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final

from ...nodes.bench.statistics import percentile
from . import history, runs
from .scene import Mark

REACH_NS: Final = 300_000_000
"""So long after a round is over a gap still counts as its own."""


@dataclass(frozen=True, slots=True)
class Measures:
    """The numbers of one drill; rates in jobs a second, times in ms."""

    before: float
    during: float
    after: float
    acks_ms: list[float] = field(default_factory=list[float])
    """A round each: the longest time without an acknowledgement."""
    starts_ms: list[float] = field(default_factory=list[float])
    """The same without a handler that begins."""
    again_ms: list[float] = field(default_factory=list[float])
    """Attempts that followed one which broke off in a round: from the fault to their start."""

    def as_dict(self) -> dict[str, Any]:
        """Returns them for JSON, with percentiles."""
        whole: dict[str, Any] = asdict(self)
        for name in ("acks_ms", "starts_ms", "again_ms"):
            values: list[float] = whole[name]
            whole[f"{name}_p50"] = percentile(values, 0.5) if values else None
            whole[f"{name}_p99"] = percentile(values, 0.99) if values else None
        return whole


@dataclass(frozen=True, slots=True)
class Traces:
    """What happened when, in elapsed ns, sorted."""

    acks: list[tuple[int, int, int]]
    """(when, after how long, how many jobs), of each request that was acknowledged."""
    starts: list[int]
    """When handlers began."""


def traces(events: Iterable[history.Event], signs: Iterable[runs.Run]) -> Traces:
    """Returns acknowledgements and starts."""
    invoked: dict[int, int] = {}
    acks: list[tuple[int, int, int]] = []
    for event in events:
        if event.what == history.INVOKE:
            invoked[event.op] = event.at_ns
        elif event.what == history.OK:
            acks.append((event.at_ns, event.at_ns - invoked[event.op], len(event.ids)))
    return Traces(sorted(acks), sorted(sign.at_ns for sign in signs if sign.kind == runs.BEGUN))


def measure(found: Traces, signs: Sequence[runs.Run], marks: Sequence[Mark]) -> Measures:
    """Returns the numbers.

    Args:
        found: of the whole drill.
        signs: what handlers wrote down.
        marks: the rounds, in order.
    """
    times = [at for at, _, _ in found.acks]
    if not times or not marks:
        return Measures(0.0, 0.0, 0.0)
    over_ns = max(mark.over_ns or mark.begun_ns for mark in marks)
    spans = [(mark.begun_ns, mark.over_ns or mark.begun_ns) for mark in marks]
    return Measures(
        _rate(found, [(times[0], marks[0].begun_ns)]),
        _rate(found, spans),
        _rate(found, [(over_ns, times[-1])]),
        [gap_ms(times, *span) for span in spans],
        [gap_ms(found.starts, *span) for span in spans],
        again(signs, marks),
    )


def _rate(found: Traces, spans: Iterable[tuple[int, int]]) -> float:
    jobs = length = 0
    for begun, ended in spans:
        jobs += sum(count for at, _, count in found.acks if begun <= at < ended)
        length += max(0, ended - begun)
    return jobs / (length / 1e9) if length else 0.0


def gap_ms(times: Sequence[int], begun_ns: int, over_ns: int) -> float:
    """Returns the longest time between neighbours of which the later one comes after the fault began.

    Args:
        times: sorted.
        begun_ns: of the fault.
        over_ns: when all was whole again.
    """
    first = max(0, bisect_right(times, begun_ns) - 1)
    last = min(len(times), bisect_left(times, over_ns + REACH_NS) + 1)
    near = times[first:last]
    return max((later - earlier for earlier, later in pairwise(near)), default=0) / 1e6


def again(signs: Iterable[runs.Run], marks: Sequence[Mark]) -> list[float]:
    """Returns from fault to new start, in ms, of attempts that a fault has broken off."""
    begun: dict[tuple[int, int], int] = {}
    ended: set[tuple[int, int]] = set()
    for sign in signs:
        if sign.kind == runs.BEGUN:
            begun.setdefault((sign.job, sign.attempt), sign.at_ns)
        elif sign.kind == runs.ENDED:
            ended.add((sign.job, sign.attempt))
    faults = [mark.begun_ns for mark in marks]
    following: dict[tuple[int, int], int] = {}  # what has broken off -> when the job's next attempt began
    earlier: dict[int, tuple[int, int]] = {}
    for job, attempt in sorted(begun):
        if job in earlier:
            following[earlier[job]] = begun[job, attempt]
        earlier[job] = (job, attempt)
    found: list[float] = []
    for broken, next_ns in following.items():
        place = bisect_left(faults, begun[broken])  # the first fault after the attempt began
        if broken not in ended and place < len(faults) and faults[place] < next_ns:
            found.append((next_ns - faults[place]) / 1e6)
    return sorted(found)
