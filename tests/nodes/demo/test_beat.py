"""The demonstration's schedule: its ticks are held against instants that are known beforehand."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mainspring.actors.jobs.lifecycle import DEAD, SUCCEEDED
from mainspring.actors.schedules.reasons import MISSED, ON_TIME
from mainspring.actors.schedules.schedule import Definition
from mainspring.broker.wire.rows import SCHEDULE_COLUMNS
from mainspring.nodes.demo import beat
from mainspring.nodes.demo.beat import Beat
from mainspring.nodes.demo.load import Expected
from mainspring.nodes.demo.summary import Row, summarize
from mainspring.nodes.demo.tree import Tree
from mainspring.nodes.storage.shard.shard_file import ShardFile

BEAT = Beat("demo-1-beat", "demo-1-beat", 10_000, 12_000)
TREE = Tree(Path("/src"), (), bytes=0, lines=0, contents=0, unreadable=0)


def rows(folder: Path, ticks: list[tuple[int, int, int, int, int | None]], state: int = SUCCEEDED) -> list[Row]:
    """Sums up a file that holds these ticks (from, to, count, reason, job), whose jobs ended in this state."""
    path = folder / "tasks_default_shard_0.db"
    ShardFile(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(schedules)")]
        stored: dict[str, Any] = dict.fromkeys(columns, 0) | {"schedule": 1, "name": BEAT.name, "removed_ms": None}
        marks = ", ".join("?" * len(columns))
        connection.execute(f"INSERT INTO schedules VALUES ({marks})", list(stored.values()))
        connection.execute(
            "INSERT INTO lanes (lane, tenant, queue, priority, task) VALUES (1, 'default', ?, 0, 'demo.tick')",
            (BEAT.queue,),
        )
        for from_ms, to_ms, count, reason, job in ticks:
            connection.execute(
                "INSERT INTO ticks VALUES (1, ?, ?, ?, ?, ?, ?)", (from_ms, to_ms, count, reason, job, to_ms)
            )
            if job is not None:
                connection.execute(
                    "INSERT INTO finished (id, lane, state, attempts, created_ms, scheduled_ms, finished_ms, payload)"
                    " VALUES (?, 1, ?, 1, ?, ?, ?, '[[],{}]')",
                    (job, state, from_ms, from_ms, from_ms + 5),
                )
    summary = summarize(path, "demo-1", Expected(TREE, {}, {}, beat=BEAT), settle_s=0)
    (section,) = (section for section in summary.sections if section.title == "a schedule of every second")
    return [row for row in section.rows if row.is_right is not None]


def fired(*instants_ms: int) -> list[tuple[int, int, int, int, int | None]]:
    """Returns ticks with a job each."""
    return [(at_ms, at_ms, 1, ON_TIME, number) for number, at_ms in enumerate(instants_ms, 1)]


def test_a_tick_with_a_job_for_each_instant_is_right(tmp_path: Path) -> None:
    """Three instants, three ticks, three jobs that succeeded."""
    assert [row.cells[1:] for row in rows(tmp_path, fired(10_000, 11_000, 12_000))] == [(3, 3)] * 3


@pytest.mark.parametrize(
    ("ticks", "found"),
    [
        (fired(10_000, 12_000), [2, 2, 2]),
        ([*fired(10_000, 12_000), (11_000, 11_000, 1, MISSED, None)], [3, 2, 3]),
        ([*fired(10_000, 11_000, 12_000), (9_000, 12_000, 4, MISSED, None)], [0, 3, 7]),
        (fired(10_000, 11_000, 12_000, 13_000), [3, 3, 4]),
    ],
    ids=["one is missing", "one has no job", "all are told twice", "one too many"],
)
def test_wrong_ticks_are_found_out(
    tmp_path: Path, ticks: list[tuple[int, int, int, int, int | None]], found: list[int]
) -> None:
    """Each fault changes at least one of the counts."""
    assert [row.cells[2] for row in rows(tmp_path, ticks)] == found


def test_a_job_that_failed_is_found_out(tmp_path: Path) -> None:
    """A tick alone is not enough."""
    assert [row.cells[2] for row in rows(tmp_path, fired(10_000, 11_000, 12_000), DEAD)] == [3, 0, 3]


def test_the_schedule_is_defined_ahead_of_its_first_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every instant that is counted must lie behind the definition, on whole seconds."""
    made: list[Definition] = []

    class Schedules:
        def add(self, name: str, job: Any, cron: Any, queue: str) -> None:
            row = cron.row(job, name=name, queue=queue, priority=0)
            assert len(row) == len(SCHEDULE_COLUMNS)
            made.append(Definition._make(row))

    class Stub:
        schedules = Schedules()

    monkeypatch.setattr(beat.time, "time", lambda: 1_000.999)
    found = beat.begin(Stub(), "demo-7")  # type: ignore[arg-type]  (the part of a client that is used)
    calendar = made[0].calendar()
    assert calendar.next_ms(0) == found.first_ms == 1_003_000
    assert calendar.count(0, 2_000_000) == found.instants == beat.INSTANTS
    assert calendar.latest_ms(0, 2_000_000) == found.last_ms
