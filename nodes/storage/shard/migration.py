"""Makes a shard file and brings an older one up to date.

Decides whether a file is ours, new, old or too new. sqlite-utils (over the standard library's SQLite) does the work and
has closed the file before the writer opens it: two SQLite libraries in one process would drop each other's locks.
Rule: docs/shard-file.md.
"""

import sqlite3
from pathlib import Path

from .schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION

_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\x00"


class ShardFileError(Exception):
    """A shard file that this program must not use; the text names the fault and the mend."""


def check_identity(path: Path, application_id: int, version: int) -> None:
    """Refuses a file that is not a shard, or of a version that this program does not know.

    Raises:
        ShardFileError: with what to do about it.
    """
    if application_id != APPLICATION_ID:
        raise ShardFileError(
            f"{path} is an SQLite file but no shard (application_id {application_id:#x}); move it away or"
            " name another file"
        )
    if version > SCHEMA_VERSION:
        raise ShardFileError(
            f"{path} has schema version {version} and this program knows {SCHEMA_VERSION}; upgrade mainspring"
            " on this machine"
        )


def needs_migration(path: Path, application_id: int, version: int, tables: int) -> bool:
    """Tells whether `migrate` must run before the writer may use the file.

    Args:
        path: the file, for error texts.
        application_id: its PRAGMA application_id.
        version: its PRAGMA user_version.
        tables: how many tables, indexes and views it has.

    Raises:
        ShardFileError: it is somebody else's file, or a newer one.
    """
    if application_id == 0 and version == 0 and tables == 0:
        return True
    check_identity(path, application_id, version)
    return version < SCHEMA_VERSION


def check_header(path: Path) -> None:
    """Refuses a file that is no SQLite database, before any library opens it.

    Raises:
        ShardFileError: with what to do about it.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ShardFileError(f"{path} cannot be read ({error.strerror}); mend its owner and mode") from error
    if header and not header.startswith(_MAGIC):
        raise ShardFileError(f"{path} is no SQLite file; move it away or name another file")


def migrate(path: Path) -> None:
    """Brings the file to SCHEMA_VERSION in one transaction. No other connection of this process may be open."""
    from sqlite_utils import Database  # 95 ms, and only a new or old file needs it

    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        database = Database(connection)
        for migration in MIGRATIONS[version:]:
            migration(database)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        connection.close()
