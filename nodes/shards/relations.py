"""What must be true between the tables of a shard file.

Decides the statements; each lists rows that break a relation. Columns that may come or go are asked of the file. It
must not know how a row was written. Rule: nodes/storage/shard/schema.py.
"""

# ruff: noqa: S608 - statements are put together from constants and the file's own column names

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ...actors.jobs.lifecycle import LIVE, OUTCOMES, RUNNING, STATES, TERMINAL
from ...broker.wire.ids import SEQUENCE_BITS, SEQUENCE_MAX
from .report import FINDINGS_A_KIND_MAX, Level

_LIMIT: Final = FINDINGS_A_KIND_MAX + 1


class Relation(NamedTuple):
    """A statement that lists rows which must not be there."""

    kind: str
    table: str
    statement: str
    """Gives (row, what): who it is, and what is wrong with it."""
    means: str
    level: Level = "damage"


def _numbers(values: Any) -> str:
    return ", ".join(str(value) for value in sorted(values))


_ROWS_LOST: Final = "rows of the file are lost or from another time, although each page can be read"
_BIT: Final = "a value in a row has changed since it was written"
_STORED: Final = _numbers(LIVE - {RUNNING})

_FIXED: Final = (
    Relation(
        "job_state", "jobs",
        f"SELECT id, 'state is ' || quote(state) FROM jobs WHERE state NOT IN ({_STORED}) LIMIT {_LIMIT}", _BIT,
    ),
    Relation(
        "job_state", "finished",
        f"SELECT id, 'state is ' || quote(state) FROM finished WHERE state NOT IN ({_numbers(TERMINAL)})"
        f" LIMIT {_LIMIT}", _BIT,
    ),
    Relation(
        "outcome", "executions",
        f"SELECT job_id || '.' || attempt, 'outcome is ' || quote(outcome) FROM executions"
        f" WHERE outcome NOT IN ({_numbers(OUTCOMES)}) LIMIT {_LIMIT}", _BIT,
    ),
    Relation(
        "job_twice", "jobs",
        f"SELECT id, 'is live and finished' FROM jobs WHERE id IN (SELECT id FROM finished) LIMIT {_LIMIT}", _ROWS_LOST,
    ),
    *(
        Relation(
            "lane", table,
            f"SELECT {row}, 'its lane ' || quote(lane) || ' is unknown' FROM {table}"
            f" WHERE lane NOT IN (SELECT lane FROM lanes) LIMIT {_LIMIT}", _ROWS_LOST,
        )
        for table, row in (("jobs", "id"), ("finished", "id"), ("executions", "job_id || '.' || attempt"))
    ),
    *(
        Relation(
            "job_id", table,
            f"SELECT t.id, 'the next sequence number is ' || next_sequence FROM {table} t, meta"
            f" WHERE (t.id & {SEQUENCE_MAX}) >= next_sequence OR t.id < 1 LIMIT {_LIMIT}", _BIT,
        )
        for table in ("jobs", "finished", "keys")
    ),
    *(
        Relation(
            "shard", table,
            f"SELECT id, 'is of shard ' || (id >> {SEQUENCE_BITS}) FROM {table}"
            f" WHERE (id >> {SEQUENCE_BITS}) <> ?1 LIMIT {_LIMIT}",
            "the file is another shard's, or a value in a row has changed",
        )
        for table in ("jobs", "finished")
    ),
    Relation(
        "lease", "leases",
        f"SELECT id, 'has a lease and is not live' FROM leases WHERE id NOT IN (SELECT id FROM jobs) LIMIT {_LIMIT}",
        _ROWS_LOST,
    ),
    Relation(
        "lease", "leases",
        f"SELECT leases.id, 'its lease is of entry ' || entry || ', the file ends at ' || applied FROM leases, meta"
        f" WHERE entry > applied OR leases.epoch > meta.epoch LIMIT {_LIMIT}", _BIT,
    ),
    Relation(
        "lease", "leases",
        f"SELECT id, 'its executor ' || quote(executor) || ' is unknown' FROM leases"
        f" WHERE executor NOT IN (SELECT executor FROM executors) LIMIT {_LIMIT}", _ROWS_LOST,
    ),
    Relation(
        "execution", "executions",
        f"SELECT job_id || '.' || attempt, 'its job is unknown' FROM executions WHERE job_id NOT IN"
        f" (SELECT id FROM jobs) AND job_id NOT IN (SELECT id FROM finished) LIMIT {_LIMIT}", _ROWS_LOST,
    ),
    Relation(
        "stamp", "finished",
        f"SELECT finished.id, 'ended at ' || finished_ms || ', after the last entry at ' || stamp_ms"
        f" FROM finished, meta WHERE finished_ms > stamp_ms LIMIT {_LIMIT}", _BIT,
    ),
    Relation(
        "session", "sessions",
        f"SELECT session || '.' || sequence, 'answers with ids that were not given' FROM sessions, meta"
        f" WHERE (first_id & {SEQUENCE_MAX}) + count > next_sequence LIMIT {_LIMIT}", _BIT,
    ),
    Relation(
        "tick_job", "tick_jobs",
        f"SELECT job, 'is no live job' FROM tick_jobs WHERE job NOT IN (SELECT id FROM jobs) LIMIT {_LIMIT}",
        _ROWS_LOST,
    ),
    Relation(
        "tick", "ticks",
        f"SELECT schedule || '.' || from_ms, 'its schedule is unknown' FROM ticks"
        f" WHERE schedule NOT IN (SELECT schedule FROM schedules) LIMIT {_LIMIT}", _ROWS_LOST,
    ),
    Relation(
        "schedule", "schedules",
        f"SELECT schedule, 'the next number is ' || next_schedule FROM schedules, meta"
        f" WHERE schedule >= next_schedule LIMIT {_LIMIT}", _BIT,
    ),
    Relation(
        "audit", "audit",
        f"SELECT audit.id, 'the next id is ' || next_audit FROM audit, meta WHERE audit.id >= next_audit"
        f" LIMIT {_LIMIT}", _BIT,
    ),
)  # fmt: skip

_NO_JSON: Final = "json_valid(CAST({0} AS TEXT)) = 0"
_WRITTEN_BY_US: Final = (
    ("jobs", "id", "retry"),
    ("finished", "id", "retry"),
    ("tasks", "name", "retry"),
    ("schedules", "schedule", "retry"),
    ("sessions", "session || '.' || sequence", "existing"),
)
_WRITTEN_BY_OTHERS: Final = (
    ("jobs", "id", "payload"),
    ("finished", "id", "payload"),
    ("finished", "id", "result"),
    ("schedules", "schedule", "payload"),
)


def relations(columns: dict[str, set[str]]) -> Iterator[Relation]:
    """Yields what must hold in a file.

    Args:
        columns: table -> its columns, as the file has them.
    """
    yield from (relation for relation in _FIXED if relation.table in columns)
    for level, means, places in (
        ("damage", _BIT, _WRITTEN_BY_US),
        (
            "doubt",
            "a value in a row has changed, or a client that is none of ours wrote no JSON, which harms nothing",
            _WRITTEN_BY_OTHERS,
        ),
    ):
        for table, row, column in places:
            if column in columns.get(table, ()):
                statement = f"""SELECT {row}, '{column} is no JSON' FROM {table}
                    WHERE {column} IS NOT NULL AND {_NO_JSON.format(column)} LIMIT {_LIMIT}"""
                yield Relation("json", table, statement, means, "doubt" if level == "doubt" else "damage")


def counters(columns: dict[str, set[str]]) -> Iterator[tuple[str, int, str]]:
    """Yields (table, state, column of lanes): what the lanes count."""
    for number, name in sorted(STATES.items()):
        if name in columns["lanes"]:
            yield "finished" if number in TERMINAL else "jobs", number, name


COUNTED_IN_META: Final = ("finished", "executions", "ticks")
"""Tables whose rows `meta` counts, in columns of their names."""
