"""The coordinator's process: the real machine, turn and take-over, on disks that lag, stall and forget.

Decides what a crash leaves of disk, and when commits, applies and answers to reads come. It must not know what the
machine decides; invariants see each entry and each send as it passes.
"""

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from ..actors.coordinator.settings import Retention, ShardSettings
from ..actors.coordinator.shard import ShardMachine
from ..actors.coordinator.takeover import keep_from, take_over
from ..actors.draws import Draws
from ..actors.events import Drain
from ..actors.turn import Member, answer_reads, catch_up, turn
from .clock import NodeClock
from .lagging_log import LaggingLog
from .memory_store import MemoryStore
from .node import LOCAL, Item, Node
from .seat import Seat

if TYPE_CHECKING:
    from .world import World

SHARD = 0
GROUP = SHARD + 1
CLUSTER = "chaos"
MS = 1_000_000
_COMMIT, _APPLY, _TRUNCATE, _START, _STOP = range(5)
_TRUNCATE_EVERY_NS = 700 * MS
_APPLY_AGAIN_NS = 3 * MS


class CoordinatorNode(Node):
    """The one coordinator; executors and clients find each of its lives under the same name."""

    def __init__(self, world: "World", clock: NodeClock, draws: Draws) -> None:
        options = world.options
        super().__init__(world, "coordinator", clock, think_ns=20_000 + draws.below(200_000))
        self.draws = draws
        self.log = LaggingLog(segment_entries=options.segment_entries)
        self.seat = self.seats[SHARD] = Seat(self, SHARD)
        self.settings = ShardSettings(
            cluster=CLUSTER,
            lease_ttl_ms=options.lease_ttl_ms,
            dedup_window=64,
            session_ttl_ms=options.session_ttl_ms,
            key_ttl_ms=options.key_ttl_ms,
            backlog_jobs_max=options.backlog_jobs_max,
            retention=Retention(finished_jobs_max=options.finished_jobs_max),
            tick_retention=Retention(finished_jobs_max=options.tick_rows_max),
        )
        self.host = 0
        self.boots = [1, 1]
        """How often each of the hosts was started on which it may run."""
        self.commit_ns = 0
        self.stalled_until_ns = 0
        self.holding_applies = False
        self.holding_reads = False
        self.apply_asked = False

    @property
    def peer(self) -> bytes:
        """The endpoint; it outlives the process."""
        return b"coordinator"

    @property
    def store(self) -> MemoryStore:
        """The shard's rows."""
        return self.seat.store

    @property
    def member(self) -> Member[ShardMachine] | None:
        """The shard's place in turns; None while the process is down."""
        return self.seat.member

    @property
    def machine(self) -> ShardMachine:
        """The machine of this life."""
        return self.seat.machine

    def machine_counts(self) -> dict[str, int]:
        """Returns what the machine has counted."""
        return self.machine.state.counts if self.member is not None else {}

    def check(self) -> None:
        """Asserts every relation inside the machine."""
        self.machine.check()

    def unsettled(self) -> str:
        """Says what is not durable or not applied."""
        member = self.member
        if member is None:
            return "the coordinator is down"
        if member.unapplied or member.inbox or self.log.unsettled():
            return "the coordinator has entries that are not durable or not applied"
        return ""

    def start(self, after_ns: int = 0) -> None:
        """Has the process started by its supervisor."""
        self.world.push(self.world.now_ns + after_ns, self, (LOCAL, _START))

    def _start(self) -> None:
        world = self.world
        draws = self.draws.child(self.life)
        settings = self.settings
        if world.options.other_ttl_ms and self.life % 2:
            settings = replace(settings, lease_ttl_ms=world.options.other_ttl_ms)
        if world.options.schedules:
            settings = replace(settings, node=f"host-{self.host}", boot=f"boot-{self.boots[self.host]}")
        try:
            self.seat.member = take_over(SHARD, self.log, self.store, settings, draws, self.now)
        except BlockingIOError:
            world.count("starts_locked")
            self.log.crash()
            self.start(500 * MS)
            return
        world.network.join(self)
        self.reached()
        self.seat.seen = self.log.last_index(GROUP)
        assert self.seat.seen == world.history.committed[SHARD], "a start has found another log than was committed"
        self.commit_ns = world.now_ns
        world.count("coordinator_starts")
        world.invariants.restarted(self.seat)
        world.push(world.now_ns + _TRUNCATE_EVERY_NS, self, (LOCAL, _TRUNCATE))
        self.arm(world.now_ns)

    def turn(self) -> None:
        """Runs the real turn, then what the real loop does after the release."""
        member, log, now = self.member, self.log, self.now
        assert member is not None, "a process that is down takes no turn"
        sends = turn([member], now, log)
        last = log.last_index(GROUP)
        if last > self.seat.seen:
            index, entry = member.unapplied[-1]
            assert index == last == self.seat.seen + 1 == self.machine.state.image.index, "one turn appends one entry"
            self.seat.seen, self.idle_turns = last, 0
            self.recent.append((self.world.now_ns, entry))
            self.world.history.appended(self.seat, index, entry, now)
            self._commit_later(index)
        for send in sends:
            self.world.invariants.released(send, self.seat)
        self.transmit(sends)
        self._after(member)

    def _after(self, member: Member[ShardMachine]) -> None:
        if self.holding_applies:
            self._apply_later()
        elif not catch_up(member, self.log):
            self.world.count("applies_locked")
            self._apply_later()
        if not self.holding_reads:
            answer_reads(member)
        elif member.reads:
            self._apply_later()
        if member.inbox:
            self.arm(self.world.now_ns + self.think_ns)
        self.inbox = member.inbox
        self.arm_wake(self.machine.wake_at())
        self.world.invariants.turned(self)

    def _apply_later(self) -> None:
        if self.apply_asked:
            return
        self.apply_asked = True
        self.world.push(self.world.now_ns + _APPLY_AGAIN_NS, self, (LOCAL, _APPLY))

    def _commit_later(self, index: int) -> None:
        world, options = self.world, self.world.options
        at_ns = world.now_ns + options.commit_min_ns + self.draws.below(options.commit_span_ns + 1)
        self.commit_ns = max(self.commit_ns, at_ns, self.stalled_until_ns)
        world.push(self.commit_ns, self, (LOCAL, _COMMIT, index))

    def local(self, item: Item) -> None:
        """Takes news of the disk or of the supervisor."""
        match item[1]:
            case 0:  # _COMMIT
                self.log.settle(GROUP, item[2])
                self.world.history.settled(item[2])
                self.arm(self.world.now_ns)
            case 1:  # _APPLY
                self.apply_asked = False
                if self.member is not None and (self.member.unapplied or self.member.reads):
                    self._after(self.member)
            case 2:  # _TRUNCATE
                self._truncate()
            case 3:  # _START
                self._start()
            case _:  # _STOP
                self.crash()
                self.start(100 * MS)

    def _truncate(self) -> None:
        """Makes rows durable and lets the log go as far as that allows."""
        world = self.world
        if self.draws.below(2):
            durable = self.store.make_durable()
            below = keep_from(durable, self.machine.housekeeping.floor_as_of(durable))
            before = self.log.first_index(GROUP)
            self.log.truncate(GROUP, below)
            world.count("log_segments_dropped", int(self.log.first_index(GROUP) > before))
            world.invariants.truncated(self.seat, below)
        world.push(world.now_ns + _TRUNCATE_EVERY_NS, self, (LOCAL, _TRUNCATE))

    def crash(self) -> None:
        """Kills the process: its memory is gone, and what was not durable, but for a part that luck decides."""
        world = self.world
        self.end_life()
        self.seat.member = None
        self.apply_asked = False
        self.log.crash(random.Random(self.draws.next_u64()))
        durable = self.log.last_index(GROUP)
        world.history.settled(durable)
        world.history.lost()
        low, high = self.store.durable_applied(), self.store.applied
        self.store.revert(low + self.draws.below(high - low + 1))
        world.count("coordinator_crashes")
        for node in list(world.network.nodes.values()):
            if node.up and node is not self and self.draws.below(2):
                node.loses(self.peer, self.draws.below(300 * MS))

    def drain(self) -> None:
        """Stops the process in good order: no new work, then the end, then a new start."""
        self.post(Drain())
        self.world.push(self.world.now_ns + 800 * MS, self, (LOCAL, _STOP))
