"""Plain files beside the SQLite ones: the calls that make a file, a name or a removal durable.

Decides how each is done on a POSIX system, and nothing about what the files hold. It is a port, so that power
can be cut in a test (chaos.disk) between any two of these calls.
"""

import errno
import os
from pathlib import Path
from typing import Protocol


class PlainFile(Protocol):
    """An open file of fixed size."""

    def write_at(self, data: bytes, offset: int) -> None:
        """Writes all of `data` at a byte offset; durable after `sync`."""
        ...

    def sync(self) -> None:
        """Makes what was written durable."""
        ...

    def close(self) -> None:
        """Closes the file."""
        ...


class Files(Protocol):
    """What the log asks of the file system. Every call raises OSError if it fails."""

    def create(self, path: Path, data: bytes) -> None:
        """Makes a file that exists whole or not at all, durable once the directory is synced."""
        ...

    def open(self, path: Path) -> PlainFile:
        """Opens a file for writing in place."""
        ...

    def sync(self, path: Path) -> None:
        """Makes the content of a closed file durable."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Gives a file another name, durable once the directory is synced."""
        ...

    def remove(self, path: Path) -> None:
        """Removes a file if it is there, durable once the directory is synced."""
        ...

    def allocate(self, path: Path, size_bytes: int) -> None:
        """Makes a file that really takes this room on the disk."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Makes the names in a directory durable."""
        ...


class OsPlainFile:
    """A file of the operating system."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def write_at(self, data: bytes, offset: int) -> None:
        """Writes all of `data` at a byte offset; durable after `sync`."""
        written = os.pwrite(self._fd, data, offset)
        if written != len(data):
            raise OSError(f"wrote {written} of {len(data)} bytes; check the disk")

    def sync(self) -> None:
        """Makes what was written durable."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Closes the file; once is enough."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class OsFiles:
    """The files of the operating system."""

    def create(self, path: Path, data: bytes) -> None:
        """Makes a file that exists whole or not at all, durable once the directory is synced."""
        part = path.with_name(path.name + ".new")
        part.write_bytes(data)
        self.sync(part)
        self.rename(part, path)

    def open(self, path: Path) -> PlainFile:
        """Opens a file for writing in place."""
        return OsPlainFile(path)

    def sync(self, path: Path) -> None:
        """Makes the content of a closed file durable."""
        _sync(path, os.O_RDWR)

    def rename(self, source: Path, target: Path) -> None:
        """Gives a file another name, durable once the directory is synced."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Removes a file if it is there, durable once the directory is synced."""
        path.unlink(missing_ok=True)

    def allocate(self, path: Path, size_bytes: int) -> None:
        """Makes a file that really takes this room on the disk."""
        free = os.statvfs(path.parent)
        if free.f_bavail * free.f_frsize < size_bytes:  # the try alone would take the rest from everybody for a while
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, size_bytes)
        finally:
            os.close(fd)

    def sync_directory(self, directory: Path) -> None:
        """Makes the names in a directory durable."""
        _sync(directory, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
