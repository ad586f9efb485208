"""The loop of a cluster's member: the real engine, turns and machines of all its shards, in the order of the real loop.

Decides when something leaves: nothing that rests on a sync does before the disk is done with it. Must not know when a
process begins or ends (member_node.py). The ledger and the invariants see each entry, each commit and each send as it
passes. What is
done about who leads, actors/cluster decides, here as there. Rule: nodes/processes/coordinator_loop.py.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..actors.cluster.directory import Directory, not_here
from ..actors.cluster.leadership import HandsOver, Leadership, Waits
from ..actors.coordinator.settings import Retention, ShardSettings
from ..actors.coordinator.takeover import lead
from ..actors.draws import Draws
from ..actors.effects import Send
from ..actors.events import Drain, PeerGone, Received
from ..actors.machine import Now
from ..actors.raft.engine import RaftLog
from ..actors.raft.news import Deposed, Elected, MembersChanged, SnapshotInstalled
from ..actors.raft.settings import RaftSettings
from ..actors.turn import Member, answer_reads, catch_up, follow, turn
from ..broker.wire.codec import FOR_MEMBERS
from ..broker.wire.messages import Append, Goodbye, Message
from .clock import NodeClock
from .disks import Disk
from .node import LOCAL, Node
from .seat import Seat

if TYPE_CHECKING:
    from .world import World

CLUSTER = "chaos"
MS = 1_000_000
SETTLED, APPLY, STOP = "settled", "apply", "stop"
_APPLY_AGAIN_NS = 3 * MS
_ENDPOINT = "sim://"


def member_rows(names: list[str], is_voter: int = 1) -> list[list[Any]]:
    """Returns rows of CLUSTER_MEMBER_COLUMNS."""
    return [[name, _ENDPOINT + name, name, is_voter] for name in names]


class MemberLoop(Node):
    """What one iteration of a member's loop does."""

    idle_turns_max = 4_000  # who hears nothing looks a few times a second whether it may be elected

    def __init__(self, world: "World", name: str, clock: NodeClock, draws: Draws, *, is_spare: bool = False) -> None:
        options = world.options
        super().__init__(world, name, clock, think_ns=20_000 + draws.below(200_000))
        self.draws = draws
        self.seats = {shard: Seat(self, shard) for shard in range(options.shards)}
        self.disk = Disk(options.segment_entries, self.seats, world.copied)
        self.genesis = [] if is_spare else member_rows([f"member-{number}" for number in range(options.members)])
        self.shard_settings = ShardSettings(
            cluster=CLUSTER,
            shards=options.shards,
            lease_ttl_ms=options.lease_ttl_ms,
            dedup_window=64,
            session_ttl_ms=options.session_ttl_ms,
            key_ttl_ms=options.key_ttl_ms,
            backlog_jobs_max=options.backlog_jobs_max,
            retention=Retention(finished_jobs_max=options.finished_jobs_max),
            tick_retention=Retention(finished_jobs_max=options.tick_rows_max),
        )
        self.raft_settings = RaftSettings(
            rebalance_ms=options.rebalance_ms,
            append_bytes=options.append_bytes,
            inflight_bytes=4 * options.append_bytes,
            tail_bytes=options.tail_bytes,
            retain_bytes=options.retain_bytes,
            retain_entries=options.retain_entries,
        )
        self.boots = 1
        self.log: RaftLog | None = None
        self.leadership: Leadership
        """That of this life, or of the last one."""
        self.greeted: dict[bytes, None] = {}
        self.stalled_until_ns = 0
        self.slow_ns = 0
        """How much longer a sync takes for now."""
        self.holding_applies = False
        self.holding_reads = False
        self.apply_asked = False
        self.busy = False
        self.draining = self.leaving = False

    @property
    def peer(self) -> bytes:
        """The endpoint; it outlives the process."""
        return self.name.encode()

    @property
    def engine(self) -> RaftLog:
        """The engine of this life."""
        assert self.log is not None, f"{self.name} is down"
        return self.log

    def machine_counts(self) -> dict[str, int]:
        """Returns what the machines have counted."""
        counts: dict[str, int] = {}
        for seat in self.seats.values():
            if seat.leads:
                for name, count in seat.machine.state.counts.items():
                    counts[name] = counts.get(name, 0) + count
        return counts

    def check(self) -> None:
        """Asserts every relation inside the machines."""
        for seat in self.seats.values():
            if seat.leads and not self.busy:
                seat.machine.check()

    def begin(self, log: RaftLog) -> None:
        """A life begins on this log: nothing is led yet, and nobody has said hello."""
        self.log = log
        for seat in self.seats.values():
            seat.member = Member(seat.group, None, seat.store)
        members = {seat.shard: self._member(seat) for seat in self.seats.values()}
        # Who waits to be taken in knows of no cluster.
        directory = Directory(self.name, lambda: CLUSTER if log.members(1) else "", self.seats, log)
        self.leadership = Leadership(directory, members, log, self._lead, self._tell)
        self.busy = self.draining = self.leaving = False

    def turn(self) -> None:
        """Runs one iteration of the loop, up to its sync."""
        if self.busy:
            return  # it is armed again when the disk is done
        engine, now = self.engine, self.now
        inbox, self.inbox = self.inbox, []
        for event in inbox:
            self._take_in(event)
        engine.wake(now)
        self._hear()
        if self.draining and self._has_left():
            self.leaving = True
            self._to_machines(Drain())
        members = [seat.member for seat in self.seats.values() if seat.member is not None]
        sends = turn(members, now, engine, self._early)
        for seat in self.seats.values():
            self._show_entries(seat)
        if not self.disk.entries.writing:
            self.settled(sends)
            return
        world, options = self.world, self.world.options
        self.busy = True
        took_ns = options.commit_min_ns + self.draws.below(options.commit_span_ns + 1) + self.slow_ns
        at_ns = max(world.now_ns + took_ns, self.stalled_until_ns)
        world.push(at_ns, self, (LOCAL, SETTLED, sends))

    def _take_in(self, event: Any) -> None:
        engine = self.engine
        if isinstance(event, PeerGone):
            self.greeted.pop(event.peer, None)
            engine.disconnected(event.peer.decode(), self.now)
            self.world.invariants.lost_peer(self, event.peer.decode())
            self._to_machines(event)
        elif isinstance(event, Received):
            message, peer = event.message, event.peer
            if type(message) not in FOR_MEMBERS:
                self._hand_over(event)
                return
            if isinstance(message, Append):
                self.world.invariants.heard_append(self, peer.decode(), message)
            fault = engine.received(peer.decode(), message, self.now)
            if fault is not None:
                self.world.fail(
                    "sound_members_are_heard", f"{self.name} hears {message} of {peer.decode()}: {fault}", self
                )
        else:
            self._to_machines(event)

    def _hand_over(self, event: Received) -> None:
        """Hands what a client or an executor says to the shard that it is for, as the real way in does."""
        message, peer = event.message, event.peer
        shard = getattr(message, "shard", None)
        if shard is None:  # a hello or a goodbye is for every shard
            self._to_machines(event)
            if isinstance(message, Goodbye):
                self.greeted.pop(peer, None)
                return
            self.greeted[peer] = None
            self.world.count("cluster_maps")
            self._send_now([Send(peer, self.leadership.directory.map())])
        elif shard in self.seats and self.seats[shard].leads:
            self._member(self.seats[shard]).inbox.append(event)
        else:
            self.world.count("refused_not_here")
            where = self.leadership.directory.where(shard)
            self._send_now([Send(peer, not_here(message, shard, where))])

    def _to_machines(self, event: Any) -> None:
        for seat in self.seats.values():
            if seat.leads:
                self._member(seat).inbox.append(event)

    @staticmethod
    def _member(seat: Seat) -> Member[Any]:
        assert seat.member is not None, "a process that is down has no members"
        return seat.member

    def _tell(self, messages: Sequence[Message]) -> None:
        self.world.count("cluster_maps", len(self.greeted))
        self._send_now([Send(peer, message) for peer in self.greeted for message in messages])

    def _hear(self) -> None:
        """Obeys the engine's news, and shows the world what has come of them."""
        led = {seat.shard: self._member(seat) for seat in self.seats.values() if seat.leads}
        counts = {shard: member.machine.state.counts for shard, member in led.items() if member.machine is not None}
        waiting = {shard for shard, member in led.items() if member.waiting}
        world = self.world
        for what in self.leadership.hear(self.now):
            self.recent.append((world.now_ns, what))
            match what:
                case Elected(group, epoch, why):
                    world.count("elections")
                    world.count(f"elected_{why}")
                    world.invariants.elected(self.seats[group - 1], epoch)
                case Deposed(group):
                    world.count("depositions")
                    world.count("deposed_with_waiting_sends", int(group - 1 in waiting))
                    for name, count in counts.pop(group - 1, {}).items():
                        self.old_counts[name] = self.old_counts.get(name, 0) + count
                case MembersChanged():
                    world.count("members_changed")
                case SnapshotInstalled(group):
                    world.count("snapshots_installed")
                    world.invariants.installed(self.seats[group - 1])
                case Waits():
                    world.count("take_overs_slow")
                case HandsOver():
                    world.count("rows_stood_still")
                case _:
                    pass

    def _lead(self, member: Member[Any], epoch: int, now: Now) -> None:
        """Gives a shard its machine."""
        seat, engine, settings = self.seats[member.group - 1], self.engine, self.shard_settings
        if self.world.options.other_ttl_ms and epoch % 2:
            settings = replace(settings, lease_ttl_ms=self.world.options.other_ttl_ms)
        if self.world.options.schedules:
            settings = replace(settings, node=self.name, boot=f"boot-{self.boots}")
        lead(member, epoch, engine, settings, self.draws.child(self.life).child(epoch), now)
        seat.decided_epoch, seat.seen = epoch, engine.last_index(seat.group)
        seat.decided_ns.clear()
        seat.last_waiting = None
        self.world.count("leads")
        self.world.ledger.observe(self)
        self.world.invariants.restarted(seat)

    def _has_left(self) -> bool:
        if self.leadership.leave_ns is None:
            self.world.count("shards_left", len(self.leadership.leave(self.now)))
        is_alone = not any(node.up for node in self.world.members if node is not self)
        return self.leadership.has_left(self.now, is_alone=is_alone)

    def _show_entries(self, seat: Seat) -> None:
        """Shows the history what a machine has decided in this turn."""
        if not seat.leads:
            return
        member = self._member(seat)
        for index, entry in member.unapplied:
            if index > seat.seen and entry.ops:
                self.recent.append((self.world.now_ns, entry))
                self.world.history.appended(seat, index, entry, self.now)
                self.idle_turns = 0
        seat.seen = self.engine.last_index(seat.group)
        if member.waiting and member.waiting[-1] is not seat.last_waiting:
            seat.last_waiting = member.waiting[-1]
            for send in seat.last_waiting.sends:
                seat.decided_ns[id(send)] = self.world.now_ns

    def _early(self, sends: list[Send]) -> None:
        self.world.ledger.observe(self)
        self._send_now(sends)

    def _send_now(self, sends: list[Send]) -> None:
        for send in sends:
            shard = getattr(send.message, "shard", None)
            if shard is not None:
                self.world.invariants.released(send, self.seats[shard])
            else:
                self.world.invariants.said(send, self)
        self.transmit(sends)

    def settled(self, sends: list[Send]) -> None:
        """The sync of a turn has ended: what rests on it leaves, then rows are applied."""
        world = self.world
        self.busy = False
        world.ledger.observe(self)
        self._send_now(sends)
        self._hear()
        cut, self.disk.entries.entries_cut = self.disk.entries.entries_cut, 0
        if cut:
            world.count("entries_cut", cut)
        self.apply_all()
        world.invariants.turned(self)
        if self.leaving:
            world.push(world.now_ns, self, (LOCAL, STOP))

    def apply_all(self) -> None:
        """Applies and answers at every seat; what is left over is done a little later."""
        behind = [seat for seat in self.seats.values() if self._apply(seat)]
        if behind:
            self.apply_later()
        leads_more = False
        if self.leadership.is_taking_over:
            self._hear()
            leads_more = not self.leadership.is_taking_over
        if leads_more or self.inbox or any(self._member(seat).inbox for seat in self.seats.values()):
            self.arm(self.world.now_ns + self.think_ns)
        self.arm_wake(self._wake_ns())

    def _apply(self, seat: Seat) -> bool:
        """Applies and answers; returns whether something is left over."""
        member, engine = self._member(seat), self.engine
        if self.holding_applies:
            return bool(member.unapplied or member.reads) or seat.store.applied < engine.committed(seat.group)
        if member.machine is None:
            follow(member, engine)
        if not catch_up(member, engine):
            self.world.count("applies_locked")
            return True
        if self.holding_reads:
            return bool(member.reads)
        answer_reads(member)
        left = bool(member.unapplied) and member.unapplied[0][0] <= engine.committed(seat.group)
        return left or (member.machine is None and seat.store.applied < engine.committed(seat.group))

    def _wake_ns(self) -> int | None:
        wakes = [self.leadership.wake_ns()]
        wakes.extend(seat.machine.wake_at() for seat in self.seats.values() if seat.leads)
        return min((wake for wake in wakes if wake is not None), default=None)

    def apply_later(self) -> None:
        """Has `apply_all` done again soon."""
        if not self.apply_asked:
            self.apply_asked = True
            self.world.push(self.world.now_ns + _APPLY_AGAIN_NS, self, (LOCAL, APPLY))
