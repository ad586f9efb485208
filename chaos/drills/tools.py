"""The programs of the system that a drill needs, and how to get those that are missing.

Decides what is run and how a failure is told. Must not know drills. A missing tool is told with the command that
installs it, before anything is started.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

WAIT_S: Final = 20.0

NAMESPACES, IPTABLES, MOUNT, FAKETIME, LOOP = "namespaces", "iptables", "mount", "faketime", "loop"
"""What a drill may need: see `missing`."""

_PROGRAMS: Final = {
    NAMESPACES: (("ip", "iproute2"), ("nsenter", "util-linux")),
    IPTABLES: (("iptables", "iptables"),),
    MOUNT: (("mount", "mount"), ("umount", "mount")),
    LOOP: (("losetup", "mount"), ("dmsetup", "dmsetup"), ("mkfs.ext4", "e2fsprogs")),
    FAKETIME: (),
}
"""Need -> programs, each with its package."""

FOLDERS: Final = "/usr/sbin:/sbin"
"""Where such programs stand; not on everybody's PATH."""


class ToolFailed(Exception):
    """A program of the system did not do what it was asked; the text has what it said."""


def path_of(program: str) -> str | None:
    """Finds a program."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{FOLDERS}")


def faketime_library() -> Path | None:
    """Finds the library that gives a process a wall clock of its own."""
    folders = (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"))
    found = (folder.glob(f"{depth}faketime/libfaketimeMT.so.1") for folder in folders for depth in ("", "*/"))
    return next(chain.from_iterable(found), None)


def missing(needs: Iterable[str]) -> list[str]:
    """Returns what is not there, each with the mend; empty if all is.

    Args:
        needs: of the names above.
    """
    wanted = sorted(set(needs))
    found: list[str] = []
    if wanted and set(wanted) - {FAKETIME} and os.geteuid() != 0:
        found.append("the right to make namespaces and mounts: run it as root")
    for need in wanted:
        for program, package in _PROGRAMS[need]:
            if path_of(program) is None:
                found.append(f"{program}: apt-get install -y {package}")
    if FAKETIME in wanted and faketime_library() is None:
        found.append("libfaketime: apt-get install -y libfaketime")
    return found


def call(words: Sequence[str]) -> str:
    """Runs a program and returns its output.

    Raises:
        ToolFailed: it is not there, has failed or has not ended.
    """
    program = path_of(words[0])
    if program is None:
        raise ToolFailed(f"{words[0]} is not there")
    try:
        done = subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=WAIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolFailed(f"`{' '.join(words)}` failed: {error}") from error
    if done.returncode != 0:
        raise ToolFailed(f"`{' '.join(words)}` failed: {done.stderr.strip() or done.returncode}")
    return done.stdout
