"""How a node keeps to its file of schedules: notices a change, checks the whole, applies it, and tells the difference.

Decides when the file is read, what a bad one changes (nothing), and when an apply is tried again. It must not know how
the node is reached, nor how the process sleeps. Rule: docs/schedules.md, "The file".
"""

import logging
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from ...broker.net.exceptions import RequestRefused
from ...broker.tasks.exceptions import MainspringError
from ..log import fields
from ..settings.document import read_text
from ..settings.errors import FAULTS_SHOWN_MAX, SettingsError
from .difference import WORDS, Change, told
from .load import FILE, Declared, read_schedules

log = logging.getLogger("mainspring.schedules")

LOOK_S: Final = 1.0
SETTLE_S: Final = 0.2
"""A file that has just changed may not be written to its end; it is read when it has stayed the same for so long."""
RETRY_MIN_S: Final = 0.25
RETRY_MAX_S: Final = 30.0

Signature = tuple[int, int, int, int]
_NEVER: Final = (-1, -1, -1, -1)


Apply = Callable[[Declared], Sequence[Change]]
"""Asks the node to keep these schedules and no others of their source; raises MainspringError if it does not."""


class ScheduleKeeper:
    """One file of schedules and what the node was told of it.

    Args:
        path: the file.
        apply: tells the node.
        now_s: a clock that never goes back.

    Attributes:
        has_answer: the file was applied, or found faulty, or refused, for the first time.
    """

    def __init__(self, path: Path, apply: Apply, now_s: Callable[[], float]) -> None:
        self._path = path
        self._apply = apply
        self._now_s = now_s
        self.has_answer = False
        self._seen = _signature(path)
        """The file as it was at the last look."""
        self._read: Signature | None = _NEVER
        """The file as it was when it was read."""
        self._digest = ""
        self._pending: Declared | None = None
        self._applied = ""
        self._failures = 0
        self._retry_s = 0.0
        self._told = ""

    def look(self, *, is_asked: bool = False) -> float:
        """Does what is due; returns the seconds after which to look again.

        Args:
            is_asked: read and apply the file although it has not changed.
        """
        found = _signature(self._path)
        is_still = found == self._seen
        self._seen = found
        if is_asked or (is_still and found != self._read):
            self._read = found
            self._take(is_asked=is_asked)
        if self._pending is not None and self._now_s() >= self._retry_s:
            self._tell(self._pending)
        if self._seen != self._read:
            return SETTLE_S
        return LOOK_S if self._pending is None else max(0.0, min(LOOK_S, self._retry_s - self._now_s()))

    def _take(self, *, is_asked: bool) -> None:
        """Reads the file; a faulty one changes nothing, and is told once for each content."""
        try:
            text = read_text(str(self._path), FILE)
            digest = blake2b(text.encode()).hexdigest()
            if digest == self._digest and not is_asked:
                return
            self._digest = digest
            declared = read_schedules(str(self._path), text)
        except SettingsError as error:
            self._refuse(error, is_asked=is_asked)
            return
        if declared.revision == self._applied and not is_asked:
            log.info("%s has changed, its schedules have not", self._path.name)
            self._pending = None
            return
        self._pending, self._failures, self._retry_s, self._told = declared, 0, self._now_s(), ""

    def _refuse(self, error: SettingsError, *, is_asked: bool) -> None:
        self.has_answer = True
        if str(error) == self._told and not is_asked:
            return
        self._told = str(error)
        count = len(error.faults)
        log.error("%s has faults, so nothing is changed", self._path.name, extra=fields(faults=count))
        for fault in error.faults[:FAULTS_SHOWN_MAX]:
            log.error("%s", fault)
        if count > FAULTS_SHOWN_MAX:
            log.error("and %d more; mend these first", count - FAULTS_SHOWN_MAX)

    def _tell(self, declared: Declared) -> None:
        """Applies what the file says, or notes when to try again."""
        try:
            changes = self._apply(declared)
        except MainspringError as error:
            is_refused = isinstance(error, RequestRefused)
            self.has_answer = self.has_answer or is_refused
            if not is_refused:
                self._applied = ""  # the node may have taken it, and only its answer was lost
            wait_s = min(RETRY_MAX_S, RETRY_MIN_S * 2 ** min(self._failures, 20))
            self._failures += 1
            self._retry_s = self._now_s() + wait_s
            if str(error) != self._told:
                self._told = str(error)
                log.warning("%s is not applied yet, and tried again: %s", self._path.name, error)
            return
        self.has_answer = True
        self._pending, self._applied, self._told = None, declared.revision, ""
        for line in told(changes):
            log.info("%s", line)
        counts = {word: sum(change.change == word for change in changes) for word in WORDS}
        log.info("%s is applied", self._path.name, extra=fields(revision=declared.revision, **counts))


def _signature(path: Path) -> Signature | None:
    """Returns what differs once a file was written or replaced; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
