"""A directory on a disk that loses power, runs full and fails.

Decides what is safe: the bytes of a file after its sync, its names after a sync of their directory. The files
themselves stand in a real directory, so what runs on them sees them as ever; `power_loss` writes beside them
what would have been left. Like a POSIX disk it promises no order between any two things that were not synced.
"""

import errno
import random
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from .content import Content


class Loss(Enum):
    """What the power takes of all that was not synced."""

    EVERYTHING = "everything"
    """Nothing unsynced reached the disk."""
    SOME = "some"
    """Any part of it reached the disk, in any order."""
    TAIL = "tail"
    """A first part of it reached the disk, the last write of it in part."""
    NOTHING = "nothing"
    """All of it reached the disk: a killed process, no cut."""


class Event(NamedTuple):
    """Something that happened: create, write, truncate, sync, rename, remove or sync_directory."""

    kind: str
    path: Path


class _NameChange(NamedTuple):
    order: int
    path: Path
    content: Content | None
    """None if the name goes."""
    source: Path | None = None
    """The name it had before, if this is a rename."""


class Disk:
    """What happened to the files below one directory, and what of it is safe.

    Args:
        directory: what stands in it already counts as safe.
        on_event: told of each event once it has happened; it may call `power_loss`.
        capacity_bytes: how much fits; None for no bound.
    """

    def __init__(
        self,
        directory: Path,
        *,
        on_event: Callable[[Event], None] | None = None,
        capacity_bytes: int | None = None,
    ) -> None:
        self.directory = directory
        self.on_event = on_event
        self.capacity_bytes = capacity_bytes
        self.events = 0
        self._names: dict[Path, Content] = {}
        self._safe_names: dict[Path, Content] = {}
        self._name_changes: list[_NameChange] = []
        self._failing: dict[str, str] = {}
        self.adopt()

    def adopt(self) -> None:
        """Takes what stands in the directory, made by others, as safe."""
        for path in self.directory.rglob("*"):
            if path.is_file() and path not in self._names and not path.name.endswith("-shm"):
                self._names[path] = self._safe_names[path] = Content(path.read_bytes())

    def content(self, path: Path) -> Content | None:
        """Returns what stands under a name now."""
        return self._names.get(path)

    def fail(self, kind: str, name: str = "") -> None:
        """Makes every event of this kind, or `read`, fail from now on, on files whose name contains `name`."""
        self._failing[kind] = name

    def mend(self) -> None:
        """Ends all failures."""
        self._failing = {}

    def fault(self, kind: str, path: Path, grows_bytes: int = 0) -> int | None:
        """Returns the errno with which an event must fail, None if it may happen."""
        name = self._failing.get(kind)
        if name is not None and name in path.name:
            return errno.EIO
        if self.capacity_bytes is not None and grows_bytes > 0:
            used = sum(content.size for content in self._names.values())
            if used + grows_bytes > self.capacity_bytes:
                return errno.ENOSPC
        return None

    def create(self, path: Path) -> Content:
        """A file has come to be, empty."""
        content = self._names[path] = Content()
        self._name_changes.append(_NameChange(self.events, path, content))
        self._happened("create", path)
        return content

    def write(self, path: Path, content: Content, offset: int, data: bytes) -> None:
        """Bytes were written."""
        content.write(self.events, offset, data)
        self._happened("write", path)

    def truncate(self, path: Path, content: Content, size: int) -> None:
        """A file has got another size."""
        content.truncate(self.events, size)
        self._happened("truncate", path)

    def sync(self, path: Path, content: Content) -> None:
        """A file's bytes are safe; its names may not be."""
        content.sync()
        self._happened("sync", path)

    def rename(self, source: Path, target: Path) -> None:
        """A file has got another name."""
        content = self._names.pop(source)
        self._names[target] = content
        self._name_changes.append(_NameChange(self.events, target, content, source))
        self._happened("rename", target)

    def remove(self, path: Path) -> None:
        """A name is gone."""
        if self._names.pop(path, None) is not None:
            self._name_changes.append(_NameChange(self.events, path, None))
            self._happened("remove", path)

    def sync_directory(self, directory: Path) -> None:
        """The names in a directory are safe."""
        changes = [change for change in self._name_changes if change.path.parent == directory]
        self._name_changes = [change for change in self._name_changes if change.path.parent != directory]
        for change in changes:
            _rename(self._safe_names, change)
        self._happened("sync_directory", directory)

    def power_loss(self, into: Path, loss: Loss, draw: random.Random) -> None:
        """Writes to `into` what is left of the directory if the power goes now. The disk itself goes on.

        Args:
            into: a directory, made if it is not there; it should be empty.
            loss: what is lost.
            draw: decides the sectors and names that stay.
        """
        share = draw.random()
        cut = draw.randint(0, self.events)

        def keeps(order: int) -> bool:
            match loss:
                case Loss.EVERYTHING:
                    return False
                case Loss.NOTHING:
                    return True
                case Loss.SOME:
                    return draw.random() < share
                case Loss.TAIL:
                    return order < cut or (order == cut and draw.random() < share)

        names = dict(self._safe_names)
        for change in self._name_changes:
            if keeps(change.order):
                _rename(names, change)
        into.mkdir(parents=True, exist_ok=True)
        for path, content in names.items():
            target = into / path.relative_to(self.directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.survivor(keeps))

    def _happened(self, kind: str, path: Path) -> None:
        self.events += 1
        if self.on_event is not None:
            self.on_event(Event(kind, path))


def _rename(names: dict[Path, Content], change: _NameChange) -> None:
    if change.source is not None:
        names.pop(change.source, None)
    if change.content is None:
        names.pop(change.path, None)
    else:
        names[change.path] = change.content
