"""Helps tests of the log on disk: a clock, a filled log, what a kill leaves."""

import shutil
from pathlib import Path

from mainspring.nodes.storage.log.local_log import LocalLog


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        """Returns the time."""
        return self.now_ns

    def advance(self, milliseconds: int) -> None:
        """Lets time pass."""
        self.now_ns += milliseconds * 1_000_000


def fill(log: LocalLog, group: int, count: int, size: int = 2_000) -> None:
    """Commits entries one by one."""
    log.campaign(group)
    for number in range(count):
        log.append(group, bytes([number % 251]) * size)
        log.sync()


def killed(directory: Path, into: Path) -> Path:
    """Returns what a kill would leave: the files as they stand."""
    shutil.copytree(directory, into)
    return into
