"""What an engine saves of each group: a small file a group, replaced in place.

Decides names and when a file is made. It knows nothing of what the bytes mean (term, vote and members, for an engine
with members).
"""

import errno
import re
from pathlib import Path

import apsw

from .files import Files
from .slot_file import VALUE_BYTES_MAX, SlotFile

_NAME = re.compile(r"group-([0-9]+)\.state", re.ASCII)


def state_path(directory: Path, group: int) -> Path:
    """Returns the path of a group's file."""
    return directory / f"group-{group}.state"


def state_files(directory: Path) -> dict[int, Path]:
    """Returns the files in a directory, by group. A node that is no member of a cluster has none."""
    named = ((_NAME.fullmatch(path.name), path) for path in directory.iterdir())
    return {int(match[1]): path for match, path in sorted(named, key=lambda pair: pair[1]) if match}


class GroupStates:
    """The files of one directory.

    Raises:
        LogDamaged: one cannot be read.
    """

    def __init__(self, directory: Path, files: Files) -> None:
        self._directory = directory
        self._files = files
        self._slots: dict[int, SlotFile] = {}
        self.waiting: dict[int, bytes] = {}
        """What was saved and is not durable."""
        try:
            for group, path in state_files(directory).items():
                self._slots[group] = SlotFile(path, files)
        except BaseException:
            self.close()
            raise

    def value(self, group: int) -> bytes:
        """Returns what was saved last, durable or not; empty if nothing ever was."""
        if group in self.waiting:
            return self.waiting[group]
        return self._slots[group].value if group in self._slots else b""

    def save(self, group: int, value: bytes) -> None:
        """Keeps a value until it is written."""
        assert len(value) <= VALUE_BYTES_MAX, f"a state of {len(value)} bytes, {VALUE_BYTES_MAX} fit"
        if value != self.value(group):
            self.waiting[group] = value

    def write(self, group: int) -> None:
        """Makes the group's value durable, if one waits.

        Raises:
            apsw.FullError: no room for a new file; the value still waits.
            OSError: the disk failed.
        """
        value = self.waiting.get(group)
        if value is None:
            return
        slots = self._slots.get(group)
        if slots is None:
            self._create(group, value)
        elif slots.value != value:
            slots.write(value)
        del self.waiting[group]

    def _create(self, group: int, value: bytes) -> None:
        path = state_path(self._directory, group)
        try:
            SlotFile.create(path, value, self._files)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise apsw.FullError(f"no room for {path}") from error
            raise
        self._files.sync_directory(self._directory)
        self._slots[group] = SlotFile(path, self._files)

    def close(self) -> None:
        """Closes the files."""
        for slots in self._slots.values():
            slots.close()
