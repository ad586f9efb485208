"""Retention: which finished jobs and which idempotency keys go.

Decides the order (by the stamp of the entry that ended the job, then by id), which every replica must share. Must not
know when retention runs: the leader logs that. Rule: the PRUNE and KEYS_END ops of actors/entries.py.
"""

import heapq
from collections.abc import Iterator
from itertools import islice, takewhile

from ....actors.jobs.lifecycle import CANCELLED, DEAD, EXPIRED, SUCCEEDED
from .batch import pack
from .database import Database

_LANES_OF_QUEUE = """
    SELECT lane, succeeded + dead + cancelled + expired AS kept FROM lanes WHERE kept > 0 AND queue = ?
"""
_LANES_BUT_QUEUES = """
    SELECT lane, succeeded + dead + cancelled + expired AS kept FROM lanes
    WHERE kept > 0 AND queue NOT IN (SELECT value FROM json_each(?))
"""
OLDEST = "SELECT finished_ms, id, lane, state FROM finished WHERE lane = ? ORDER BY finished_ms, id LIMIT ?"
_DELETE_FINISHED = "DELETE FROM finished WHERE id IN (SELECT value FROM json_each(?))"
DELETE_EXECUTIONS = "DELETE FROM executions WHERE job_id IN (SELECT value FROM json_each(?))"
END_KEYS = "DELETE FROM keys WHERE until_ms < ?"

_FINISHED_STATES = (SUCCEEDED, DEAD, CANCELLED, EXPIRED)


def prune(
    database: Database,
    queue: str | None,
    others: list[str],
    finished_before_ms: int | None,
    keep: int | None,
    limit: int,
) -> tuple[dict[int, dict[int, int]], int]:
    """Deletes finished jobs and their executions.

    Args:
        database: a connection in a write transaction.
        queue: only jobs of this queue, of all tenants; None for all but `others`.
        others: the queues that are left alone if `queue` is None.
        finished_before_ms: jobs that ended before this go; None for no such rule.
        keep: the oldest beyond the newest `keep` go; None for no such rule.
        limit: how many go at most.

    Returns:
        (lane -> state -> how many jobs more, which is negative; how many executions went).
    """
    if queue is None:
        kept = dict(database.execute(_LANES_BUT_QUEUES, (pack(others),)))
    else:
        kept = dict(database.execute(_LANES_OF_QUEUE, (queue,)))
    surplus = 0 if keep is None else max(0, sum(kept.values()) - keep)

    # Both rules take a beginning of one order, so what goes is the longer of the two beginnings. A lane is read in that
    # order from its index, and a merge of the lanes looks at one row a lane that stays, no more.
    def oldest(lane: int) -> Iterator[tuple[int, int, int, int]]:
        yield from database.execute(OLDEST, (lane, limit))

    ordered = islice(heapq.merge(*map(oldest, kept)), limit)
    gone = [
        row
        for _, row in takewhile(
            lambda item: item[0] < surplus or (finished_before_ms is not None and item[1][0] < finished_before_ms),
            enumerate(ordered),
        )
    ]
    by_lane: dict[int, dict[int, int]] = {}
    for _, _, lane, state in gone:
        more = by_lane.setdefault(lane, {})
        more[state] = more.get(state, 0) - 1
    ids = pack([row[1] for row in gone])
    database.execute(_DELETE_FINISHED, (ids,))
    database.execute(DELETE_EXECUTIONS, (ids,))
    return by_lane, database.changes()


def end_keys(database: Database, before_ms: int) -> None:
    """Deletes the idempotency keys whose stated time ended before this."""
    database.execute(END_KEYS, (before_ms,))
