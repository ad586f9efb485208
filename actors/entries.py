"""The log's vocabulary: an entry is one group commit, a list of ops that say what was decided.

Decides the ops, their columns and their bytes. Ops hold decisions (ids, fences, times, draws), never requests, so
applying them needs no clock and no chance. An op is a flat list `[kind, column, ...]`; a kind once given keeps its
meaning for ever, a change of columns is a new ENTRY_VERSION, and a golden log of every version is replayed in a test.
"""

from typing import Any, NamedTuple, cast

from ..broker.wire.packing import pack, unpack

Op = list[Any]

ENTRY_VERSION = 1

NOOP = 0
"""[NOOP]: the first entry of an epoch."""
LANES = 1
"""[LANES, rows]: new lanes, rows of LANE_COLUMNS."""
EXECUTORS = 2
"""[EXECUTORS, rows]: new executor names, rows of EXECUTOR_COLUMNS."""
TASKS = 3
"""[TASKS, rows]: the catalogue gains or changes these tasks, rows of broker.wire.rows.TASK_COLUMNS."""
SUBMIT = 4
"""[SUBMIT, session, sequence, acked_below, first_id, rows, existing]: jobs taken, rows of JOB_COLUMNS, ids first_id,
first_id + 1, ...; `existing` lists [offset, id]: the rows of the request that were duplicates by key (they have no
row here). Session 0 is the shard itself, which asks once: no answer is kept for it."""
LEASE = 5
"""[LEASE, executor, incarnation, ids, attempts]: these jobs are leased; fence = (epoch, index) of this entry."""
FINISH = 6
"""[FINISH, executor, rows]: attempts ended, rows of FINISH_COLUMNS."""
CANCEL = 7
"""[CANCEL, ids, state]: jobs that do not run end, as cancelled or skipped, at the entry's stamp."""
ASK = 8
"""[ASK, ids, state]: running jobs are asked to stop, to end as cancelled or skipped; how they end, a FINISH says."""
EXPIRE = 9
"""[EXPIRE, ids]: jobs that did not start in time end as expired, at the entry's stamp."""
READY = 10
"""[READY, ids]: jobs whose time has come and that memory does not hold: from now on they stand in their lane on
disk.
"""
HOLD = 11
"""[HOLD, floor, rows]: leases that have grown old get a row, rows of HOLD_COLUMNS; no lease older than entry `floor`
lacks one.
"""
SESSIONS_END = 12
"""[SESSIONS_END, sessions]: idle client sessions are forgotten."""
PRUNE = 13
"""[PRUNE, queue_or_none, others, finished_before_ms, keep, limit]: retention. Of the finished jobs (of that queue; if
it is None, of all queues but `others`, which have rules of their own), those that ended before finished_before_ms go,
and the oldest beyond the newest `keep`; at most `limit` in this op."""
KEYS_END = 14
"""[KEYS_END, before_ms]: idempotency keys whose stated time ended before this go."""
SCHEDULE = 15
"""[SCHEDULE, source, revision, rows]: schedules are added or changed, rows of SCHEDULED_COLUMNS. A number that is not
known yet is a new schedule, and a new generation of its name."""
UNSCHEDULE = 16
"""[UNSCHEDULE, schedules]: these end for good; their ticks stay."""
PAUSE = 17
"""[PAUSE, schedules, paused, note]: these pause (paused 1) or go on (0); the note says why, None if nobody did."""
TICK = 18
"""[TICK, rows]: instants are accounted for, rows of TICK_COLUMNS. A row replaces the one of the same (schedule,
from_ms). The jobs that it names come with a SUBMIT of session 0 in the same entry, before it."""
AUDIT = 19
"""[AUDIT, rows]: somebody changed something, at the entry's stamp; rows of AUDIT_COLUMNS."""
TICKS_END = 20
"""[TICKS_END, before_ms, keep, limit]: retention. Ticks whose last instant lies before before_ms go, and the oldest
beyond the newest `keep`; at most `limit` in this op. So do the records of schedules that are removed and have no ticks
left, and audit rows stamped before before_ms; at most `limit` of each."""
BOOT = 21
"""[BOOT, node, boot]: the node's host runs under this boot id, which says whether it was started anew."""
REVIVE = 22
"""[REVIVE, rows]: finished jobs live again, rows [id, lane]: ready, in their lane on disk, with no failure or crash
counted; attempts go on counting. They expire no more, nor have a deadline."""
SETTLE = 23
"""[SETTLE, rows, state]: finished jobs, rows [id, lane], get another final state: skipped or discarded."""
LEASE_TTL = 24
"""[LEASE_TTL, lease_ttl_ms]: from now on no lease is trusted for longer without a renewal. A longer time stands here
before it is granted, a shorter one when all leases of the longer are over."""

LANE_COLUMNS = ("lane", "tenant", "queue", "priority", "task")
EXECUTOR_COLUMNS = ("executor", "node", "name")
JOB_COLUMNS = (
    "lane",
    "payload",
    "scheduled_ms",
    "due_ms",
    "key",
    "retry",
    "timeout_ms",
    "expires_ms",
    "trace",
    "key_until_ms",
    "deadline_ms",
)
"""scheduled_ms is the nominal time; due_ms is None for a job due at once; expires_ms, key_until_ms and deadline_ms are
UTC; expires_ms is never after deadline_ms; retry is a policy row.
"""
FINISH_COLUMNS = (
    "id",
    "attempt",
    "outcome",
    "state",
    "scheduled_ms",
    "started_ms",
    "finished_ms",
    "result",
    "error",
    "error_kind",
    "due_ms",
    "failures",
    "crashes",
    "output",
)
"""outcome and state are the numbers of jobs.lifecycle; due_ms is when the job runs again (state retrying), None if at
once or never.
"""
HOLD_COLUMNS = ("id", "attempt", "epoch", "index", "executor", "incarnation", "leased_ms")

SCHEDULED_COLUMNS = ("schedule", "cursor_ms", "next_ms", "definition")
"""schedule numbers count from 1 in each shard and are never given twice; every instant up to cursor_ms is accounted
for; next_ms is the next nominal instant, None if there is none; definition is a row of
broker.wire.rows.SCHEDULE_COLUMNS.
"""
TICK_COLUMNS = ("schedule", "from_ms", "to_ms", "count", "reason", "job", "cursor_ms", "next_ms")
"""The `count` nominal instants from from_ms to to_ms share one fate: reason is a number of schedules.reasons, job the
id of the one that was made, None if none was. cursor_ms and next_ms are the schedule's from now on.
"""
AUDIT_COLUMNS = ("who", "action", "object", "before", "after", "note")
"""All texts; before, after and note may be None."""


class Entry(NamedTuple):
    """One group commit of one shard."""

    epoch: int
    stamp_ms: int
    """The leader's wall clock when it decided, never less than the stamp before."""
    ops: list[Op]


def encode_entry(entry: Entry) -> bytes:
    """Packs an entry for the log."""
    return pack([ENTRY_VERSION, entry.epoch, entry.stamp_ms, entry.ops])


ENGINE_MARK = b"\xc1"
"""The first byte of entries that the log's engine makes for itself (a new leader's first one, members): no msgpack
begins so.
"""


def entry_of(epoch: int, blob: bytes) -> Entry:
    """Returns what a record of the log says to a shard; one of the engine's own says nothing, not even the time.

    Raises:
        ValueError: see `decode_entry`.
    """
    if blob[:1] == ENGINE_MARK:
        return Entry(epoch, 0, [])
    return decode_entry(blob)


def decode_entry(blob: bytes) -> Entry:
    """Reads an entry of this version or of any before it.

    Raises:
        ValueError: the blob is not an entry, or one of a later version than this program knows.
    """
    values: Any = unpack(blob)
    if type(values) is not list or len(cast("list[Any]", values)) != 4:
        raise ValueError("a log entry is an array [version, epoch, stamp_ms, ops]")
    if values[0] != ENTRY_VERSION:
        raise ValueError(
            f"log entry version {values[0]!r} is not known here; this program reads {ENTRY_VERSION}; upgrade mainspring"
        )
    return Entry(values[1], values[2], values[3])
