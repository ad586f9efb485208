"""Plain files on a `Disk`: the other half of what the log writes.

Decides nothing: each call does the real thing, unsynced, and tells the disk.
"""

import os
from pathlib import Path

from ...nodes.storage.log.files import PlainFile
from .content import Content
from .disk import Disk


class DiskPlainFile:
    """An open file."""

    def __init__(self, disk: Disk, path: Path) -> None:
        content = disk.content(path)
        assert content is not None, "the disk knows every file below its directory"
        self._disk = disk
        self._path = path
        self._content: Content = content
        self._file = path.open("r+b", buffering=0)

    def write_at(self, data: bytes, offset: int) -> None:
        """Writes bytes."""
        _raise(self._disk.fault("write", self._path, max(0, offset + len(data) - self._content.size)))
        os.pwrite(self._file.fileno(), data, offset)
        self._disk.write(self._path, self._content, offset, data)

    def sync(self) -> None:
        """Makes the bytes safe."""
        _raise(self._disk.fault("sync", self._path))
        self._disk.sync(self._path, self._content)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class DiskFiles:
    """The files of one disk. Implements `Files`."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def create(self, path: Path, data: bytes) -> None:
        """Makes a file that exists whole or not at all."""
        part = path.with_name(path.name + ".new")
        self._make(part, data)
        self.sync(part)
        self.rename(part, path)

    def _make(self, path: Path, data: bytes) -> None:
        _raise(self._disk.fault("write", path, len(data)))
        path.write_bytes(data)
        content = self._disk.create(path)
        self._disk.write(path, content, 0, data)

    def open(self, path: Path) -> PlainFile:
        """Opens a file for writing in place."""
        return DiskPlainFile(self._disk, path)

    def sync(self, path: Path) -> None:
        """Makes a file's bytes safe."""
        _raise(self._disk.fault("sync", path))
        content = self._disk.content(path)
        assert content is not None, "the disk knows every file below its directory"
        self._disk.sync(path, content)

    def rename(self, source: Path, target: Path) -> None:
        """Gives a file another name."""
        _raise(self._disk.fault("rename", target))
        source.replace(target)
        self._disk.rename(source, target)

    def remove(self, path: Path) -> None:
        """Removes a file if it is there."""
        _raise(self._disk.fault("remove", path))
        path.unlink(missing_ok=True)
        self._disk.remove(path)

    def allocate(self, path: Path, size_bytes: int) -> None:
        """Makes a file of this size."""
        self._make(path, bytes(size_bytes))

    def sync_directory(self, directory: Path) -> None:
        """Makes names safe."""
        _raise(self._disk.fault("sync_directory", directory))
        self._disk.sync_directory(directory)


def _raise(fault: int | None) -> None:
    if fault is not None:
        raise OSError(fault, os.strerror(fault))
