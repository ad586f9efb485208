"""Opens a shard file to read it from outside the node, whether the node runs or not.

Decides how, and refuses files that are missing, foreign or newer. Must not be used by a process that writes shards: it
uses the standard library's SQLite, and two SQLite libraries in one process drop each other's locks.
"""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from .migration import ShardFileError, check_header, check_identity

BUSY_TIMEOUT_S = 2.0


def open_offline(path: str | Path) -> sqlite3.Connection:
    """Opens a shard file read-only; rows come as `sqlite3.Row`.

    Args:
        path: the file. If the node runs or was killed, its folder must be writable: SQLite keeps the index of the WAL
            there.

    Returns:
        A connection that cannot write. Short reads harm nobody; one that stays open keeps the node from shortening
        the WAL.

    Raises:
        ShardFileError: the file is missing, no shard, newer than this program, or not readable; the text says what
            to do.
    """
    path = Path(path)
    if not path.is_file():
        raise ShardFileError(f"there is no file {path}; name a tasks_<tenant>_shard_<n>.db of a node's data folder")
    check_header(path)
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only = ON")
        application_id: int = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        check_identity(path, application_id, version)
    except sqlite3.Error as error:
        connection.close()
        raise ShardFileError(f"{path} cannot be read: {error}; {_mend(error)}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _mend(error: sqlite3.Error) -> str:
    text = str(error)
    if "unable to open" in text or "readonly" in text:
        return "copy it, with its -wal file if there is one, into a folder that you may write to"
    if "locked" in text or "busy" in text:
        return "somebody holds an exclusive lock; try again when that is over"
    return "check the disk, then restore the file from a backup or let the node build it again from its log"
