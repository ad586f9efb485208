"""Bounded listings for people and tools: jobs, queues, executors, tasks, statistics.

Decides what memory adds to what the store lists. Listings are as of the last applied entry, a moment behind; memory
lays over them what runs now.
"""

from typing import Any

from ...broker.wire.messages import Listing, Query
from ..effects import Peer
from ..jobs.lifecycle import STATES
from ..store import ReadListing
from . import metrics
from .questions import LISTING_COST
from .state import ShardState

EXECUTOR_LISTING = [
    "executor",
    "node",
    "incarnation",
    "tasks",
    "queues",
    "slots",
    "used",
    "lease_left_ms",
    "silent",
    "labels",
]


def take(state: ShardState, peer: Peer, message: Query) -> None:
    """Answers a query from memory, or asks the store."""
    if message.name == "executors":
        state.send(peer, Listing(state.shard, message.request, EXECUTOR_LISTING, _executors(state), False))
    elif len(message.filter) > 16 or not all(isinstance(value, str | int | None) for value in message.filter.values()):
        state.refuse(peer, message.request, "invalid_query", "a filter holds at most 16 numbers or texts")
    else:
        read = ReadListing(message.name, message.filter, (peer, message.request))
        state.ask(peer, message.request, read, LISTING_COST)


def _executors(state: ShardState) -> list[list[Any]]:
    now_ns = state.now.elapsed_ns
    return [
        [
            link.name,
            link.node,
            link.incarnation,
            len(link.tasks),
            ",".join(sorted(link.queues)),
            sum(link.windows.values()),
            sum(link.used.values()),
            max(0, (link.deadline_ns - now_ns) // 1_000_000),
            link.silent,
            " ".join(link.labels),
        ]
        for link in sorted(state.links.by_peer.values(), key=lambda link: (link.node, link.name))
    ]


def listed(state: ShardState, read: ReadListing, rows: list[Any]) -> None:
    """Goes on when the store has answered."""
    peer, request = read.context
    if not state.answered(peer):
        return
    if len(rows) == 1:
        state.refuse(peer, request, "invalid_query", rows[0])
        return
    columns, found, more = rows
    if read.name in ("jobs", "job"):
        _lay_over(state, columns, found)
    elif read.name == "queues":
        _count_running(state, columns, found)
    elif read.name == "metrics":
        found = metrics.rows(state, found)
    elif read.name == "stat":
        found = [*found, *_memory_figures(state, found)]
    state.send(peer, Listing(state.shard, request, columns, found, more))


def _lay_over(state: ShardState, columns: list[str], rows: list[list[Any]]) -> None:
    """Puts in the states that memory knows and rows do not show yet."""
    id_at, state_at = columns.index("id"), columns.index("state")
    for row in rows:
        job = state.image.jobs.get(row[id_at])
        if job is not None:
            row[state_at] = STATES[job.state]


def _count_running(state: ShardState, columns: list[str], rows: list[list[Any]]) -> None:
    """Puts in how many jobs run now: the store knows only the leases that are old enough to have a row."""
    running: dict[tuple[str, str], int] = {}
    for job in state.image.leases.values():
        lane = state.image.lanes[job.lane]
        running[lane.tenant, lane.queue] = running.get((lane.tenant, lane.queue), 0) + 1
    tenant_at, queue_at, running_at = columns.index("tenant"), columns.index("queue"), columns.index("running")
    for row in rows:
        row[running_at] = running.get((row[tenant_at], row[queue_at]), 0)


def _memory_figures(state: ShardState, rows: list[list[Any]]) -> list[list[Any]]:
    """Returns the machine's own figures as rows [name, value], beside those that the store gave."""
    given = {row[0] for row in rows}
    picture = {**state.snapshot(), **state.counts}
    return [[name, value] for name, value in picture.items() if isinstance(value, int) and name not in given]
