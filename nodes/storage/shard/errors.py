"""What a shard file can say when it cannot go on: the process must end, and somebody must look.

Decides the words: which file, what happened, and which way leads back. It must not know who hears them. Rule:
docs/storage-faults.md.
"""

import errno
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path

import apsw

from ..log.errors import DiskFull

DAMAGED_MEND = (
    "`mainspring shards verify` says what is broken; `mainspring shards rebuild` makes the file again from the log, "
    "and where the log is too short, from a backup and the log; else restore a backup"
)
FAILED_MEND = "look for disk errors in the kernel's log, then check the files with `mainspring shards verify`"
READ_ONLY_MEND = "make the file system and the file writable again for the node's user"


class ShardFailed(Exception):
    """The disk failed a shard file, or the file is damaged: the process must end. The log has everything.

    Attributes:
        suspect: the file whose content is in doubt from now on; None if nothing speaks against it.
    """

    def __init__(self, text: str, suspect: Path | None = None) -> None:
        super().__init__(text)
        self.suspect = suspect


@contextmanager
def shard_disk(path: Path) -> Generator[None]:
    """Turns what the disk and SQLite say about a shard file into an error that names the file and the way back.

    A full disk and somebody else's lock pass: they end nothing. So does a constraint, which is a fault in the program.

    Raises:
        ShardFailed: the file is damaged, or could not be read, written or fsynced.
    """
    try:
        yield
    except (apsw.BusyError, apsw.FullError, apsw.ConstraintError):
        raise
    except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError, JSONDecodeError) as error:
        raise ShardFailed(f"{path} is damaged ({error}); {DAMAGED_MEND}", path) from error
    except (apsw.ReadOnlyError, apsw.PermissionsError, apsw.CantOpenError) as error:
        raise ShardFailed(f"{path} cannot be written ({error}); {READ_ONLY_MEND}") from error
    except apsw.Error as error:
        if lacks_room(error):
            raise
        raise ShardFailed(f"{path} cannot be used, the disk failed it ({error}); {FAILED_MEND}", path) from error
    except OSError as error:
        if lacks_room(error):
            raise DiskFull(f"no room for {path}; free some space there") from error
        raise ShardFailed(f"{path} could not be written to the disk ({error.strerror}); {FAILED_MEND}", path) from error


def lacks_room(error: BaseException) -> bool:
    """Tells whether a full disk is behind this, by whichever library or call it was met."""
    match error:
        case apsw.FullError():
            return True
        case apsw.Error():
            return getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_SHMSIZE
        case sqlite3.Error():
            return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        case OSError():
            return error.errno == errno.ENOSPC
        case _:
            return False
