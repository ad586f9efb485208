"""Puts another file in a shard file's place, whatever kills the process in between.

Decides the steps. A rename is the moment: before it the old file counts, after it the new one, and the next start does
what is left to do. The old file's WAL must never stand beside the new file, nor the old file without its WAL, so all of
the old is gone for good before the new one gets the name.
"""

from pathlib import Path

from ..log.files import Files

_SIDES = ("-wal", "-shm", "-journal")


def arrived_path(path: Path) -> Path:
    """Returns the name under which a new file counts, until it has the shard's own."""
    return path.with_name(f".{path.name}.arrived")


def announce(path: Path, new: Path, files: Files) -> None:
    """Makes a file, whose bytes are durable, the one that counts. Raises OSError; then the old one still counts."""
    assert new.parent == path.parent, "a rename does not cross disks"
    files.rename(new, arrived_path(path))
    files.sync_directory(path.parent)


def finish(path: Path, files: Files) -> bool:
    """Does what is left to do of a replacement, if there is one; nobody may have the old file open.

    Returns:
        Whether there was one.

    Raises:
        OSError: it is to be tried again by the next start.
    """
    arrived = arrived_path(path)
    if not arrived.exists():
        return False
    for side in _SIDES:
        files.remove(arrived.with_name(arrived.name + side))
    for name in (path, *(path.with_name(path.name + side) for side in _SIDES)):
        files.remove(name)
    files.sync_directory(path.parent)
    files.rename(arrived, path)
    files.sync_directory(path.parent)
    return True
