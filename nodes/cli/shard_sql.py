"""One read-only SQL statement, run over every shard file of a data folder.

Decides what is allowed (to read, and nothing else) and how long and how many rows at most. It must not know how rows
are printed. Rule: people read shard files with the standard library's SQLite, in a process that writes none.
"""

import math
import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ..shards.guard import Guard, as_text
from ..shards.layout import ShardPath
from ..storage.shard.migration import ShardFileError
from ..storage.shard.offline import open_offline
from .errors import CommandError

STEPS_A_LOOK: Final = 10_000
"""How many steps of SQLite's machine pass between two looks at the clock: about a millisecond."""


class Answer(NamedTuple):
    """What a statement gave."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    more: bool
    """The limit has cut it."""


def run(shards: Sequence[ShardPath], sql: str, *, limit: int, timeout_s: float) -> Answer:
    """Runs a statement on each shard and joins what they give, in the order of the shards.

    Args:
        shards: the files; with more than one, the answer's first column is `shard`.
        sql: one statement.
        limit: how many rows at most, of all shards together.
        timeout_s: how long all of it may take.

    Raises:
        CommandError: the statement is wrong, would write, or took too long; or a file cannot be read.
    """
    if not sql.strip():
        raise CommandError("there is no statement; give one, such as 'SELECT * FROM v_queues'")
    deadline_s = time.monotonic() + timeout_s
    columns: list[str] = []
    rows: list[tuple[Any, ...]] = []
    for place in shards:
        found, own = _on_one(place, sql, limit + 1 - len(rows), deadline_s, timeout_s)
        columns = [*(("shard",) if len(shards) > 1 else ()), *found]
        rows += [(place.shard, *row) for row in own] if len(shards) > 1 else own
        if len(rows) > limit:
            break
    return Answer(_distinct(columns), rows[:limit], len(rows) > limit)


def _on_one(
    place: ShardPath, sql: str, limit: int, deadline_s: float, timeout_s: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    try:
        connection = open_offline(place.path)
    except ShardFileError as error:
        raise CommandError(str(error)) from None
    guard = Guard()
    try:
        connection.row_factory = None
        connection.text_factory = as_text
        connection.set_authorizer(guard.authorize)
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline_s), STEPS_A_LOOK)
        cursor = connection.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchmany(limit)
        return [column[0] for column in cursor.description or ()], rows
    except (sqlite3.Error, sqlite3.Warning) as error:
        if str(error) == "interrupted" and time.monotonic() < deadline_s:
            raise KeyboardInterrupt from None  # which was raised while the handler ran
        raise CommandError(_told(error, guard.has_refused, place, timeout_s)) from None
    finally:
        connection.close()


def _told(error: Exception, refused: bool, place: ShardPath, timeout_s: float) -> str:
    text = str(error)
    if text == "interrupted":
        return f"the query ran longer than {timeout_s:g} s and was stopped; narrow it, or give a longer --timeout"
    if refused or "readonly" in text or "may not be modified" in text:
        return "this command only reads, and the statement would change something; give a SELECT"
    if "one statement" in text:
        return "there is more than one statement; give one"
    if isinstance(error, sqlite3.OperationalError) and "no such table" in text:
        return f"{text}; the tables to ask are the views, such as v_jobs and v_executions"
    return f"{place.path.name}: {text}; correct the statement"


def plain(value: Any) -> Any:
    """Returns a value of SQLite as JSON can hold it: bytes in hexadecimal, no number that is none."""
    if isinstance(value, bytes):
        return value.hex()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _distinct(columns: list[str]) -> list[str]:
    """Numbers the columns that share a name, so that a row can be an object."""
    told: list[str] = []
    for name in columns:
        number, shown = 2, name
        while shown in told:
            shown, number = f"{name}_{number}", number + 1
        told.append(shown)
    return told
