"""Judges a drill: what clients were told and what handlers wrote down, against the shard files in the end.

Decides what counts as lost, duplicated, overlapping or late. Pure: it is given all it looks at. An acknowledged job is
there once, and has ended; an attempt runs once, and no two attempts of a job at the same time; each instant of the
schedule has one job; the files of all nodes are equal.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ...actors.jobs.lifecycle import TERMINAL
from . import history, runs
from .facts import Facts, Tick

TICK_MS: Final = 1000
LATE_MS: Final = 1000
"""A tick whose job begins later than this after its instant is counted as late."""
TOLD_MAX: Final = 5
"""Of each kind of violation so many are told."""


@dataclass(slots=True)
class Verdict:
    """What came of a drill; clean if nothing was violated."""

    acked: int = 0
    """Jobs that clients have an id for."""
    unknown: int = 0
    """Jobs that were never acknowledged, and may be there or not."""
    errors: int = 0
    """Calls of clients that ended in an error, all of which were tried again."""
    refusals: dict[str, int] = field(default_factory=dict[str, int])
    """Those by code."""
    lost: int = 0
    duplicated: int = 0
    overlapping: int = 0
    unended: int = 0
    ticks: int = 0
    ticks_missing: int = 0
    ticks_doubled: int = 0
    ticks_late: int = 0
    """No violation: while nobody leads nobody fires."""
    latest_tick_ms: float = 0.0
    differing: int = 0
    """Tables in which a node's file is not the leader's."""
    invented: int = 0
    """Jobs with a key that nobody has sent."""
    told: list[str] = field(default_factory=list[str])
    """The violations in words."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was violated."""
        return not self.told

    def violate(self, kind: str, count: int, examples: Iterable[object]) -> None:
        """Tells a violation, if there is any."""
        if count:
            shown = ", ".join(str(example) for _, example in zip(range(TOLD_MAX), examples, strict=False))
            self.told.append(f"{count} {kind}: {shown}{', …' if count > TOLD_MAX else ''}")

    def as_dict(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return asdict(self) | {"clean": self.is_clean}


def judge(
    events: Iterable[history.Event],
    signs: Iterable[runs.Run],
    leader: Facts,
    others: dict[str, dict[str, str]],
    planned_ms: tuple[int, int] | None,
) -> Verdict:
    """Judges.

    Args:
        events: the history of the clients.
        signs: what handlers wrote down.
        leader: the file of the node that leads in the end.
        others: node -> hashes of its file's tables.
        planned_ms: the first and the last instant of the schedule of each second; None if there was none.
    """
    verdict = Verdict()
    _judge_jobs(verdict, list(events), leader)
    _judge_runs(verdict, signs, leader)
    if planned_ms is not None:
        _judge_ticks(verdict, leader, *planned_ms)
    _judge_files(verdict, leader, others)
    return verdict


def _judge_jobs(verdict: Verdict, events: Sequence[history.Event], leader: Facts) -> None:
    sent: dict[int, list[str]] = {}
    acked: dict[str, set[int]] = defaultdict(set)
    refusals: Counter[str] = Counter()
    for event in events:
        if event.what == history.INVOKE:
            sent[event.op] = event.keys
        elif event.what == history.OK:
            for key, id in zip(sent[event.op], event.ids, strict=True):
                acked[key].add(id)
        else:
            refusals[event.code] += 1
    states = {job.id: job.state for job in leader.jobs}
    by_key: dict[str, list[int]] = defaultdict(list)
    for job in leader.jobs:
        if job.key is not None:
            by_key[job.key].append(job.id)
    verdict.refusals, verdict.errors = dict(refusals), refusals.total()
    verdict.acked = len(acked)
    keys = {key for op in sent.values() for key in op}
    verdict.unknown = len(keys - acked.keys())
    lost = [f"{key} (job {id})" for key, ids in acked.items() for id in ids if id not in by_key.get(key, ())]
    copies = {id: count for id, count in Counter(job.id for job in leader.jobs).items() if count > 1}
    doubled = [f"{key} as {ids}" for key, ids in by_key.items() if len(set(ids)) > 1]
    told_twice = [f"{key} as {sorted(ids)}" for key, ids in acked.items() if len(ids) > 1]
    owners = Counter(id for ids in acked.values() for id in ids)
    shared = [f"job {id} for {count} keys" for id, count in owners.items() if count > 1]
    again = [f"job {id} succeeded {count} times" for id, count in leader.successes.items() if count > 1]
    unended = [id for ids in acked.values() for id in ids if id in states and states[id] not in TERMINAL]
    invented = [key for key in by_key if key not in keys]
    verdict.lost, verdict.unended, verdict.invented = len(lost), len(unended), len(invented)
    duplicates = [*doubled, *told_twice, *shared, *again, *(f"job {id} stands {n} times" for id, n in copies.items())]
    verdict.duplicated = len(duplicates)
    verdict.violate("acknowledged jobs lost", len(lost), lost)
    verdict.violate("jobs duplicated", len(duplicates), duplicates)
    verdict.violate("acknowledged jobs not ended", len(unended), unended)
    verdict.violate("jobs that nobody has sent", len(invented), invented)


def _judge_runs(verdict: Verdict, signs: Iterable[runs.Run], leader: Facts) -> None:
    lives: dict[int, dict[int, list[runs.Run]]] = defaultdict(lambda: defaultdict(list))
    for sign in signs:
        lives[sign.job][sign.attempt].append(sign)
    begun_twice: list[str] = []
    overlaps: list[str] = []
    for job, attempts in lives.items():
        latest: tuple[int, int] | None = None  # the last sign of life of all attempts so far, and whose it is
        for attempt in sorted(attempts):
            found = attempts[attempt]
            if sum(sign.kind == runs.BEGUN for sign in found) > 1:
                begun_twice.append(f"job {job} attempt {attempt}")
            first, last = min(sign.at_ns for sign in found), max(sign.at_ns for sign in found)
            if latest is not None and latest[0] > first:
                by_ms = (latest[0] - first) / 1e6
                overlaps.append(f"job {job} attempt {latest[1]} outlives the start of {attempt} by {by_ms:.1f} ms")
            if latest is None or last > latest[0]:
                latest = (last, attempt)
    verdict.overlapping = len(overlaps)
    verdict.duplicated += len(begun_twice)
    verdict.violate("attempts begun twice", len(begun_twice), begun_twice)
    verdict.violate("attempts that overlap", len(overlaps), overlaps)
    known = {job.id for job in leader.jobs}
    ran_unknown = [job for job in lives if job not in known]
    verdict.invented += len(ran_unknown)
    verdict.violate("jobs that ran and are not there", len(ran_unknown), ran_unknown)


def _judge_ticks(verdict: Verdict, leader: Facts, first_ms: int, last_ms: int) -> None:
    fired: Counter[int] = Counter()
    for tick in leader.ticks:
        if tick.job is not None:
            fired.update(instants(tick))
    wanted = range(first_ms, last_ms + 1, TICK_MS)
    missing = [instant for instant in wanted if not fired[instant]]
    doubled = [instant for instant, count in fired.items() if count > 1]
    late = [tick.started_ms - tick.from_ms for tick in leader.ticks if tick.started_ms is not None]
    verdict.ticks, verdict.ticks_missing, verdict.ticks_doubled = len(wanted), len(missing), len(doubled)
    verdict.latest_tick_ms = max(late, default=0)
    verdict.ticks_late = sum(by_ms > LATE_MS for by_ms in late)
    verdict.violate("ticks missing", len(missing), missing)
    verdict.violate("ticks with two jobs", len(doubled), doubled)


def instants(tick: Tick) -> list[int]:
    """Returns the instants of a row; several lie evenly between its ends."""
    step = (tick.to_ms - tick.from_ms) // (tick.size - 1) if tick.size > 1 else 1
    return [tick.from_ms + at * step for at in range(tick.size)]


def _judge_files(verdict: Verdict, leader: Facts, others: dict[str, dict[str, str]]) -> None:
    differing = [
        f"{table} at {node}" if table in leader.hashes else f"{table} at {node}: {tables[table]}"
        for node, tables in others.items()
        for table in sorted(leader.hashes.keys() | tables.keys())
        if leader.hashes.get(table) != tables.get(table)
    ]
    verdict.differing = len(differing)
    verdict.violate("tables that differ from the leader's", len(differing), differing)
