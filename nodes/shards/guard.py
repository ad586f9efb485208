"""What a statement that somebody typed may do to a shard file: read, and nothing else.

Decides it by a list of what is allowed, so that whatever a later SQLite brings is refused. It must not know which
statement it is.
"""

import sqlite3
from typing import Final

_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_PRAGMAS: Final = frozenset(
    {
        *("application_id", "compile_options", "database_list", "encoding", "freelist_count", "function_list"),
        *("index_info", "index_list", "index_xinfo", "integrity_check", "journal_mode", "page_count", "page_size"),
        *("quick_check", "schema_version", "table_info", "table_list", "table_xinfo", "user_version"),
    }
)
_WITH_ARGUMENT: Final = frozenset(
    {"index_info", "index_list", "index_xinfo", "integrity_check", "quick_check", "table_info", "table_xinfo"}
)


class Guard:
    """Says yes to what reads, and no to everything else, what a later SQLite may bring included."""

    def __init__(self) -> None:
        self.has_refused = False

    def authorize(
        self, action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None
    ) -> int:
        """Answers SQLite, which asks for each thing that a statement is about to do."""
        if action == sqlite3.SQLITE_PRAGMA:
            name = (first or "").lower()
            allowed = name in _PRAGMAS and (second is None or name in _WITH_ARGUMENT)
        elif action == sqlite3.SQLITE_UPDATE:
            # So SQLite asks when it makes the table of a function such as json_each; it updates nothing.
            allowed = first in ("sqlite_master", "sqlite_schema")
        else:
            allowed = action in _ALLOWED and not (action == sqlite3.SQLITE_FUNCTION and second == "load_extension")
        self.has_refused = self.has_refused or not allowed
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def as_text(found: bytes) -> str:
    """Reads text; a half of a surrogate pair, which JSON strings may hold, is shown as a replacement mark."""
    return found.decode("utf-8", "replace")
