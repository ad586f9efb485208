"""Reads the rows of a view out of shard files, one after the other: a million rows cost no more memory than one.

Decides which views have a time to select by, and that nothing but reading happens. sqlite-utils builds the statement
and names the columns. It must not know how rows are written down. Rule: people read shard files with the standard
library's SQLite, in a process that writes none.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..storage.shard.migration import ShardFileError
from ..storage.shard.offline import open_offline
from .guard import Guard, as_text
from .report import OperatorError

TIMES: Final[Mapping[str, str]] = {
    "v_jobs": "created_ms",
    "v_executions": "finished_ms",
    "v_ticks": "to_ms",
    "v_audit": "made_ms",
    "v_schedules": "changed_ms",
    "v_leases": "leased_ms",
}
"""View -> the column that --since looks at."""

_STEPS_UNHEARD: Final = 100_000
"""A Ctrl-C is heard after so many steps of SQLite's machine: a condition may look at a million rows and take none."""

OTHERS: Final = ("v_queues", "v_lanes", "v_tasks", "v_executors", "v_shard")
VIEWS: Final = (*TIMES, *OTHERS)


class Export:
    """The rows of one view over several files, file after file; each file is read as of one moment.

    Args:
        shards: (number, path) of the files.
        view: one of VIEWS.
        where: a condition in SQL, None for all rows.
        since_ms: only rows whose time is not before this.
    """

    def __init__(self, shards: Sequence[tuple[int, Path]], view: str, where: str | None, since_ms: int | None) -> None:
        if since_ms is not None and view not in TIMES:
            raise OperatorError(f"{view} has no time; --since goes with {', '.join(TIMES)}")
        self.shards = shards
        self.view = view
        self.where = where
        self.since_ms = since_ms

    def columns(self) -> list[str]:
        """Returns the names of the columns; the first is `shard` where there are several files."""
        connection = self._open(self.shards[0][1])
        try:
            rows = connection.execute("SELECT name FROM pragma_table_info(?)", (self.view,))
            found: list[str] = [name for (name,) in rows]
        finally:
            connection.close()
        return ["shard", *found] if len(self.shards) > 1 else found

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields the rows by column.

        Raises:
            OperatorError: the condition is wrong or would write, or a file cannot be read.
        """
        from sqlite_utils import Database  # 95 ms, and only this needs it

        for number, path in self.shards:
            connection = self._open(path)
            guard = Guard()
            try:
                # Any, because sqlite-utils leaves the types of its arguments open.
                view: Any = Database(connection)[self.view]
                connection.set_authorizer(guard.authorize)
                connection.set_progress_handler(_go_on, _STEPS_UNHEARD)
                for row in view.rows_where(*self._condition()):
                    yield {"shard": number, **row} if len(self.shards) > 1 else row
            except (sqlite3.Error, sqlite3.Warning) as error:
                if str(error) == "interrupted":
                    raise KeyboardInterrupt from None  # which was raised while the handler ran
                raise OperatorError(_told(error, guard, path)) from None
            finally:
                connection.close()

    def _condition(self) -> tuple[str | None, list[Any]]:
        parts: list[str] = []
        bound: list[Any] = []
        if self.since_ms is not None:
            parts.append(f"{TIMES[self.view]} >= ?")
            bound.append(self.since_ms)
        if self.where is not None:
            parts.append(f"({self.where}\n)")  # the end of the line ends a comment
        return " AND ".join(parts) or None, bound

    def _open(self, path: Path) -> sqlite3.Connection:
        try:
            connection = open_offline(path)
        except ShardFileError as error:
            raise OperatorError(str(error)) from None
        connection.row_factory = None
        connection.text_factory = as_text
        return connection


def _go_on() -> int:
    return 0


def _told(error: Exception, guard: Guard, path: Path) -> str:
    text = str(error)
    if guard.has_refused or "readonly" in text:
        return "an export only reads, and the condition would do more; give an expression such as state = 'dead'"
    if isinstance(error, sqlite3.DatabaseError) and "malformed" in text:
        return f"{path} is damaged ({text}); `mainspring shards verify` says where, and what to do"
    return f"{path.name}: {text}; correct the condition"
