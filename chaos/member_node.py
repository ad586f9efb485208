"""A member of a cluster: its lives, and what each of them leaves on a disk that takes its time.

Decides what a crash leaves of disk, when a sync has ended, and how far the log is truncated. What happens in between is
the loop's (member_loop.py).
"""

import random

from ..actors.coordinator.takeover import keep_from
from ..actors.raft.engine import RaftLog
from ..nodes.storage.log.errors import LogFailed
from .member_loop import MS, MemberLoop
from .node import LOCAL, Item

_TRUNCATE, _START = "truncate", "start"
_TRUNCATE_EVERY_NS = 700 * MS


class MemberNode(MemberLoop):
    """One member; everybody finds each of its lives under the same name."""

    def unsettled(self) -> str:
        """Says what is not durable, not applied or not caught up with."""
        if not any(self.is_member(shard) for shard in self.seats):
            return ""
        if self.log is None:
            return f"{self.name} is down"
        if self.busy:
            return f"{self.name} waits for its disk"
        for seat in self.seats.values():
            if not self.is_member(seat.shard):
                continue
            assert seat.member is not None
            committed = self.world.history.committed[seat.shard]
            if self.log.committed(seat.group) != committed or seat.member.unapplied or seat.store.applied != committed:
                return f"{self.name} lags behind entry {committed} of shard {seat.shard}"
        return ""

    def is_member(self, shard: int = 0) -> bool:
        """Says whether a shard's leader counts this node among the members."""
        seat = self.world.leader(shard)
        if seat is None:
            return True
        leader = seat.node
        assert isinstance(leader, MemberNode)
        return any(row[0] == self.name for row in leader.engine.members(shard + 1))

    def start(self, after_ns: int = 0) -> None:
        """Has the process started by its supervisor."""
        self.world.push(self.world.now_ns + after_ns, self, (LOCAL, _START))

    def _start(self) -> None:
        if self.up:
            return
        world, disk = self.world, self.disk
        log = RaftLog(
            self.name,
            disk.entries,
            disk.snapshots,
            self.raft_settings,
            [seat.group for seat in self.seats.values()],
            self.genesis,
            self.draws.child(self.life),
            self.now,
            {seat.group: seat.store.applied for seat in self.seats.values()},
        )
        self.begin(log)
        world.network.join(self)
        self.reached()
        world.count("member_starts")
        world.push(world.now_ns + _TRUNCATE_EVERY_NS, self, (LOCAL, _TRUNCATE))
        self.arm(world.now_ns)

    def crash(self) -> None:
        """Kills the process: its memory is gone, and what was not durable, but for a part that luck decides."""
        world = self.world
        for seat in self.seats.values():
            if seat.leads:
                world.count("leaders_crashed")
        self.end_life()
        self.log = None
        self.apply_asked = self.busy = False
        self.greeted.clear()
        for seat in self.seats.values():
            seat.member = None
        self.disk.crash(random.Random(self.draws.next_u64()))
        for seat in self.seats.values():
            low, high = seat.store.durable_applied(), seat.store.applied
            seat.store.revert(low + self.draws.below(high - low + 1))
        world.count("member_crashes")
        for node in list(world.network.nodes.values()):
            if node.up and node is not self and self.draws.below(2):
                node.loses(self.peer, self.draws.below(300 * MS))

    def drain(self) -> None:
        """Stops the process in good order: hands its shards over, then ends, and is started again."""
        self.draining = True
        self.arm(self.world.now_ns)

    def transfer(self, shard: int) -> bool:
        """Asks this leader to hand a shard over."""
        started = self.log is not None and self.log.transfer(shard + 1, None)
        self.world.count("transfers_begun", int(started))
        self.arm(self.world.now_ns)
        return started

    def turn(self) -> None:
        """Runs a turn; a log that begins anew behind a snapshot writes within it, and that may fail."""
        try:
            super().turn()
        except LogFailed:
            self._disk_failed()

    def _disk_failed(self) -> None:
        """The process ends, as a real one does, and is started again."""
        self.world.count("syncs_failed")
        self.crash()
        self.start(50 * MS + self.draws.below(2_000 * MS))

    def local(self, item: Item) -> None:
        """Takes news of the disk or of the supervisor."""
        match item[1]:
            case "settled":
                try:
                    self.disk.entries.settle()
                except LogFailed:
                    self._disk_failed()
                    return
                self.settled(item[2])
            case "apply":
                self.apply_asked = False
                if self.busy:
                    self.apply_later()
                elif self.up:
                    self.apply_all()
            case "truncate":
                self._truncate()
            case "start":
                self._start()
            case _:
                if self.up:
                    self.crash()
                    self.start(100 * MS)

    def _truncate(self) -> None:
        """Makes rows durable and lets the log go as far as that allows."""
        world = self.world
        world.push(world.now_ns + _TRUNCATE_EVERY_NS, self, (LOCAL, _TRUNCATE))
        if self.busy or not self.draws.below(2):
            return
        for seat in self.seats.values():
            if self.engine.view(seat.group, self.now)["role"] == "behind":
                world.count("members_behind")
            durable = seat.store.make_durable()
            floor = seat.machine.housekeeping.floor_as_of(durable) if seat.leads else seat.store.floor
            below = keep_from(durable, floor)
            before = self.engine.first_index(seat.group)
            self.engine.truncate(seat.group, below)
            world.count("log_segments_dropped", int(self.engine.first_index(seat.group) > before))
            world.invariants.truncated(seat, below)
