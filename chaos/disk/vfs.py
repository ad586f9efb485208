"""The SQLite VFS that tells a `Disk` what happens to database files.

Decides which SQLite calls are which event. Everything else (locks, shared memory, reads) goes to the system's
VFS. A WAL or journal is synced together with its directory at its first sync, as SQLite's own VFS does it;
the main file's name is the business of whoever makes it.
"""

import errno
from itertools import count
from pathlib import Path
from typing import Any

import apsw

from .content import Content
from .disk import Disk

_numbers = count(1)

_JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class DiskVfs(apsw.VFS):
    """A VFS over one disk; open databases with `vfs=disk_vfs.name`, and `close` it when none is open."""

    def __init__(self, disk: Disk) -> None:
        self.name = f"disk-{next(_numbers)}"
        self.disk = disk
        super().__init__(self.name, "")

    def close(self) -> None:
        """Takes the VFS out of SQLite."""
        self.unregister()

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802 - the name is apsw's
        """Opens a file; temporary ones, which have no name, are nobody's loss."""
        if name is None:
            return apsw.VFSFile("", name, flags)
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        return DiskVfsFile(self.disk, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - the name is apsw's
        """Removes a file."""
        path = Path(filename)
        _raise(self.disk.fault("remove", path))
        super().xDelete(filename, False)
        self.disk.remove(path)
        if syncdir:
            self.disk.sync_directory(path.parent)


class DiskVfsFile(apsw.VFSFile):
    """An open database, WAL or journal."""

    def __init__(self, disk: Disk, path: Path, name: Any, flags: list[int]) -> None:
        if path.exists() and disk.content(path) is None:
            disk.adopt()  # made by somebody who does not go through this VFS
        found = disk.content(path)
        if found is None and flags[0] & apsw.SQLITE_OPEN_CREATE:
            _raise(disk.fault("create", path))
        super().__init__("", name, flags)
        self._disk = disk
        self._path = path
        self._content: Content = found or disk.create(path)
        self._names_unsafe = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _JOURNALS)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - the name is apsw's
        """Reads bytes."""
        _raise(self._disk.fault("read", self._path))
        return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - the name is apsw's
        """Writes bytes."""
        written = bytes(data)
        grows_bytes = max(0, offset + len(written) - self._content.size)
        _raise(self._disk.fault("write", self._path, grows_bytes))
        super().xWrite(written, offset)  # pyright: ignore[reportUnknownMemberType] - apsw names a type of Python 3.12
        self._disk.write(self._path, self._content, offset, written)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - the name is apsw's
        """Gives the file another size."""
        _raise(self._disk.fault("truncate", self._path))
        super().xTruncate(newsize)
        self._disk.truncate(self._path, self._content, newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - the name and the arguments are apsw's
        """Makes the bytes safe, in the model alone: the real disk is not kept waiting."""
        _raise(self._disk.fault("sync", self._path))
        self._disk.sync(self._path, self._content)
        if self._names_unsafe:
            self._disk.sync_directory(self._path.parent)
            self._names_unsafe = False


def _raise(fault: int | None) -> None:
    if fault == errno.ENOSPC:
        raise apsw.FullError("the disk is full (made so)")
    if fault is not None:
        raise apsw.IOError("the disk failed (made to)")
