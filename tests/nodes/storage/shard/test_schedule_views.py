"""The views of schedules: what is defined, what became of each instant and why, and who changed what."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from schedule_entries import MINUTE_MS, NOON_MS, a_schedule, a_tick, made_by_schedule, schedules_of_each
from shard_entries import START_MS, a_hold, an_entry, apply, one_of_each

from mainspring.actors import entries
from mainspring.actors.schedules import reasons
from mainspring.actors.store import ReadListing
from mainspring.broker.wire.ids import job_id
from mainspring.nodes.storage.shard import listing_rules, restore, retention, schedule_listings, schedule_writes
from mainspring.nodes.storage.shard.offline import open_offline
from mainspring.nodes.storage.shard.schedule_views import SCHEDULE_VIEWS
from mainspring.nodes.storage.shard.shard_file import ShardFile

COLUMNS = {
    "v_schedules": (
        "schedule tenant name state expression zone fold gap queue task next_at fired_at fired_job_id fired_job runs"
        " runs_max buffered_at catch_up window_ms grace_ms overlap jitter_ms start_at end_at priority retry timeout_ms"
        " source revision note pause_note cursor_at created_at changed_at removed_at next_ms fired_ms buffered_ms"
        " cursor_ms start_ms end_ms created_ms changed_ms removed_ms payload"
    ),
    "v_ticks": (
        "schedule tenant name from_at to_at count fate reason job_id job job_state decided_at from_ms to_ms decided_ms"
    ),
    "v_audit": "id made_at who action object before after note made_ms",
}


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A closed shard file with a schedule in each state and a tick of each fate, opened as people open it."""
    path = tmp_path_factory.mktemp("views") / "tasks_default_shard_3.db"
    store = ShardFile(path)
    apply(store, *one_of_each(), *schedules_of_each())
    store.close()
    connection = open_offline(path)
    yield connection
    connection.close()


def rows(connection: sqlite3.Connection, statement: str, *bound: Any) -> list[dict[str, Any]]:
    """The rows as dictionaries."""
    return [dict(row) for row in connection.execute(statement, bound)]


def test_columns(shard: sqlite3.Connection) -> None:
    """Names and order of columns stay as they are; what is new comes behind."""
    found = {name: [row[1] for row in shard.execute(f"PRAGMA table_info({name})")] for name in SCHEDULE_VIEWS}
    assert found == {name: columns.split() for name, columns in COLUMNS.items()}


def test_states(shard: sqlite3.Connection) -> None:
    """Each schedule is in the state that a person would name."""
    found = rows(shard, "SELECT name, state, next_at FROM v_schedules ORDER BY schedule")
    assert [tuple(row.values()) for row in found] == [
        ("report", "active", "2023-11-14T12:04:00.000Z"),
        ("pings", "paused", "2023-11-14T12:02:00.000Z"),
        ("once", "ended", "2023-11-14T12:01:00.000Z"),
        ("old", "removed", None),
        ("at-boot", "active", None),
    ]


def test_a_schedule(shard: sqlite3.Connection) -> None:
    """A schedule shows what was defined, and how far it is."""
    (row,) = rows(shard, "SELECT * FROM v_schedules WHERE name = 'report'")
    expected = {
        "tenant": "default",
        "expression": "* * * * *",
        "queue": "mail",
        "task": "send",
        "fired_at": "2023-11-14T12:00:00.000Z",
        "fired_job": "3-10",
        "fired_job_id": job_id(3, 10),
        "runs": 1,
        "cursor_ms": NOON_MS + 3 * MINUTE_MS,
        "source": "client",
        "note": "for the accountants",
        "created_at": "2023-11-14T22:13:25.000Z",
        "removed_at": None,
        "payload": '{"kwargs":{"day":"today"}}',
    }
    assert {column: row[column] for column in expected} == expected
    (pings,) = rows(shard, "SELECT * FROM v_schedules WHERE name = 'pings'")
    assert pings["buffered_at"] == "2023-11-14T12:01:00.000Z"
    assert pings["pause_note"] == "the printer is out of ink"
    assert json.loads(pings["retry"]) == [3, 1000, 2.0]
    assert pings["changed_ms"] == START_MS + 5_002


def test_ticks(shard: sqlite3.Connection) -> None:
    """Each instant has a fate with a reason, and its job if one was made."""
    found = rows(
        shard, "SELECT name, from_ms, count, fate, reason, job, job_state FROM v_ticks ORDER BY schedule, from_ms"
    )
    assert [tuple(row.values()) for row in found] == [
        ("report", NOON_MS, 1, "fired", "on_time", "3-10", "ready"),
        ("report", NOON_MS + MINUTE_MS, 3, "skipped", "overlap", None, None),
        ("pings", NOON_MS, 1, "fired", "caught_up", "3-11", "cancelled"),
        ("pings", NOON_MS + MINUTE_MS, 1, "waiting", "buffered", None, None),
        ("once", NOON_MS, 1, "fired", "on_time", "3-12", "ready"),
        ("old", NOON_MS, 1, "skipped", "missed", None, None),
    ]
    (skipped,) = rows(shard, "SELECT * FROM v_ticks WHERE reason = 'overlap'")
    assert (skipped["from_at"], skipped["to_at"]) == ("2023-11-14T12:01:00.000Z", "2023-11-14T12:03:00.000Z")
    assert (skipped["decided_at"], skipped["decided_ms"]) == ("2023-11-14T22:13:25.001Z", START_MS + 5_001)


def test_audit(shard: sqlite3.Connection) -> None:
    """Who changed what, and when."""
    assert rows(shard, "SELECT * FROM v_audit") == [
        {
            "id": 1,
            "made_at": "2023-11-14T22:13:25.000Z",
            "who": "ada",
            "action": "schedule added",
            "object": "default/report",
            "before": None,
            "after": "schedule: 1",
            "note": "asked for",
            "made_ms": START_MS + 5_000,
        }
    ]


def test_the_shard_counts(shard: sqlite3.Connection) -> None:
    """v_shard says how many live schedules and how many rows of ticks there are."""
    assert rows(shard, "SELECT schedules, ticks FROM v_shard") == [{"schedules": 4, "ticks": 6}]


def test_every_reason_has_its_name(tmp_path: Path) -> None:
    """No reason is shown as a number."""
    store = ShardFile(tmp_path / "shard.db")
    ops = [
        a_tick(1, minute, reason, job=minute if reasons.REASONS[reason].fired else None)
        for minute, reason in enumerate(reasons.REASONS, 1)
    ]
    apply(store, *one_of_each(0)[:1], an_entry(a_schedule(), made_by_schedule(1, 99), *ops))
    store.close()
    connection = open_offline(tmp_path / "shard.db")
    shown = {row["reason"] for row in rows(connection, "SELECT reason FROM v_ticks")}
    assert shown == {reason.name for reason in reasons.REASONS.values()}
    connection.close()


def test_a_tick_whose_job_runs(tmp_path: Path) -> None:
    """The state of the job is that of v_jobs."""
    store = ShardFile(tmp_path / "shard.db")
    log = one_of_each(0)[:1]
    apply(store, *log, an_entry(a_schedule(), made_by_schedule(1), a_tick(job=1)), an_entry(a_hold(1, 2)))
    assert store.read(ReadListing("ticks", {}))[1][0][9] == "running"
    store.close()
    connection = open_offline(tmp_path / "shard.db")
    assert rows(connection, "SELECT job_state FROM v_ticks") == [{"job_state": "running"}]
    connection.close()


TICKS_OF_ONE = f"""{schedule_listings.TICKS} WHERE (t.from_ms, t.schedule) < (?, ?) AND t.from_ms >= ?
    AND t.schedule = ? ORDER BY t.from_ms DESC, t.schedule DESC LIMIT ?"""
TICKS_OF_ALL = f"""{schedule_listings.TICKS} WHERE (t.from_ms, t.schedule) < (?, ?) AND t.from_ms >= ?
    ORDER BY t.from_ms DESC, t.schedule DESC LIMIT ?"""
PLANS = {
    TICKS_OF_ONE: "SEARCH t USING PRIMARY KEY (schedule=? AND from_ms>? AND from_ms<?)",
    TICKS_OF_ALL: "SEARCH t USING INDEX ticks_from (from_ms>?",
    "SELECT * FROM v_ticks WHERE schedule = 5 ORDER BY from_ms DESC": "SEARCH t USING PRIMARY KEY (schedule=?)",
    "SELECT * FROM v_schedules WHERE schedule = 5": "SEARCH s USING INTEGER PRIMARY KEY",
    "SELECT schedule FROM schedules WHERE removed_ms IS NULL AND name = ?": "INDEX schedules_live (name=?)",
    "SELECT * FROM schedules WHERE removed_ms IS NULL ORDER BY name, tenant, schedule": "USING INDEX schedules_live",
    restore.SCHEDULES: "SCAN schedules",
    schedule_writes.READ_RECORDS: "SEARCH schedules USING INTEGER PRIMARY KEY",
    schedule_writes.COUNT_TICKS: "SEARCH t USING COVERING INDEX ticks_from (from_ms=? AND schedule=?)",
    schedule_writes.DELETE_TICK_JOBS: "SEARCH tick_jobs USING INTEGER PRIMARY KEY",
    retention.OLDEST_TICKS: "SCAN ticks USING COVERING INDEX ticks_to",
    retention.DELETE_REMOVED: "SCAN gone USING INDEX schedules_removed",
    retention.DELETE_AUDIT: "SEARCH audit USING INTEGER PRIMARY KEY",
}


@pytest.mark.parametrize("statement", PLANS)
def test_plans(tmp_path: Path, statement: str) -> None:
    """What a loop asks often is found by an index and needs no sorting."""
    ShardFile(tmp_path / "shard.db").close()
    connection = apsw.Connection(str(tmp_path / "shard.db"))
    bound = (0,) * (1 if "?1" in statement else statement.count("?"))
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", bound)]
    connection.close()
    assert any(PLANS[statement] in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


def test_bounded_listing_of_ticks_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that no index serves looks at a bounded number of ticks, says that there is more, and can go on."""
    monkeypatch.setattr(schedule_listings, "SCAN_TICKS", 5)
    assert listing_rules.SCAN_TICKS > 5
    store = ShardFile(tmp_path / "shard.db")
    ops = [a_tick(1, minute, reasons.PAUSED if minute else reasons.MISSED) for minute in range(10)]
    apply(store, an_entry(a_schedule(), *ops))
    for named in ({}, {"name": "report"}, {"schedule": 1}):
        _, found, more = store.read(ReadListing("ticks", {"reason": "missed", **named}))
        assert (found, more) == ([], True)
        until_ms = NOON_MS + 5 * MINUTE_MS
        _, found, more = store.read(ReadListing("ticks", {"reason": "missed", "until_ms": until_ms, **named}))
        assert ([row[3] for row in found], more) == ([NOON_MS], False)
        _, found, more = store.read(ReadListing("ticks", named))
        assert (len(found), more) == (10, False)
    store.close()


def test_a_name_is_unique_while_it_lives(tmp_path: Path) -> None:
    """The file itself keeps two live schedules from one name; a removed one gives it free within one transaction."""
    store = ShardFile(tmp_path / "shard.db")
    apply(store, an_entry(a_schedule(1)))
    with pytest.raises(apsw.ConstraintError):
        store.apply([(2, an_entry(a_schedule(2)))])
    apply(store, an_entry([entries.UNSCHEDULE, [1]], a_schedule(2), [entries.UNSCHEDULE, [2]], a_schedule(3)))
    assert [row[0] for row in store.restore().schedules] == [3]
    store.close()
