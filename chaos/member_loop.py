"""The loop of a cluster's member: the real engine, turns and machines of all its shards, in the order of the real loop.

Decides when something leaves: nothing that rests on a sync does before the disk is done with it. Must not know when a
process begins or ends (member_node.py). The ledger and the invariants see each entry, each commit and each send as it
passes. Rule: nodes/processes (coordinator_loop, roles).
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..actors.coordinator.settings import Retention, ShardSettings
from ..actors.coordinator.takeover import lead
from ..actors.draws import Draws
from ..actors.effects import Send
from ..actors.events import PeerGone, Received
from ..actors.raft.engine import RaftLog
from ..actors.raft.news import Deposed, Elected, LeaderChanged, MembersChanged, News, SnapshotInstalled
from ..actors.raft.settings import RaftSettings
from ..actors.turn import Member, answer_reads, catch_up, follow, turn
from ..broker.wire.codec import FOR_MEMBERS
from ..broker.wire.messages import Append, ClientHello, ClusterMap, ExecutorHello, Goodbye, HelloNeeded, Refused
from .clock import NodeClock
from .disks import Disk
from .node import LOCAL, Node
from .seat import Seat

if TYPE_CHECKING:
    from .world import World

CLUSTER = "chaos"
MS = 1_000_000
SETTLED, APPLY = "settled", "apply"
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
        self.greeted: dict[bytes, None] = {}
        self.stalled_until_ns = 0
        self.slow_ns = 0
        """How much longer a sync takes for now."""
        self.holding_applies = False
        self.holding_reads = False
        self.apply_asked = False
        self.busy = False
        self.draining = False
        self.transfers = 0

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

    def turn(self) -> None:
        """Runs one iteration of the loop, up to its sync."""
        if self.busy:
            return  # it is armed again when the disk is done
        engine, now = self.engine, self.now
        inbox, self.inbox = self.inbox, []
        for event in inbox:
            self._take_in(event)
        engine.wake(now)
        self._hear(engine.news())
        for seat in self.seats.values():
            self._follow(seat)
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
            if type(message) in FOR_MEMBERS:
                if isinstance(message, Append):
                    self.world.invariants.heard_append(self, peer.decode(), message)
                engine.received(peer.decode(), message, self.now)
                return
            shard = getattr(message, "shard", None)
            if isinstance(message, ClientHello | ExecutorHello):
                self.greeted[peer] = None
                if not all(seat.leads for seat in self.seats.values()):
                    self._send_now([Send(peer, self.map())])
                self._to_machines(event)
            elif isinstance(message, Goodbye):
                self.greeted.pop(peer, None)
                self._to_machines(event)
            elif shard in self.seats and self.seats[shard].leads:
                self._member(self.seats[shard]).inbox.append(event)
            elif shard is not None:
                self._refuse(peer, message, shard)
        else:
            self._to_machines(event)

    def _refuse(self, peer: bytes, message: Any, shard: int) -> None:
        self.world.count("refused_not_here")
        request = getattr(message, "request", getattr(message, "sequence", 0))
        text = f"shard {shard} is led by {self.engine.leader(shard + 1)[1]}"
        refused = Refused(shard, getattr(message, "session", 0), request, "not_here", text)
        self._send_now([Send(peer, refused)])

    def _to_machines(self, event: Any) -> None:
        for seat in self.seats.values():
            if seat.leads:
                self._member(seat).inbox.append(event)

    @staticmethod
    def _member(seat: Seat) -> Member[Any]:
        assert seat.member is not None, "a process that is down has no members"
        return seat.member

    def map(self) -> ClusterMap:
        """Returns who leads, as far as this node knows."""
        self.world.count("cluster_maps")
        engine = self.engine
        leaders = [[seat.shard, *engine.leader(seat.group)] for seat in self.seats.values()]
        members = [[name, name] for name in sorted({row[0] for row in engine.members(1)})]
        cluster = CLUSTER if members else ""  # who waits to be taken in knows nothing
        return ClusterMap(self.name, cluster, len(self.seats), members, leaders)

    def _tell_peers(self, shard: int | None) -> None:
        sends = [Send(peer, self.map()) for peer in self.greeted]
        if shard is not None:
            sends.extend(Send(peer, HelloNeeded(shard, self.engine.leader(shard + 1)[0])) for peer in self.greeted)
        self._send_now(sends)

    def _hear(self, news: list[News]) -> None:
        world, engine = self.world, self.engine
        for item in news:
            seat = self.seats[item.group - 1]
            member = self._member(seat)
            self.recent.append((world.now_ns, item))
            match item:
                case Elected(_, epoch, why):
                    seat.elected = epoch
                    world.count("elections")
                    world.count(f"elected_{why}")
                    world.invariants.elected(seat, epoch)
                case Deposed(group, epoch):
                    world.count("depositions")
                    seat.elected = None
                    if member.machine is not None:
                        if member.waiting:
                            world.count("deposed_with_waiting_sends")
                        self._keep_counts(seat)
                        self._step_down(member, engine.committed(group))
                    self._tell_peers(None)
                case LeaderChanged():
                    self._tell_peers(None)
                case MembersChanged(group, _, passed):
                    world.count("members_changed")
                    if passed and member.machine is not None:
                        member.passed(passed, engine.leader(group)[0])
                case SnapshotInstalled():
                    world.count("snapshots_installed")
                    member.unapplied.clear()
                    world.invariants.installed(seat)

    @staticmethod
    def _step_down(member: Member[Any], committed: int) -> None:
        member.step_down(committed)

    def _keep_counts(self, seat: Seat) -> None:
        for name, count in seat.machine.state.counts.items():
            self.old_counts[name] = self.old_counts.get(name, 0) + count

    def _follow(self, seat: Seat) -> None:
        """Applies what others have decided, and leads once nothing is missing."""
        member, engine = self._member(seat), self.engine
        if member.machine is not None:
            return
        follow(member, engine)
        if not self.holding_applies and not catch_up(member, engine):
            self.world.count("applies_locked")
        if not self._may_lead(seat):
            return
        assert seat.elected is not None, "only who was elected leads"
        last = engine.last_index(seat.group)
        settings = self.shard_settings
        if self.world.options.schedules:
            settings = replace(settings, node=self.name, boot=f"boot-{self.boots}")
        lead(member, seat.elected, engine, settings, self.draws.child(self.life).child(seat.elected), self.now)
        seat.decided_epoch, seat.elected, seat.seen = seat.elected, None, last
        seat.decided_ns.clear()
        seat.last_waiting = None
        self.world.count("leads")
        self.world.ledger.observe(self)
        self.world.invariants.restarted(seat)
        self._tell_peers(seat.shard)

    def _may_lead(self, seat: Seat) -> bool:
        """Says whether a seat that was elected has all that it needs to lead."""
        last = self.engine.last_index(seat.group)
        return seat.elected is not None and self.engine.committed(seat.group) == last == seat.store.applied

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
        self._hear(self.engine.news())
        cut, self.disk.entries.entries_cut = self.disk.entries.entries_cut, 0
        if cut:
            world.count("entries_cut", cut)
        self.apply_all()
        self.arm_wake(self._wake_ns())
        world.invariants.turned(self)

    def apply_all(self) -> None:
        """Applies and answers at every seat; what is left over is done a little later."""
        behind = [seat for seat in self.seats.values() if self._apply(seat)]
        if behind:
            self.apply_later()
        inboxes = any(self._member(seat).inbox for seat in self.seats.values())
        if self.inbox or inboxes or any(self._may_lead(seat) for seat in self.seats.values()):
            self.arm(self.world.now_ns + self.think_ns)

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
        wakes = [self.engine.wake_at()]
        wakes.extend(seat.machine.wake_at() for seat in self.seats.values() if seat.leads)
        return min((wake for wake in wakes if wake is not None), default=None)

    def apply_later(self) -> None:
        """Has `apply_all` done again soon."""
        if not self.apply_asked:
            self.apply_asked = True
            self.world.push(self.world.now_ns + _APPLY_AGAIN_NS, self, (LOCAL, APPLY))
