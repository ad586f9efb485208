"""What the entries that a log still holds say about each job: taken, ended, forgotten.

Decides what a job's rows must be after the last of these entries. Jobs that were taken before the oldest entry are
nobody's business here. It must not know the shard file (verify_entries.py asks it).
"""

import zlib
from collections.abc import Iterable
from typing import Any, Final

from ...actors import entries
from ...actors.entries import FINISH_COLUMNS, JOB_COLUMNS, Entry, Op
from ...actors.jobs.lifecycle import EXPIRED, TERMINAL

_PAYLOAD: Final = JOB_COLUMNS.index("payload")
_ID, _STATE, _RESULT = (FINISH_COLUMNS.index(name) for name in ("id", "state", "result"))


def checksum(text: str | bytes | None) -> int:
    """Returns what a text is compared by; -1 for none."""
    if text is None:
        return -1
    return zlib.crc32(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)


class Fate:
    """One job by its entries."""

    __slots__ = ("entry", "payload", "pruned", "result", "state")

    def __init__(self, entry: int, payload: int) -> None:
        self.entry = entry
        """The entry that took it."""
        self.payload = payload
        """Checksum of its arguments."""
        self.state: int | None = None
        """The state that it ended in; None while it lives."""
        self.result = -1
        self.pruned = False
        """It may have been forgotten by now."""


class Fates:
    """All jobs that were taken in the entries of one shard's log, up to some entry.

    Args:
        last: entries behind it are not looked at: the shard file does not hold them yet.
    """

    def __init__(self, last: int) -> None:
        self.last = last
        self.jobs: dict[int, Fate] = {}
        self._ended: list[int] = []
        """Jobs that ended since the last PRUNE."""

    def take(self, index: int, entry: Entry) -> None:
        """Takes an entry in."""
        if index > self.last:
            return
        for op in entry.ops:
            self._op(index, op)

    def _op(self, index: int, op: Op) -> None:
        match op[0]:
            case entries.SUBMIT:
                for offset, row in enumerate(op[5]):
                    self.jobs[op[4] + offset] = Fate(index, checksum(row[_PAYLOAD]))
            case entries.FINISH:
                self._finish(op[2])
            case entries.CANCEL:
                self._end(op[1], op[2])
            case entries.EXPIRE:
                self._end(op[1], EXPIRED)
            case entries.SETTLE:
                self._move(op[1], op[2])
            case entries.REVIVE:
                self._move(op[1], None)
            case entries.PRUNE:
                for id in self._ended:
                    self.jobs[id].pruned = True
                self._ended = []
            case _:
                pass

    def _finish(self, rows: Iterable[list[Any]]) -> None:
        for row in rows:
            if row[_STATE] in TERMINAL:
                self._end((row[_ID],), row[_STATE], checksum(row[_RESULT]))

    def _move(self, rows: Iterable[tuple[int, int]], state: int | None) -> None:
        for id, _ in rows:
            if id in self.jobs:
                self.jobs[id].state = state

    def _end(self, ids: Iterable[int], state: int, result: int = -1) -> None:
        for id in ids:
            fate = self.jobs.get(id)
            if fate is not None:
                fate.state, fate.result = state, result
                self._ended.append(id)


def fault(fate: Fate, live: tuple[Any, ...] | None, finished: tuple[Any, ...] | None) -> str | None:
    """Says what is wrong with a job's rows; None if nothing is.

    Args:
        fate: what the log says.
        live: (payload) of its row in `jobs`, as bytes.
        finished: (state, payload, result) of its row in `finished`, texts as bytes.
    """
    if fate.state is None:
        if live is None:
            return "is finished, and the log does not say so" if finished else "is missing"
        return None if checksum(live[0]) == fate.payload else "has other arguments than it was taken with"
    if live is not None:
        return "is live, and the log says that it has ended"
    if finished is None:
        return None if fate.pruned else "is missing; it had ended, and retention has not run since"
    if finished[0] != fate.state:
        return f"has state {finished[0]}, the log says {fate.state}"
    if checksum(finished[1]) != fate.payload:
        return "has other arguments than it was taken with"
    return None if checksum(finished[2]) == fate.result else "has another result than was recorded"
