"""Builders of log entries for tests of shard stores: plain by default, any column by name."""

from pathlib import Path
from typing import Any

import apsw

from mainspring.actors import entries
from mainspring.actors.entries import Entry, Op
from mainspring.actors.jobs import lifecycle as life
from mainspring.actors.store import ReadListing, ShardStore
from mainspring.broker.wire.ids import job_id
from mainspring.nodes.storage.shard.shard_file import ShardFile

START_MS = 1_700_000_000_000
"""2023-11-14T22:13:20.000Z"""

LANES: Op = [
    entries.LANES,
    [[1, "default", "mail", 0, "shop.send_email"], [2, "other", "slow", 5, "shop.report"]],
]
EXECUTORS: Op = [entries.EXECUTORS, [[1, "node-1", "executor-1"]]]
TASKS: Op = [entries.TASKS, [["shop.send_email", "asyncio", "mail", [3, 1000, 2.0], 30_000, 0]]]

_JOB = {
    "lane": 1,
    "payload": "{}",
    "scheduled_ms": START_MS,
    "due_ms": None,
    "key": None,
    "retry": None,
    "timeout_ms": None,
    "expires_ms": None,
    "trace": None,
    "key_until_ms": None,
    "deadline_ms": None,
}
_FINISH = {
    "id": 1,
    "attempt": 1,
    "outcome": life.OUTCOME_SUCCEEDED,
    "state": life.SUCCEEDED,
    "scheduled_ms": START_MS,
    "started_ms": START_MS + 3,
    "finished_ms": START_MS + 10,
    "result": None,
    "error": None,
    "error_kind": None,
    "due_ms": None,
    "failures": 0,
    "crashes": 0,
    "output": None,
}


def an_entry(*ops: Op, stamp_ms: int = START_MS, epoch: int = 1) -> Entry:
    """An entry of these ops."""
    return Entry(epoch, stamp_ms, list(ops))


def a_submit(first_id: int = 1, count: int = 1, session: int = 1, sequence: int = 1, **columns: Any) -> Op:
    """An op that takes `count` jobs alike."""
    rows = [list((_JOB | columns).values()) for _ in range(count)]
    assert len(rows[0]) == len(entries.JOB_COLUMNS), "a column is misspelt"
    return [entries.SUBMIT, session, sequence, 0, first_id, rows, []]


def a_finish(*ids: int, **columns: Any) -> Op:
    """An op that ends the first attempt of these jobs, well if nothing else is said."""
    rows = [list((_FINISH | {"id": id} | columns).values()) for id in ids]
    assert all(len(row) == len(entries.FINISH_COLUMNS) for row in rows), "a column is misspelt"
    return [entries.FINISH, 1, rows]


def a_hold(id: int, index: int = 1, leased_ms: int = START_MS) -> Op:
    """An op that gives the lease of a job a row."""
    return [entries.HOLD, index, [[id, 1, 1, index, 1, 77, leased_ms]]]


def apply(store: ShardStore, *log: Entry) -> None:
    """Applies entries behind those that the store has."""
    assert store.apply(list(enumerate(log, store.applied + 1)))


def one_of_each(shard: int = 3) -> list[Entry]:
    """A short history that leaves a job in each state; sequence numbers 1 to 9, in shard 3."""
    first = job_id(shard, 1)
    far_ms = 4_000_000_000_000
    failed = {
        "outcome": life.OUTCOME_FAILED,
        "error": "no such host\nTraceback ...",
        "error_kind": "ConnectionError",
        "result": None,
        "output": "connecting\n",
    }
    taken = a_submit(first, 9, payload='[["someone@example.org"],{}]', key=None, trace="00-abc-def-01")
    rows = taken[5]
    rows[0][3] = rows[0][2] = far_ms  # scheduled
    rows[1][3] = rows[1][2] = START_MS + 5  # scheduled, and due by now
    rows[2][4], rows[2][9] = "welcome-17", START_MS + 86_400_000  # ready, with a key
    rows[8][0] = 2
    ended = [
        a_finish(first + 4, **failed, state=life.RETRYING, due_ms=far_ms, failures=1),
        a_finish(first + 5, result='{"sent":1}'),
        a_finish(first + 6, **failed, state=life.DEAD),
    ]
    return [
        an_entry(LANES, EXECUTORS, TASKS),
        an_entry(taken, stamp_ms=START_MS + 1),
        an_entry([entries.LEASE, 1, 77, [first + 3, first + 4, first + 5, first + 6], [1] * 4], stamp_ms=START_MS + 2),
        an_entry(*ended, stamp_ms=START_MS + 20),
        an_entry(a_hold(first + 3, 3, START_MS + 2), stamp_ms=START_MS + 1500),
        an_entry(
            [entries.CANCEL, [first + 7], life.CANCELLED], [entries.EXPIRE, [first + 8]], stamp_ms=START_MS + 2000
        ),
    ]


FIRST = (1, an_entry(LANES, EXECUTORS))


def history(count: int, first: int = 2) -> list[tuple[int, Entry]]:
    """Numbered entries behind FIRST; each takes four jobs and ends three of them."""
    built: list[tuple[int, Entry]] = []
    for index in range(first, first + count):
        id = (index - 2) * 4 + 1
        ops = [a_submit(id, 4, sequence=index), a_finish(id, id + 1, id + 3, result="[1]")]
        built.append((index, an_entry(*ops, stamp_ms=START_MS + index)))
    return built


def row_faults(path: Path) -> list[str]:
    """What is wrong with a file that holds FIRST and `history` up to some entry."""
    store = ShardFile(path)
    rows = dict(store.read(ReadListing("stat", {}))[1])
    expected = max(0, store.applied - 1)
    store.close()
    faults = [
        f"{name} is {rows[name]}, not {count}"
        for name, count in (("rows.jobs", expected), ("rows.finished", expected * 3), ("rows.executions", expected * 3))
        if rows[name] != count
    ]
    connection = apsw.Connection(str(path))
    counted = connection.execute(
        "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM finished), (SELECT count(*) FROM executions)"
    ).fetchone()
    if counted != (expected, expected * 3, expected * 3):
        faults.append(f"rows {counted}, not {(expected, expected * 3, expected * 3)}")
    checked = connection.execute("PRAGMA integrity_check").get
    connection.close()
    return faults if checked == "ok" else [*faults, checked]
