"""The checker of the demonstration: it must accept a right shard file, and find every count that is wrong."""

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from mainspring.actors.jobs.lifecycle import DEAD, OUTCOME_NUMBERS, SUCCEEDED
from mainspring.nodes.demo.load import Expected
from mainspring.nodes.demo.report import print_summary
from mainspring.nodes.demo.summary import Summary, summarize
from mainspring.nodes.demo.tree import Tree
from mainspring.nodes.storage.shard.shard_file import ShardFile

EXPECTED = Expected(
    Tree(Path("/src"), (Path("/src/a"), Path("/src/b")), bytes=30, lines=3, contents=2, unreadable=0),
    states={"succeeded": 3, "dead": 1},
    outcomes={"succeeded": 3, "failed": 1, "crashed": 0},
)
LANES = {1: "demo.digest", 2: "demo.echo", 3: "demo.fail"}


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A shard file as a run leaves it: two files, an echo and a job that failed; open for writing."""
    path = tmp_path / "tasks_default_shard_0.db"
    ShardFile(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for lane, task in LANES.items():
            connection.execute(
                "INSERT INTO lanes (lane, tenant, queue, priority, task) VALUES (?, 'default', 'demo-1', 0, ?)",
                (lane, task),
            )
        for id, size in ((1, 10), (2, 20)):
            digest = {"sha256": f"{id:064}", "bytes": size, "compressed_bytes": 5, "lines": id}
            add_job(connection, id, 1, SUCCEEDED, json.dumps(digest), "succeeded")
        add_job(connection, 3, 2, SUCCEEDED, "0", "succeeded")
        add_job(connection, 4, 3, DEAD, None, "failed")
        yield connection


def add_job(connection: sqlite3.Connection, id: int, lane: int, state: int, result: str | None, outcome: str) -> None:
    """Writes one ended job with one attempt, `id` ms late."""
    connection.execute(
        "INSERT INTO finished (id, lane, state, attempts, created_ms, scheduled_ms, finished_ms, payload, result)"
        " VALUES (?, ?, ?, 1, 1000, 1000, 2000, '[[],{}]', ?)",
        (id, lane, state, result),
    )
    connection.execute(
        "INSERT INTO executions (job_id, attempt, lane, outcome, scheduled_ms, started_ms, finished_ms)"
        " VALUES (?, 1, ?, ?, 1000, 1000 + ?, 2000)",
        (id, lane, OUTCOME_NUMBERS[outcome], id),
    )


def check(connection: sqlite3.Connection) -> Summary:
    """Sums the file up."""
    (path,) = (Path(row[2]) for row in connection.execute("PRAGMA database_list"))
    return summarize(path, "demo-1", EXPECTED, settle_s=0)


def test_a_right_file_is_accepted(shard: sqlite3.Connection) -> None:
    """A file that holds what it must has no fault, and jobs of other runs do not count."""
    shard.execute("INSERT INTO lanes (lane, tenant, queue, priority, task) VALUES (9, 'default', 'demo-2', 0, 'other')")
    add_job(shard, 9, 9, DEAD, None, "crashed")
    assert check(shard).faults == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("DELETE FROM executions WHERE job_id = 1", "attempts by outcome: succeeded: expected 3, found 2"),
        ("UPDATE executions SET outcome = 4 WHERE job_id = 4", "attempts by outcome: crashed: expected 0, found 1"),
        ("UPDATE executions SET outcome = 6 WHERE job_id = 3", "attempts by outcome: lost: expected 0, found 1"),
        ("UPDATE finished SET state = 12 WHERE id = 4", "jobs by state: cancelled: expected 0, found 1"),
        ("DELETE FROM finished WHERE id = 2", "the files, against a direct count: bytes: expected 30, found 10"),
        (
            "UPDATE finished SET result = json_set(result, '$.sha256', 'x') WHERE lane = 1",
            "the files, against a direct count: different SHA-256: expected 2, found 1",
        ),
        (
            "UPDATE executions SET started_ms = 999 WHERE job_id = 3",
            "never early: attempts begun before they were due: expected 0, found 1",
        ),
    ],
)
def test_a_wrong_file_is_refused(shard: sqlite3.Connection, change: str, fault: str) -> None:
    """Each doctored file must be found out, by the count that is wrong."""
    shard.execute(change)
    summary = check(shard)
    assert not summary.is_right
    assert fault in summary.faults


def test_attempts_that_came_back_are_shown_and_not_judged(shard: sqlite3.Connection) -> None:
    """A job that an executor gave back unstarted must not make a run wrong."""
    shard.execute("INSERT INTO executions (job_id, attempt, lane, outcome) VALUES (3, 2, 2, 7)")
    summary = check(shard)
    assert summary.is_right
    assert ("returned, not begun", "any", 1) in [row.cells for row in summary.sections[0].rows]


def test_percentiles_are_those_of_the_nearest_rank(shard: sqlite3.Connection) -> None:
    """The 50th percentile of 1 to 100 ms is 50 ms, the 99th is 99 ms."""
    for id in range(100, 199):
        add_job(shard, id, 2, SUCCEEDED, "0", "succeeded")
    shard.execute("UPDATE executions SET started_ms = 1000 + job_id - 98 WHERE job_id >= 100")
    shard.execute("UPDATE executions SET started_ms = 1001 WHERE job_id = 3")
    (row,) = (row for row in check(shard).sections[4].rows if "start latency" in str(row.cells[0]))
    assert row.cells[1:] == (100, 50, 99, 100)


def test_the_printed_statements_give_the_printed_counts(shard: sqlite3.Connection) -> None:
    """Whoever repeats a statement of the summary must get what it told; a fault is printed as the last thing."""
    summary = check(shard)
    assert shard.execute(summary.sections[0].sql).fetchall() == [("failed", 1), ("succeeded", 3)]
    shard.execute("DELETE FROM finished WHERE id = 4")
    console = Console(file=io.StringIO(), width=100)
    print_summary(console, check(shard), Path("data"), Path("data/node.log"))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert summary.sections[1].sql in text
    assert text.splitlines()[-1].strip() == "jobs by state: dead: expected 1, found 0"
