"""What the coordinator does when its disk is full, and when there is room again.

Decides that the ballast goes to what is under way, that the machines hear of both moments, and when the room counts
as enough. It must not know what entries hold or whom the machines refuse. Rule: docs/design.md, "Storage" (when the
disk is full).
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from ...actors.effects import Send
from ...actors.events import Storage
from ...actors.log import ReplicatedLog
from ...actors.machine import Now
from ...actors.turn import Member, catch_up, turn
from ..storage.log.errors import DiskFull
from ..storage.log.local_entries import LocalEntries

log = logging.getLogger("mainspring.coordinator")

FULL_RETRY_NS = 1_000_000_000
"""How often a full disk is looked at again."""


class DiskGuard:
    """Runs turns and applies rows on a disk that may be full.

    Args:
        members: all shards of the process.
        engine: the log under them.
        directory: the data directory, for the texts.
        disk: where the ballast lies; None if that is the engine itself.
    """

    def __init__(
        self,
        members: Sequence[Member[Any]],
        engine: ReplicatedLog,
        directory: Path,
        disk: LocalEntries | None = None,
    ) -> None:
        if disk is None:
            assert isinstance(engine, LocalEntries), "whose is the ballast?"
            disk = engine
        self.members = members
        self.engine = engine
        self.disk = disk
        self.directory = directory
        self.is_full = False
        self._rows_wait: set[int] = set()
        """Groups for whose rows, which the log holds already, there was no room."""
        self._look_ns = 0
        self._is_ballast_out = not disk.restore_ballast()
        if self._is_ballast_out:
            self._begin(0, "there is no room for the ballast")

    def turn(self, now: Now, early: Callable[[list[Send]], None] | None = None) -> list[Send]:
        """Runs one turn; a disk that is full costs the ballast, and nothing else.

        Raises:
            DiskFull: the ballast is used up, and the process must end; nothing that was answered is lost.
            LogFailed: the disk failed; the process must end.
        """
        try:
            return turn(self.members, now, self.engine, early)
        except DiskFull:
            self._is_ballast_out = True
            self.disk.release_ballast()
        try:
            self.engine.sync()
            self._begin(now.elapsed_ns, "the log has got its ballast")
            return turn(self.members, now, self.engine, early)  # what the first one has decided leaves with this one
        except DiskFull as error:
            raise DiskFull(
                f"no room in {self.directory}, and the ballast is used up: the coordinator ends, with nothing lost "
                "that was answered; free some space there, and it is started again by itself"
            ) from error

    def apply(self, member: Member[Any], now: Now, rows_max: int | None = None) -> bool:
        """Applies what is committed as `catch_up` does; False also if there is no room for it now.

        While the ballast is out, rows wait: what it has left is for entries, and the log has those rows as well.
        """
        if self._is_ballast_out:
            return not member.unapplied
        try:
            is_applied = catch_up(member, self.engine, rows_max)
        except apsw.FullError:
            self._rows_wait.add(member.group)
            self._begin(now.elapsed_ns, "rows wait in the log")
            return False
        if is_applied:
            self._rows_wait.discard(member.group)
        return is_applied

    def wake_ns(self) -> int | None:
        """Returns when `due` wants to be asked again, in elapsed ns; None while there is room."""
        return self._look_ns if self.is_full else None

    def due(self, now: Now) -> bool:
        """Says whether room should be made and looked for now; once a second while the disk is full."""
        if not self.is_full or now.elapsed_ns < self._look_ns:
            return False
        self._look_ns = now.elapsed_ns + FULL_RETRY_NS
        return True

    def look(self) -> bool:
        """Looks for room, and tells the machines when there is enough; returns whether there is."""
        self._is_ballast_out = not self.disk.restore_ballast()
        # As much again as the ballast: with less, the next submits would fill the disk at once.
        if self._is_ballast_out or self._rows_wait or not self.disk.has_spare_room():
            return False
        self.is_full = False
        self._tell()
        log.info("the disk has room again; new jobs are taken directory=%s", self.directory)
        return True

    def _begin(self, elapsed_ns: int, what: str) -> None:
        if self.is_full:
            return
        self.is_full = True
        self._look_ns = elapsed_ns + FULL_RETRY_NS
        self._tell()
        log.error(
            "the disk is full (%s); new jobs are refused and none is started, running jobs still finish; "
            "free some space there, which is noticed in a few seconds directory=%s",
            what,
            self.directory,
        )

    def greet(self, member: Member[Any]) -> None:
        """Tells a machine that is new how the disk is."""
        if self.is_full:
            member.inbox.append(Storage(True))

    def _tell(self) -> None:
        for member in self.members:
            if member.machine is not None:
                member.inbox.append(Storage(self.is_full))
