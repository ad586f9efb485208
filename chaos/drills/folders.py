"""The folder of a drill: everything that its nodes store, under a name that says whose it is.

Decides where it stands, and what of dead drills goes: their folders, and the file systems that they have mounted there.
Must not know what is in it.
"""

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

from .names import Names, is_process_alive, stale
from .tools import ToolFailed, call

ROLE: Final = "files"
_MOUNTS: Final = Path("/proc/self/mounts")


def make(names: Names) -> Path:
    """Makes the folder of a drill, after those of dead drills are gone."""
    top = Path(tempfile.gettempdir())
    clean(top)
    folder = top / names.of(ROLE)
    folder.mkdir(mode=0o700)
    return folder


def clean(top: Path) -> list[str]:
    """Removes what dead drills have left below a folder; returns the names."""
    found = stale((path.name for path in top.iterdir()), is_process_alive)
    for name in found:
        remove(top / name)
    return found


def remove(folder: Path) -> None:
    """Removes a folder of a drill with all in it; what is mounted there goes first, the last one before the others."""
    for point in reversed(mounted(folder)):
        with contextlib.suppress(ToolFailed):
            call(["umount", "--lazy", str(point)])
    shutil.rmtree(folder, ignore_errors=True)


def mounted(folder: Path) -> list[Path]:
    """Returns what is mounted below a folder, in the order in which it was."""
    points = (Path(line.split(" ")[1]) for line in _MOUNTS.read_text("utf-8", "replace").splitlines())
    return [point for point in points if folder in point.parents]
