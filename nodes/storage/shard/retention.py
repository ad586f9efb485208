"""Retention: which finished jobs, idempotency keys, ticks and audit rows go.

Decides the order (of jobs by the stamp of the entry that ended them, then by id; of ticks by their last instant), which
every replica must share. Must not know when retention runs: the leader logs that. Rule: the PRUNE, KEYS_END and
TICKS_END ops of actors/entries.py.
"""

# ruff: noqa: S608 - statements are put together from constants; every value is bound

import heapq
from collections.abc import Iterator
from itertools import islice, takewhile

from ....actors.jobs.lifecycle import STATES, TERMINAL
from .batch import pack
from .database import Database

_KEPT = " + ".join(STATES[state] for state in sorted(TERMINAL))
_LANES_OF_QUEUE = f"""
    SELECT lane, {_KEPT} AS kept FROM lanes WHERE kept > 0 AND queue = ?
"""
_LANES_BUT_QUEUES = f"""
    SELECT lane, {_KEPT} AS kept FROM lanes
    WHERE kept > 0 AND queue NOT IN (SELECT value FROM json_each(?))
"""
OLDEST = "SELECT finished_ms, id, lane, state FROM finished WHERE lane = ? ORDER BY finished_ms, id LIMIT ?"
_DELETE_FINISHED = "DELETE FROM finished WHERE id IN (SELECT value FROM json_each(?))"
DELETE_EXECUTIONS = "DELETE FROM executions WHERE job_id IN (SELECT value FROM json_each(?))"
END_KEYS = "DELETE FROM keys WHERE until_ms < ?"
OLDEST_TICKS = "SELECT schedule, from_ms, to_ms FROM ticks ORDER BY to_ms, schedule, from_ms LIMIT ?"
_DELETE_TICK = "DELETE FROM ticks WHERE schedule = ? AND from_ms = ?"
DELETE_REMOVED = """DELETE FROM schedules WHERE schedule IN (
    SELECT schedule FROM schedules AS gone WHERE removed_ms IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM ticks WHERE ticks.schedule = gone.schedule)
    ORDER BY name, tenant, schedule LIMIT ?)"""
DELETE_AUDIT = """DELETE FROM audit WHERE id IN (
    SELECT id FROM (SELECT id, stamp_ms FROM audit ORDER BY id LIMIT ?) WHERE stamp_ms < ?)"""


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


def end_ticks(database: Database, kept: int, before_ms: int | None, keep: int | None, limit: int) -> int:
    """Deletes ticks, then the records of removed schedules that have none left, and audit rows.

    Args:
        database: a connection in a write transaction.
        kept: how many rows of ticks there are.
        before_ms: ticks whose last instant lies before this go, and audit rows that were stamped before it; None for
            no such rule.
        keep: the oldest ticks beyond the newest `keep` go; None for no such rule.
        limit: how many of each table go at most.

    Returns:
        How many ticks went.
    """
    surplus = 0 if keep is None else kept - keep
    # Both rules take a beginning of one order, so what goes is the longer of the two beginnings.
    oldest = database.execute(OLDEST_TICKS, (limit,))
    gone = [
        row[:2]
        for _, row in takewhile(
            lambda item: item[0] < surplus or (before_ms is not None and item[1][2] < before_ms), enumerate(oldest)
        )
    ]
    database.executemany(_DELETE_TICK, gone)
    database.execute(DELETE_REMOVED, (limit,))
    if before_ms is not None:
        database.execute(DELETE_AUDIT, (limit, before_ms))
    return len(gone)
