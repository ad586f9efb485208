"""What a run came to, read from the shard file by SQL alone, and held against what must have come of it.

Decides the questions and which answers are right. It must not know the node, the client or how a summary is printed:
whoever has the file gets the same answers with any SQLite shell, because every statement here is shown as it is run.
"""

import re
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..storage.shard.offline import open_offline
from . import crontabs
from .beat import Beat
from .load import Expected

SETTLE_S: Final = 5.0
"""How long the file may be behind the jobs' ends before it is read as it is."""
_SETTLE_LOOK_S: Final = 0.05

_QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

LIVE = "SELECT coalesce(sum(live), 0) FROM v_lanes WHERE queue = '{queue}'"
ATTEMPTS = "SELECT outcome, count(*) FROM v_executions WHERE queue = '{queue}' GROUP BY outcome"
JOBS = "SELECT state, count(*) FROM v_jobs WHERE queue = '{queue}' GROUP BY state"
TREE = """\
SELECT count(*), sum(json_extract(result, '$.bytes')), sum(json_extract(result, '$.lines')),
  count(DISTINCT json_extract(result, '$.sha256')), sum(json_extract(result, '$.compressed_bytes'))
  FROM v_jobs WHERE queue = '{queue}' AND task = 'demo.digest' AND state = 'succeeded'"""
EARLY = "SELECT count(*) FROM v_executions WHERE queue = '{queue}' AND lateness_ms < 0"
TIMES = """\
WITH busy AS (SELECT max(finished_ms) AS until_ms FROM v_executions WHERE queue = '{queue}' AND task = 'demo.digest'),
piles AS (SELECT task, task <> 'demo.digest' AND scheduled_ms > until_ms AS idle, lateness_ms AS ms
  FROM v_executions, busy WHERE queue = '{queue}' AND outcome = 'succeeded'),
ranked AS (SELECT *, count(*) OVER (PARTITION BY task, idle) AS jobs,
  row_number() OVER (PARTITION BY task, idle ORDER BY ms) AS place FROM piles)
SELECT task, idle, jobs, min(ms) FILTER (WHERE place >= 0.50 * jobs), min(ms) FILTER (WHERE place >= 0.99 * jobs),
  max(ms) FROM ranked GROUP BY task, idle"""
RATES = """\
SELECT task, count(*), max(finished_ms) - min(created_ms) FROM v_jobs
  WHERE queue = '{queue}' AND task IN ('demo.digest', 'demo.wait') GROUP BY task"""

TIMED: Final = {
    ("demo.echo", 0): "start latency while all CPUs are busy",
    ("demo.echo", 1): "start latency after that",
    ("demo.remind", 0): "lateness while all CPUs are busy",
    ("demo.remind", 1): "lateness after that",
    ("demo.digest", 0): "wait in the backlog of files",
}
"""(Task, whether all files were done by then) -> what its `lateness_ms` stands for: echoes are submitted to a free slot
one by one, reminders with a delay, files all at once."""

RATED: Final = {"demo.digest": "a job a file", "demo.wait": "jobs that wait a second each"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a section; where something is expected, its cells are a name, that, and what was found."""

    cells: tuple[object, ...]
    is_right: bool | None = None
    """None where nothing is expected."""


@dataclass(frozen=True, slots=True)
class Section:
    """The answer to one statement."""

    title: str
    columns: tuple[str, ...]
    """Of the cells behind the first."""
    rows: tuple[Row, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Summary:
    """All that is told of a run."""

    file: Path
    sections: tuple[Section, ...]

    @property
    def is_right(self) -> bool:
        """Whether every count is what it must be."""
        return not self.faults

    @property
    def faults(self) -> list[str]:
        """What is not as it must be, a line each."""
        return [
            f"{section.title}: {row.cells[0]}: expected {row.cells[1]}, found {row.cells[2]}"
            for section in self.sections
            for row in section.rows
            if row.is_right is False
        ]


def summarize(file: Path, queue: str, expected: Expected, settle_s: float = SETTLE_S) -> Summary:
    """Reads what a run came to.

    Args:
        file: the shard file; its node may run.
        queue: of the run.
        expected: what must have come of it.
        settle_s: how long the file may be behind.

    Raises:
        ShardFileError: the file cannot be read.
    """
    assert _QUEUE.fullmatch(queue), f"{queue!r} is no queue of the demonstration"
    connection = open_offline(file)
    try:
        _settle(connection, queue, expected.beat, settle_s)
        return Summary(
            file,
            (
                _counted(connection, "attempts by outcome", ATTEMPTS.format(queue=queue), expected.outcomes),
                _counted(connection, "jobs by state", JOBS.format(queue=queue), expected.states),
                _tree(connection, TREE.format(queue=queue), expected),
                _early(connection, EARLY.format(queue=queue)),
                *_schedules(connection, expected),
                _times(connection, TIMES.format(queue=queue)),
                _rates(connection, RATES.format(queue=queue)),
            ),
        )
    finally:
        connection.close()


def _settle(connection: sqlite3.Connection, queue: str, beat: Beat | None, settle_s: float) -> None:
    """Waits for the last ticks, and until the rows of all jobs' ends are in the file: they follow by a moment."""
    until_s = time.monotonic() + settle_s
    while time.monotonic() < until_s:
        is_ticking = beat is not None and _rows(connection, beat.sql)[0][1] < beat.instants
        if not is_ticking and not _rows(connection, LIVE.format(queue=queue))[0][0]:
            return
        time.sleep(_SETTLE_LOOK_S)


def _counted(connection: sqlite3.Connection, title: str, sql: str, expected: Mapping[str, int]) -> Section:
    """Compares counts by name; `returned` attempts are shown and may be any number."""
    found: dict[str, int] = dict(_rows(connection, sql))
    returned = found.pop("returned", None)
    names = [*expected, *(name for name in found if name not in expected)]
    rows = [_check(name, expected.get(name, 0), found.get(name, 0)) for name in names]
    if returned is not None:
        rows.append(Row(("returned, not begun", "any", returned)))
    return Section(title, ("expected", "found"), tuple(rows), sql)


def _tree(connection: sqlite3.Connection, sql: str, expected: Expected) -> Section:
    tree = expected.tree
    files, size, lines, contents, compressed = (value or 0 for value in _rows(connection, sql)[0])
    rows = (
        _check("files", len(tree.files), files),
        _check("bytes", tree.bytes, size),
        _check("lines", tree.lines, lines),
        _check("different SHA-256", tree.contents, contents),
        Row(("bytes once compressed", "any", compressed)),
    )
    return Section("the files, against a direct count", ("expected", "found"), rows, sql)


def _early(connection: sqlite3.Connection, sql: str) -> Section:
    rows = (_check("attempts begun before they were due", 0, _rows(connection, sql)[0][0]),)
    return Section("never early", ("expected", "found"), rows, sql)


def _schedules(connection: sqlite3.Connection, expected: Expected) -> list[Section]:
    """Holds ticks against the instants that there were, and counts what crontabs have given."""
    sections: list[Section] = []
    if expected.beat is not None:
        beat = expected.beat
        once, succeeded, ticks, latest_ms = _rows(connection, beat.sql)[0]
        rows = (
            _check("instants with exactly one tick", beat.instants, once),
            _check("instants whose job has succeeded", beat.instants, succeeded),
            _check("instants that ticks stand for", beat.instants, ticks),
            Row(("latest start, milliseconds after it", "any", latest_ms)),
        )
        sections.append(Section("a schedule of every second", ("expected", "found"), rows, beat.sql))
    if expected.crontab_schedules is not None:
        row = _check(
            "schedules from crontabs, paused", expected.crontab_schedules, _rows(connection, crontabs.SQL)[0][0]
        )
        sections.append(Section("taken over", ("expected", "found"), (row,), crontabs.SQL))
    return sections


def _times(connection: sqlite3.Connection, sql: str) -> Section:
    found = {(row[0], row[1]): row[2:] for row in _rows(connection, sql)}
    rows = tuple(Row((title, *found[pile])) for pile, title in TIMED.items() if pile in found)
    return Section("milliseconds", ("jobs", "p50", "p99", "most"), rows, sql)


def _rates(connection: sqlite3.Connection, sql: str) -> Section:
    rows = [
        Row((RATED[task], jobs, f"{ms / 1000:.2f}", f"{jobs * 1000 / max(1, ms):,.0f}"))
        for task, jobs, ms in _rows(connection, sql)
    ]
    return Section("first submit to last end", ("jobs", "seconds", "jobs per second"), tuple(rows), sql)


def _check(name: str, expected: int, found: int) -> Row:
    return Row((name, expected, found), is_right=expected == found)


def _rows(connection: sqlite3.Connection, sql: str) -> list[Any]:
    return [tuple(row) for row in connection.execute(sql)]
