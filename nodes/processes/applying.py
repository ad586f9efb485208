"""When committed entries are applied to the shard files, and what happens when a file is held by somebody else.

Decides the moments: when idle, when too far behind, at once where a shard waits to be led. With other members waiting
for a sign of life, rows are applied in portions. Must not know what entries hold. Rule: docs/design.md, "Storage".
"""

import logging
from collections.abc import Mapping
from typing import Any

from ...actors.log import ReplicatedLog
from ...actors.machine import Now
from ...actors.turn import Member, follow
from ...broker.net.clock import read_clocks
from .disk_guard import FULL_RETRY_NS, DiskGuard
from .file_users import users_of
from .shard import Shard

log = logging.getLogger("mainspring.coordinator")

APPLY_AFTER_NS = 2_000_000
"""Rows are applied this long after the first entry that they lack, if no input waits then. What a turn has set off (a
start, its result) comes first, and a job that ends so soon is one transaction.
"""

APPLY_WITHIN_NS = 50_000_000
UNAPPLIED_BUSY_MAX = 64
"""While input waits, rows are applied only when they are that long, or so many entries, behind: one transaction for
many is cheaper, but nobody should wait for a long one.
"""

PORTION_ROWS = 2_000
"""What a member of a cluster applies at once, about: tens of milliseconds, for the others take silence for death."""

LOCKED_RETRY_NS = 100_000_000
"""How long to wait before applying again when somebody holds a shard file's lock."""

LOCKED_NOTE_NS = 2_000_000_000


class Applying:
    """Keeps the rows of all shards up with the log.

    Args:
        shards: by number.
        engine: the log.
        disk: applies, on a disk that may be full.
        wal_bytes_max: no rows are applied to a shard file whose WAL a reader pins above this.
        is_member: whether other members wait for this process.
    """

    def __init__(
        self,
        shards: Mapping[int, Shard],
        engine: ReplicatedLog,
        disk: DiskGuard,
        *,
        wal_bytes_max: int,
        is_member: bool,
    ) -> None:
        self._shards = shards
        self._members = [shard.member for shard in shards.values()]
        self._engine = engine
        self._disk = disk
        self._wal_bytes_max = wal_bytes_max
        self._rows_max = PORTION_ROWS if is_member else None
        self._apply_ns: int | None = None
        self._retry_ns = 0
        self._locked_since_ns: int | None = None

    def wake_ns(self) -> int | None:
        """Returns when `due` may say yes although nothing has come; None if there is nothing to apply."""
        return None if self._apply_ns is None else max(self._apply_ns, self._retry_ns)

    def due(self, now: Now, *, is_clear: bool, is_urgent: bool = False) -> bool:
        """Says whether rows should be applied now.

        Args:
            now: both clocks.
            is_clear: neither input nor a timer would have to wait.
            is_urgent: a shard waits for its rows.
        """
        behind = max(self._behind(member) for member in self._members)
        if not behind:
            self._apply_ns = None
            return False
        if self._apply_ns is None:
            self._apply_ns = now.elapsed_ns + (0 if is_urgent else APPLY_AFTER_NS)
        elif is_urgent:
            self._apply_ns = min(self._apply_ns, now.elapsed_ns)
        late_ns = now.elapsed_ns - self._apply_ns
        return behind >= UNAPPLIED_BUSY_MAX or late_ns >= (0 if is_clear or is_urgent else APPLY_WITHIN_NS)

    def _behind(self, member: Member[Any]) -> int:
        """Returns how many committed entries a shard's rows lack."""
        if member.machine is not None and not member.unapplied:
            return 0
        return max(0, self._engine.committed(member.group) - member.store.applied)  # rows may outlast what is known

    def is_far_behind(self, now: Now) -> bool:
        """Says whether rows should be applied before more comes in; a node alone applies all of them at once."""
        if self._rows_max is None or now.elapsed_ns < self._retry_ns:
            return False
        return any(self._behind(each) >= UNAPPLIED_BUSY_MAX for each in self._members if each.machine is not None)

    def apply(self, now: Now) -> None:
        """Applies committed entries to the shard files; a locked file or a full disk is tried later, and said."""
        if now.elapsed_ns < self._retry_ns:
            return
        applied = [not self._pinned(shard) and self._bring_up(shard, now) for shard in self._shards.values()]
        if all(applied):
            if self._locked_since_ns is not None and now.elapsed_ns - self._locked_since_ns > LOCKED_NOTE_NS:
                log.info("shard file free again after_ms=%d", (now.elapsed_ns - self._locked_since_ns) // 1_000_000)
            self._locked_since_ns = None
            self._retry_ns = 0
            if not any(self._behind(member) for member in self._members):
                self._apply_ns = None
            return
        if self._disk.is_full:
            self._retry_ns = now.elapsed_ns + FULL_RETRY_NS
            return
        self._retry_ns = now.elapsed_ns + LOCKED_RETRY_NS
        if self._locked_since_ns is None:
            self._locked_since_ns = now.elapsed_ns
            users = (
                ", ".join(users_of(shard.file.path for shard in self._shards.values()))
                or "a process not seen from here"
            )
            log.warning(
                "a shard file is held by another process; nothing is lost, its rows follow when it is free users=%s",
                users,
            )

    def _bring_up(self, shard: Shard, now: Now) -> bool:
        member = shard.member
        if member.machine is None:
            follow(member, self._engine)
        return self._disk.apply(member, now, self._rows_max)

    def rest(self) -> None:
        """Applies all that can be applied now, before the end; the rest follows at the next start."""
        for shard in self._shards.values():
            behind = -1
            while shard.member.machine is not None and behind != (behind := self._behind(shard.member)):
                self._bring_up(shard, read_clocks())

    def _pinned(self, shard: Shard) -> bool:
        """Says whether a reader keeps the WAL above its bound: an old snapshot that somebody holds open."""
        return shard.file.wal_live_bytes() > self._wal_bytes_max and not shard.file.checkpoint().complete
