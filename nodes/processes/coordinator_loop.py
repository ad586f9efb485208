"""The coordinator's loop.

Receive without blocking until nothing is left, one bounded turn, apply, sleep until the next wake.

Decides the order of an iteration, for a node that is alone and for a member of a cluster alike, and when the log may be
truncated. What a turn is, actors/turn.py decides. Rule: docs/design.md, "Time" (the loop is a plain one) and "Storage"
(truncation).
"""

import select
from collections.abc import Mapping, Sequence
from time import perf_counter_ns

from ...actors.coordinator.takeover import keep_from
from ...actors.effects import Send
from ...actors.events import Drain
from ...actors.log import ReplicatedLog
from ...actors.machine import Now
from ...actors.turn import answer_reads
from ...broker.net.clock import read_clocks
from ...broker.net.router import Router
from ...broker.wire.codec import FOR_MEMBERS, encode
from .applying import Applying
from .cluster_desk import ClusterDesk
from .disk_guard import DiskGuard
from .figures import Figures
from .guests import Guests
from .intake import FRAMES_A_TURN, Intake
from .roles import Roles
from .shard import Shard
from .signals import StopSignal

TIMER_NEAR_NS = 2_000_000
"""With a timer so near, rows and upkeep wait: they would make it late."""

TURN_NS = 50_000_000
"""What a turn should take at the most where other members wait for a sign of life: as many frames are taken in as one
could in this time, going by the last turn.
"""

FRAMES_MIN = 4
"""Frames that a turn takes in however long the last one was."""

TEND_EVERY_NS = 1_000_000_000
"""However busy the loop is, segments and truncation get their turn this often."""

SETTLE_EVERY_NS = 1_000_000_000
"""A member makes the rows of one of its shards durable this often, in turns, so that no truncation has much to wait
for.
"""


class CoordinatorLoop:
    """All shards of one process around one ROUTER and one log."""

    def __init__(
        self,
        shards: Mapping[int, Shard],
        engine: ReplicatedLog,
        disk: DiskGuard,
        router: Router,
        stop: StopSignal,
        figures: Figures,
        *,
        truncate_every_ms: int,
        wal_bytes_max: int,
        guests: Guests,
        desk: ClusterDesk,
        roles: Roles | None = None,
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
            guests: who has said hello.
            desk: answers what is asked about the cluster.
            roles: who leads which shard, if there are other members; alone, this process leads all of them.
        """
        self.shards = shards
        self.members = [shard.member for shard in shards.values()]
        self.engine = engine
        self.disk = disk
        self.router = router
        self.stop = stop
        self.figures = figures
        self.truncate_every_ns = truncate_every_ms * 1_000_000
        self.guests = guests
        self.roles = roles
        numbered = {number: shard.member for number, shard in shards.items()}
        directory = roles.leadership.directory if roles is not None else None
        self.intake = Intake(router, numbered, self._send, guests, desk, directory)
        self.applying = Applying(shards, engine, disk, wal_bytes_max=wal_bytes_max, is_member=roles is not None)
        self._tend_ns = 0
        self._truncate_ns = 0
        self._settle_ns = 0
        self._settled = 0
        self._frames_max = FRAMES_A_TURN

    def run(self) -> None:
        """Serves until somebody asks to stop, then finishes the turn that is under way and applies everything."""
        now = read_clocks()
        self._truncate_ns = now.elapsed_ns + self.truncate_every_ns
        roles, applying = self.roles, self.applying
        while True:
            is_late = applying.is_far_behind(now)
            frames = 0 if is_late else self.intake.take(now.elapsed_ns, self._frames_max)
            now = read_clocks()
            if roles is not None:
                roles.take(now)
            stopping = self.stop.asked and (roles is None or roles.has_left(now))
            if stopping:
                for member in self.members:
                    if member.machine is not None:
                        member.inbox.append(Drain())
            self._turn(now, frames)
            if self.router.waiting:
                self._flush()
            busy = is_late or self.router.readable() or (roles is not None and roles.members.readable())
            wake_ns = now.elapsed_ns if busy else self._wake_ns()
            is_clear = wake_ns - now.elapsed_ns > TIMER_NEAR_NS
            reading = [member for member in self.members if member.reads]
            is_urgent = roles is not None and roles.leadership.is_taking_over
            if reading or is_late or applying.due(now, is_clear=is_clear, is_urgent=is_urgent):
                applying.apply(now)
            for member in reading:
                answer_reads(member)
            if stopping:
                break
            if is_urgent and self._leads_more(now):
                continue  # its machine has something to say
            if now.elapsed_ns >= self._tend_ns or (is_clear and not busy):
                self._tend(now)
            if not busy:
                apply_ns = applying.wake_ns()
                if (is_clear or is_urgent) and apply_ns is not None:
                    wake_ns = min(wake_ns, apply_ns)
                self._sleep(wake_ns)
        applying.rest()

    def _turn(self, now: Now, frames: int) -> None:
        """Runs one turn, after so many frames have come in."""
        began_ns = perf_counter_ns()
        self._send(self.disk.turn(now, self._send))
        took_ns = perf_counter_ns() - began_ns
        self.figures.turned(took_ns)
        if self.roles is not None:
            self.roles.hear(now)  # a vote of its own is one once it is durable
            if frames:
                fitting = min(frames * TURN_NS // took_ns, 2 * self._frames_max, FRAMES_A_TURN)
                self._frames_max = max(FRAMES_MIN, fitting)

    def _leads_more(self, now: Now) -> bool:
        """Says whether a shard that was waiting for its rows is led now."""
        assert self.roles is not None, "a node that is alone leads from its start"
        self.roles.hear(now)
        return not self.roles.leadership.is_taking_over

    def _send(self, sends: Sequence[Send]) -> None:
        """Lets released sends leave: all that one peer gets in a turn is one multipart.

        What was decided last leaves first: those are the Runs, whose handlers somebody waits for.
        """
        if not sends:
            return
        by_peer: dict[bytes, list[bytes]] = {}
        if self.roles is None:
            for send in sends:
                by_peer.setdefault(send.peer, []).append(encode(send.message))
        else:
            by_name: dict[bytes, list[bytes]] = {}
            for send in sends:
                # By its message: a guest may call its connection what it likes, a member's name among others.
                theirs = by_name if type(send.message) in FOR_MEMBERS else by_peer
                theirs.setdefault(send.peer, []).append(encode(send.message))
            for name, frames in by_name.items():
                self.roles.members.send(name.decode(), frames)
        for peer, frames in reversed(by_peer.items()):
            if not self.router.send(peer, frames):
                self.guests.gone(peer)

    def _flush(self) -> None:
        """Sends what peers did not take before, however busy the loop is: they may be reading again."""
        for peer in self.router.flush():
            self.guests.gone(peer)

    def _wake_ns(self) -> int:
        """Returns when a machine, the log or its truncation wants a turn."""
        machines = [member.machine for member in self.members if member.machine is not None]
        wakes = [self._truncate_ns, *(wake for each in machines if (wake := each.wake_at()) is not None)]
        if (look_ns := self.disk.wake_ns()) is not None:
            wakes.append(look_ns)
        if self.roles is not None and (raft_ns := self.roles.leadership.wake_ns()) is not None:
            wakes.append(raft_ns)
        return min(wakes)

    def _tend(self, now: Now) -> None:
        """Does what an idle moment allows: the log's segments, and truncation."""
        self._tend_ns = now.elapsed_ns + TEND_EVERY_NS
        self.disk.disk.maintain()
        if self.roles is not None and now.elapsed_ns >= self._settle_ns:
            # A little of it often: with other members waiting, nobody should wait for a long fsync.
            self._settle_ns = now.elapsed_ns + SETTLE_EVERY_NS
            self._settled = (self._settled + 1) % len(self.shards)
            self.shards[self._settled].file.make_durable()
        looks = self.disk.due(now)
        if looks or now.elapsed_ns >= self._truncate_ns:
            self._truncate_ns = now.elapsed_ns + self.truncate_every_ns
            for shard in self.shards.values():
                self._truncate(shard)
        if looks and not self.disk.look() and self.roles is not None:
            self.roles.spare(now)

    def _truncate(self, shard: Shard) -> None:
        """Lets the log drop what the shard's file has on disk."""
        durable = shard.file.make_durable()
        machine = shard.member.machine
        floor = shard.file.floor if machine is None else machine.housekeeping.floor_as_of(durable)
        self.engine.truncate(shard.member.group, keep_from(durable, floor))

    def _sleep(self, wake_ns: int) -> None:
        """Waits for a frame or a signal, until `wake_ns` at the longest."""
        router, roles = self.router, self.roles
        is_news = router.readable() or router.listening.readable()
        if is_news or any(member.inbox for member in self.members):
            return
        if self.stop.asked and (roles is None or roles.leadership.leave_ns is None):
            return
        wait_ns = wake_ns - read_clocks().elapsed_ns
        if router.waiting or self.intake.is_holding:
            wait_ns = min(wait_ns, 10_000_000)
        if wait_ns > 0:
            fds: list[int] = [*router.fds, self.stop.fd]
            if roles is not None:
                if roles.members.readable():
                    return
                fds += roles.members.fds
            # select() takes fractions of a millisecond, which poll() does not.
            ready, _, _ = select.select(fds, [], [], wait_ns / 1e9)
            if self.stop.fd in ready:
                self.stop.drain()
