"""Which other processes have a file open: for the message that names who holds a shard file.

Decides nothing; it looks where the system shows it (Linux: /proc), and says nothing where it does not.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_USERS_MAX = 5


def users_of(paths: Iterable[Path]) -> list[str]:
    """Returns "PID (COMMAND)" of other processes that have one of the files open, a handful at the most.

    Args:
        paths: the files; their WAL counts as they do.
    """
    wanted = {f"{path.resolve()}{end}" for path in paths for end in ("", "-wal", "-shm")}
    found: list[str] = []
    with suppress(OSError):
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and int(entry.name) != os.getpid() and _uses(entry.name, wanted):
                found.append(f"{entry.name} ({_command(entry.name)})")
                if len(found) == _USERS_MAX:
                    break
    return found


def _uses(pid: str, wanted: set[str]) -> bool:
    with suppress(OSError):  # it has ended, or it is somebody else's
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.readlink(descriptor.path) in wanted:  # noqa: PTH115  (a path that need not exist)
                    return True
    return False


def _command(pid: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    return "?"
