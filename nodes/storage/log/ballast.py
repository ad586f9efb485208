"""Room that is kept aside for the day the disk is full.

Decides its size: enough to let the finishes of running jobs through once more. It does not know who may use
the room.
"""

from contextlib import suppress
from pathlib import Path

from .files import Files

BALLAST_BYTES = 4 * 1024 * 1024


class Ballast:
    """The file `ballast`; where there is no room for it, the log works without."""

    NAME = "ballast"
    PROBE = "ballast.probe"

    def __init__(self, directory: Path, files: Files, size_bytes: int) -> None:
        self._path = directory / self.NAME
        self._probe = directory / self.PROBE
        self._files = files
        self._size_bytes = size_bytes

    @property
    def held(self) -> bool:
        """Tells whether there is room to release."""
        return self._path.exists()

    def restore(self) -> bool:
        """Takes the room again; returns False if there is none."""
        if self.held or self._size_bytes == 0:
            return True
        try:
            self._files.allocate(self._path, self._size_bytes)
        except OSError:
            self.release()
            return False
        return True

    def has_spare_room(self) -> bool:
        """Tells whether as much room again is free, by taking it for a moment."""
        if self._size_bytes == 0:
            return True
        try:
            self._files.allocate(self._probe, self._size_bytes)
            return True
        except OSError:
            return False
        finally:
            with suppress(OSError):
                self._files.remove(self._probe)

    def release(self) -> bool:
        """Gives the room back; returns False if there was none."""
        held = self.held
        try:
            self._files.remove(self._path)
        except OSError:
            return False
        return held
