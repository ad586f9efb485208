"""The views: their columns are the contract, and their values are what people read."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shard_entries import START_MS, a_finish, a_submit, an_entry, apply, one_of_each

from mainspring.actors import entries
from mainspring.actors.jobs import lifecycle as life
from mainspring.actors.store import ReadListing
from mainspring.broker.wire.ids import format_id, job_id
from mainspring.broker.wire.limits import TIME_MS_MAX
from mainspring.nodes.storage.shard import reads, retention, views
from mainspring.nodes.storage.shard.listing_rules import SCAN_IDS
from mainspring.nodes.storage.shard.offline import open_offline
from mainspring.nodes.storage.shard.shard_file import ShardFile

COLUMNS = {
    "v_jobs": (
        "id job tenant queue task priority state due_at attempts payload result error key created_at scheduled_at"
        " started_at finished_at expires_at created_ms scheduled_ms due_ms started_ms finished_ms expires_ms"
        " deadline_at deadline_ms timeout_ms retry trace"
    ),
    "v_executions": (
        "job_id job attempt tenant queue task scheduled_at started_at finished_at node executor outcome error_kind"
        " error output duration_ms lateness_ms scheduled_ms started_ms finished_ms"
    ),
    "v_leases": "job_id job attempt tenant queue task node executor incarnation epoch entry leased_at leased_ms",
    "v_lanes": (
        "lane tenant queue priority task live scheduled ready retrying succeeded dead cancelled expired "
        "skipped discarded"
    ),
    "v_queues": "tenant queue scheduled ready retrying succeeded dead cancelled expired skipped discarded running",
    "v_tasks": "name runner queue priority timeout_ms retry",
    "v_executors": "executor node name running",
    "v_shard": "applied epoch stamp_at stamp_ms next_sequence floor live finished executions schedules ticks "
    "lease_ttl_ms",
}


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A closed shard file with a job in each state, opened as people open it."""
    path = tmp_path_factory.mktemp("views") / "tasks_default_shard_3.db"
    store = ShardFile(path)
    apply(store, *one_of_each())
    store.close()
    connection = open_offline(path)
    yield connection
    connection.close()


def rows(connection: sqlite3.Connection, statement: str, *bound: Any) -> list[dict[str, Any]]:
    """The rows as dictionaries."""
    return [dict(row) for row in connection.execute(statement, bound)]


def job(connection: sqlite3.Connection, sequence: int) -> dict[str, Any]:
    """One row of v_jobs."""
    (row,) = rows(connection, "SELECT * FROM v_jobs WHERE id = ?", job_id(3, sequence))
    return row


def test_columns(shard: sqlite3.Connection) -> None:
    """Names and order of columns stay as they are; what is new comes behind."""
    found = {name: [row[1] for row in shard.execute(f"PRAGMA table_info({name})")] for name in views.VIEWS}
    assert found == {name: columns.split() for name, columns in COLUMNS.items()}


def test_states(shard: sqlite3.Connection) -> None:
    """Live and finished jobs stand together, each in the state that a person would name."""
    states = [row["state"] for row in rows(shard, "SELECT state FROM v_jobs ORDER BY id")]
    assert states == [
        "scheduled",
        "ready",  # its time has come
        "ready",
        "running",  # its lease has a row
        "retrying",
        "succeeded",
        "dead",
        "cancelled",
        "expired",
    ]


def test_finished_job(shard: sqlite3.Connection) -> None:
    """A finished job keeps what it was and how it ended, with times in both forms."""
    assert job(shard, 6) == {
        "id": 3 << 40 | 6,
        "job": "3-6",
        "tenant": "default",
        "queue": "mail",
        "task": "shop.send_email",
        "priority": 0,
        "state": "succeeded",
        "due_at": "2023-11-14T22:13:20.000Z",
        "attempts": 1,
        "payload": '[["someone@example.org"],{}]',
        "result": '{"sent":1}',
        "error": None,
        "key": None,
        "created_at": "2023-11-14T22:13:20.001Z",
        "scheduled_at": "2023-11-14T22:13:20.000Z",
        "started_at": "2023-11-14T22:13:20.003Z",
        "finished_at": "2023-11-14T22:13:20.020Z",
        "expires_at": None,
        "created_ms": START_MS + 1,
        "scheduled_ms": START_MS,
        "due_ms": START_MS,
        "started_ms": START_MS + 3,
        "finished_ms": START_MS + 20,
        "expires_ms": None,
        "deadline_at": None,
        "deadline_ms": None,
        "timeout_ms": None,
        "retry": None,
        "trace": "00-abc-def-01",
    }


def test_error_of_a_job(shard: sqlite3.Connection) -> None:
    """A job that failed shows its last error while it retries and when it is dead; the others show none."""
    errors = rows(shard, "SELECT job, error FROM v_jobs WHERE error IS NOT NULL ORDER BY id")
    assert errors == [{"job": f"3-{n}", "error": "no such host\nTraceback ..."} for n in (5, 7)]


def test_success_after_failure_shows_no_error(tmp_path: Path) -> None:
    """What went wrong on the way is a matter of v_executions."""
    store = ShardFile(tmp_path / "shard.db")
    failed = a_finish(1, outcome=2, state=4, error="broken", error_kind="ValueError")
    apply(store, *one_of_each(0)[:1], an_entry(a_submit(), failed), an_entry(a_finish(1, attempt=2)))
    store.close()
    connection = open_offline(tmp_path / "shard.db")
    assert rows(connection, "SELECT job, state, attempts, error FROM v_jobs") == [
        {"job": "1", "state": "succeeded", "attempts": 2, "error": None}
    ]
    assert rows(connection, "SELECT attempt, outcome, error FROM v_executions") == [
        {"attempt": 1, "outcome": "failed", "error": "broken"},
        {"attempt": 2, "outcome": "succeeded", "error": None},
    ]
    connection.close()


def test_executions(shard: sqlite3.Connection) -> None:
    """An attempt has a row with who ran it, how it ended, how long it took and how late it was."""
    found = rows(shard, "SELECT * FROM v_executions ORDER BY job_id")
    assert [(row["job"], row["outcome"]) for row in found] == [
        ("3-5", "failed"),
        ("3-6", "succeeded"),
        ("3-7", "failed"),
    ]
    assert found[2] == {
        "job_id": 3 << 40 | 7,
        "job": "3-7",
        "attempt": 1,
        "tenant": "default",
        "queue": "mail",
        "task": "shop.send_email",
        "scheduled_at": "2023-11-14T22:13:20.000Z",
        "started_at": "2023-11-14T22:13:20.003Z",
        "finished_at": "2023-11-14T22:13:20.010Z",
        "node": "node-1",
        "executor": "executor-1",
        "outcome": "failed",
        "error_kind": "ConnectionError",
        "error": "no such host\nTraceback ...",
        "output": "connecting\n",
        "duration_ms": 7,
        "lateness_ms": 3,
        "scheduled_ms": START_MS,
        "started_ms": START_MS + 3,
        "finished_ms": START_MS + 10,
    }


def test_the_small_views(shard: sqlite3.Connection) -> None:
    """Leases, lanes, queues, tasks, executors and the shard itself."""
    (lease,) = rows(shard, "SELECT job, node, executor, epoch, entry, leased_at FROM v_leases")
    assert lease == {
        "job": "3-4",
        "node": "node-1",
        "executor": "executor-1",
        "epoch": 1,
        "entry": 3,
        "leased_at": "2023-11-14T22:13:20.002Z",
    }
    assert rows(shard, "SELECT queue, live, dead FROM v_lanes") == [
        {"queue": "mail", "live": 5, "dead": 1},
        {"queue": "slow", "live": 0, "dead": 0},
    ]
    mail, slow = rows(shard, "SELECT * FROM v_queues ORDER BY queue")
    counts = {"scheduled": 2, "ready": 2, "retrying": 1, "succeeded": 1, "dead": 1, "cancelled": 1, "expired": 0}
    counts |= {"skipped": 0, "discarded": 0}
    assert mail == {"tenant": "default", "queue": "mail", **counts, "running": 1}
    assert slow["expired"] == 1
    assert rows(shard, "SELECT name, runner, retry FROM v_tasks") == [
        {"name": "shop.send_email", "runner": "asyncio", "retry": "[3,1000,2.0]"}
    ]
    assert rows(shard, "SELECT name, running FROM v_executors") == [{"name": "executor-1", "running": 1}]
    assert rows(shard, "SELECT applied, live, finished, executions, next_sequence FROM v_shard") == [
        {"applied": 6, "live": 5, "finished": 4, "executions": 3, "next_sequence": 10}
    ]


def test_text_that_is_no_json(tmp_path: Path) -> None:
    """A payload or result that is no JSON is shown as a JSON string, so that json functions work on every row."""
    store = ShardFile(tmp_path / "shard.db")
    log = one_of_each(0)[:1]
    apply(store, *log, an_entry(a_submit(count=2, payload='half "quoted'), a_finish(2, result="<html>")))
    store.close()
    connection = open_offline(tmp_path / "shard.db")
    found = rows(connection, "SELECT payload, result FROM v_jobs ORDER BY id")
    assert [json.loads(row["payload"]) for row in found] == ['half "quoted'] * 2
    assert [row["result"] for row in found] == [None, '"<html>"']
    connection.close()


@given(st.integers(0, TIME_MS_MAX))
def test_times_are_exact(at_ms: int) -> None:
    """The ISO form is the stored millisecond, never the one beside it."""
    connection = sqlite3.connect(":memory:")
    (text,) = connection.execute(f"SELECT {views.iso('?1')}", (at_ms,)).fetchone()
    connection.close()
    assert len(text) == len("2023-11-14T22:13:20.000Z")
    assert text[-5:-1] == f".{at_ms % 1000:03d}"
    assert int(text[17:19]) == at_ms // 1000 % 60


@given(st.integers(0, 4095), st.integers(1, (1 << 40) - 1))
def test_ids_are_shown_as_everywhere(shard_number: int, sequence: int) -> None:
    """`job` is what format_id shows."""
    id = job_id(shard_number, sequence)
    connection = sqlite3.connect(":memory:")
    (text,) = connection.execute(f"SELECT {views.shown('?1')}", (id,)).fetchone()
    connection.close()
    assert text == format_id(id)


PLANS = {
    "SELECT * FROM v_jobs WHERE id = 5": "SEARCH j USING INTEGER PRIMARY KEY",
    "SELECT * FROM v_executions WHERE job_id = 5": "SEARCH e USING PRIMARY KEY (job_id=?)",
    "SELECT id FROM finished WHERE state = 11 AND state <> 10 ORDER BY id DESC": "INDEX finished_unusual (state=?)",
    reads.READY: "INDEX jobs_ready (lane=? AND rowid>?)",
    reads.DUE: "INDEX jobs_due (due_ms=? AND rowid>?)",
    reads.LIVE_BY_ID: "SEARCH jobs USING INTEGER PRIMARY KEY",
    reads.DONE_BY_ID: "SEARCH finished USING INTEGER PRIMARY KEY",
    reads.KEY: "SEARCH keys USING PRIMARY KEY (tenant=? AND key=?)",
    reads.EXPIRED: "INDEX jobs_expires (expires_ms<?)",
    retention.OLDEST: "INDEX finished_lane (lane=?)",
    retention.END_KEYS: "INDEX keys_until (until_ms<?)",
    retention.DELETE_EXECUTIONS: "SEARCH executions USING PRIMARY KEY (job_id=?)",
}


@pytest.mark.parametrize("statement", PLANS)
def test_plans(tmp_path: Path, statement: str) -> None:
    """What a loop asks often is found by an index and needs no sorting."""
    ShardFile(tmp_path / "shard.db").close()
    connection = apsw.Connection(str(tmp_path / "shard.db"))
    bound = (0,) * (4 if statement == reads.DUE else statement.count("?"))
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", bound)]
    connection.close()
    assert any(PLANS[statement] in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


def test_bounded_listing_goes_on(tmp_path: Path) -> None:
    """A filter that no index serves looks at a bounded number of ids, says that there is more, and can go on below."""
    store = ShardFile(tmp_path / "shard.db")
    log = one_of_each(0)[:1]
    apply(store, *log, an_entry(a_submit(1, 1, lane=2)), an_entry(a_submit(2 * SCAN_IDS, 1, sequence=2)))
    _, found, more = store.read(ReadListing("jobs", {"queue": "slow"}))
    assert (found, more) == ([], True)
    _, found, more = store.read(ReadListing("jobs", {"queue": "slow", "after_id": SCAN_IDS}))
    assert ([row[0] for row in found], more) == ([1], False)
    apply(store, an_entry([entries.CANCEL, [1], life.CANCELLED]))
    _, found, more = store.read(ReadListing("jobs", {"state": "cancelled"}))
    assert ([row[0] for row in found], more) == ([1], False)
    _, found, more = store.read(ReadListing("jobs", {"state": "cancelled", "queue": "slow"}))
    assert ([row[0] for row in found], more) == ([1], False), "what is rare is found by its index, whatever is asked"
    store.close()


@pytest.mark.parametrize(
    "chosen", [{"state": "retrying"}, {"state": "dead", "queue": "slow"}, {"queue": "nowhere"}, {"state": "succeeded"}]
)
def test_what_no_lane_counts_is_not_looked_for(tmp_path: Path, chosen: dict[str, str]) -> None:
    """The counts of the lanes say that there is none, however many jobs there are: nothing more to look at."""
    store = ShardFile(tmp_path / "shard.db")
    apply(store, *one_of_each(0)[:1], an_entry(a_submit(1, 1, lane=2)), an_entry(a_submit(2 * SCAN_IDS, 1, sequence=2)))
    _, found, more = store.read(ReadListing("jobs", dict(chosen)))
    assert (found, more) == ([], False)
    store.close()
