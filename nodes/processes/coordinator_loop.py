"""The coordinator's loop.

Receive without blocking until nothing is left, one bounded turn, apply, sleep until the next wake.

Decides when rows are applied (when idle, or when too far behind) and when the log may be truncated. What a turn is,
actors/turn.py decides. Rule: docs/design.md, "Time" (the loop is a plain one) and "Storage" (truncation).
"""

import logging
import select
from collections.abc import Mapping, Sequence
from time import perf_counter_ns

from ...actors.coordinator.shard import ShardMachine
from ...actors.coordinator.takeover import keep_from
from ...actors.effects import Send
from ...actors.events import Drain, PeerGone
from ...actors.machine import Now
from ...actors.turn import Member, answer_reads
from ...broker.net.clock import read_clocks
from ...broker.net.router import Router
from ...broker.wire.codec import encode
from ..storage.log.local_log import LocalLog
from ..storage.shard.shard_file import ShardFile
from .disk_guard import FULL_RETRY_NS, DiskGuard
from .figures import Figures
from .file_users import users_of
from .intake import Intake
from .signals import StopSignal

log = logging.getLogger("mainspring.coordinator")

APPLY_AFTER_NS = 2_000_000
"""Rows are applied this long after the first entry that they lack, if no input waits then. What a turn has set off (a
start, its result) comes first, and a job that ends so soon is one transaction.
"""

TIMER_NEAR_NS = 2_000_000
"""With a timer so near, rows and upkeep wait: they would make it late."""

APPLY_WITHIN_NS = 50_000_000
UNAPPLIED_BUSY_MAX = 64
"""While input waits, rows are applied only when they are that long, or so many entries, behind: one transaction for
many is cheaper, but nobody should wait for a long one.
"""

LOCKED_RETRY_NS = 100_000_000
"""How long to wait before applying again when somebody holds a shard file's lock."""

LOCKED_NOTE_NS = 2_000_000_000

TEND_EVERY_NS = 1_000_000_000
"""However busy the loop is, segments and truncation get their turn this often."""


class Shard:
    """One shard of this process: its member of the turn, and its file."""

    __slots__ = ("file", "member")

    def __init__(self, member: Member[ShardMachine], file: ShardFile) -> None:
        self.member = member
        self.file = file


class CoordinatorLoop:
    """All shards of one process around one ROUTER and one log."""

    def __init__(
        self,
        shards: Mapping[int, Shard],
        engine: LocalLog,
        disk: DiskGuard,
        router: Router,
        stop: StopSignal,
        figures: Figures,
        *,
        truncate_every_ms: int,
        wal_bytes_max: int,
    ) -> None:
        """Prepares the loop.

        Args:
            shards: by shard number.
            engine: the log under all of them.
            disk: runs the turns of the shards on that log.
            router: bound.
            stop: becomes readable when a signal has come.
            figures: is told how long the turns took.
            truncate_every_ms: how often the log may be truncated.
            wal_bytes_max: no rows are applied to a shard file whose WAL a reader pins above this.
        """
        self.shards = shards
        self.members = [shard.member for shard in shards.values()]
        self.engine = engine
        self.disk = disk
        self.router = router
        self.stop = stop
        self.figures = figures
        self.truncate_every_ns = truncate_every_ms * 1_000_000
        self.wal_bytes_max = wal_bytes_max
        self.intake = Intake(router, {number: shard.member for number, shard in shards.items()}, self._send)
        self._tend_ns = 0
        self._truncate_ns = 0
        self._apply_ns: int | None = None
        self._retry_ns = 0
        self._locked_since_ns: int | None = None

    def run(self) -> None:
        """Serves until somebody asks to stop, then finishes the turn that is under way and applies everything."""
        now = read_clocks()
        self._truncate_ns = now.elapsed_ns + self.truncate_every_ns
        while True:
            self.intake.take(now.elapsed_ns)
            now = read_clocks()
            stopping = self.stop.asked
            if stopping:
                for member in self.members:
                    member.inbox.append(Drain())
            began_ns = perf_counter_ns()
            self._send(self.disk.turn(now, self._send))
            self.figures.turned(perf_counter_ns() - began_ns)
            if self.router.waiting:
                self._flush()
            busy = self.router.readable()
            wake_ns = now.elapsed_ns if busy else self._wake_ns()
            is_clear = wake_ns - now.elapsed_ns > TIMER_NEAR_NS
            reading = [member for member in self.members if member.reads]
            if reading or self._apply_due(now, is_clear=is_clear):
                self._apply(now)
            for member in reading:
                answer_reads(member)
            if stopping:
                break
            if now.elapsed_ns >= self._tend_ns or (is_clear and not busy):
                self._tend(now)
            if not busy:
                if is_clear and self._apply_ns is not None:
                    wake_ns = min(wake_ns, max(self._apply_ns, self._retry_ns))
                self._sleep(wake_ns)
        self._apply_rest()

    def _send(self, sends: Sequence[Send]) -> None:
        """Lets released sends leave: all that one peer gets in a turn is one multipart.

        What was decided last leaves first: those are the Runs, whose handlers somebody waits for.
        """
        if not sends:
            return
        by_peer: dict[bytes, list[bytes]] = {}
        for send in sends:
            by_peer.setdefault(send.peer, []).append(encode(send.message))
        for peer, frames in reversed(by_peer.items()):
            if not self.router.send(peer, frames):
                self._gone(peer)

    def _flush(self) -> None:
        """Sends what peers did not take before, however busy the loop is: they may be reading again."""
        for peer in self.router.flush():
            self._gone(peer)

    def _gone(self, peer: bytes) -> None:
        for member in self.members:
            member.inbox.append(PeerGone(peer))

    def _wake_ns(self) -> int:
        """Returns when a machine, or the log's truncation, wants a turn."""
        wakes = [wake for member in self.members if (wake := member.machine.wake_at()) is not None]
        if (look_ns := self.disk.wake_ns()) is not None:
            wakes.append(look_ns)
        return min([*wakes, self._truncate_ns])

    def _apply_due(self, now: Now, *, is_clear: bool) -> bool:
        """Says whether rows should be applied now; `is_clear`: neither input nor a timer would have to wait."""
        behind = max(len(member.unapplied) for member in self.members)
        if not behind:
            self._apply_ns = None
            return False
        if self._apply_ns is None:
            self._apply_ns = now.elapsed_ns + APPLY_AFTER_NS
        late_ns = now.elapsed_ns - self._apply_ns
        return behind >= UNAPPLIED_BUSY_MAX or late_ns >= (0 if is_clear else APPLY_WITHIN_NS)

    def _apply(self, now: Now) -> None:
        """Applies committed entries to the shard files; a locked file or a full disk is tried later, and said."""
        if now.elapsed_ns < self._retry_ns:
            return
        applied = [not self._pinned(shard) and self.disk.apply(shard.member, now) for shard in self.shards.values()]
        if all(applied):
            if self._locked_since_ns is not None and now.elapsed_ns - self._locked_since_ns > LOCKED_NOTE_NS:
                log.info("shard file free again after_ms=%d", (now.elapsed_ns - self._locked_since_ns) // 1_000_000)
            self._locked_since_ns = None
            self._retry_ns = 0
            if not any(member.unapplied for member in self.members):
                self._apply_ns = None
            return
        if self.disk.is_full:
            self._retry_ns = now.elapsed_ns + FULL_RETRY_NS
            return
        self._retry_ns = now.elapsed_ns + LOCKED_RETRY_NS
        if self._locked_since_ns is None:
            self._locked_since_ns = now.elapsed_ns
            users = (
                ", ".join(users_of(shard.file.path for shard in self.shards.values())) or "a process not seen from here"
            )
            log.warning(
                "a shard file is held by another process; nothing is lost, its rows follow when it is free users=%s",
                users,
            )

    def _apply_rest(self) -> None:
        """Applies all that can be applied now, before the end; the rest follows at the next start."""
        for shard in self.shards.values():
            behind = -1
            while behind != (behind := len(shard.member.unapplied)):
                self.disk.apply(shard.member, read_clocks())

    def _pinned(self, shard: Shard) -> bool:
        """Says whether a reader keeps the WAL above its bound: an old snapshot that somebody holds open."""
        return shard.file.wal_live_bytes() > self.wal_bytes_max and not shard.file.checkpoint().complete

    def _tend(self, now: Now) -> None:
        """Does what an idle moment allows: the log's segments, and truncation."""
        self._tend_ns = now.elapsed_ns + TEND_EVERY_NS
        self.engine.maintain()
        looks = self.disk.due(now)
        if looks or now.elapsed_ns >= self._truncate_ns:
            self._truncate_ns = now.elapsed_ns + self.truncate_every_ns
            for shard in self.shards.values():
                durable = shard.file.make_durable()
                floor = shard.member.machine.housekeeping.floor_as_of(durable)
                self.engine.truncate(shard.member.group, keep_from(durable, floor))
        if looks:
            self.disk.look()

    def _sleep(self, wake_ns: int) -> None:
        """Waits for a frame or a signal, until `wake_ns` at the longest."""
        router = self.router
        is_news = router.readable() or router.listening.readable()
        if is_news or self.stop.asked or any(member.inbox for member in self.members):
            return
        wait_ns = wake_ns - read_clocks().elapsed_ns
        if router.waiting or self.intake.is_holding:
            wait_ns = min(wait_ns, 10_000_000)
        if wait_ns > 0:
            # select() takes fractions of a millisecond, which poll() does not.
            ready, _, _ = select.select([*router.fds, self.stop.fd], [], [], wait_ns / 1e9)
            if self.stop.fd in ready:
                self.stop.drain()
