"""What goes wrong with the members of a cluster: their links, disks and lives, and who they are.

Decides each fault by the seed's own stream. At most one member's disk is harmed at a time, until that member has all
that is committed again: more than that no cluster of three promises to survive. Must not know what machines hold.
"""

from typing import TYPE_CHECKING

from ..actors.draws import Draws
from ..actors.events import PeerGone
from ..actors.raft.members import RefusedChange
from .faults import MS, Faults
from .member_loop import member_rows
from .member_node import MemberNode
from .node import Node

if TYPE_CHECKING:
    from .world import World

_QUIET_NS = 4_000 * MS


class MemberFaults(Faults):
    """The outside of a cluster."""

    def __init__(self, world: "World", draws: Draws) -> None:
        super().__init__(world, draws)
        self.members: list[MemberNode] = []
        self.harmed: MemberNode | None = None
        self.quiet_until_ns = 0

    def boots_of(self, host: str) -> set[str]:
        """Returns the boot ids that a member's host has had."""
        found = next(node for node in self.members if node.name == host)
        return {f"boot-{number}" for number in range(1, found.boots + 1)}

    def begin(self) -> None:
        """Lets the first fault come, and has data directories copied now and then if some are to be put back."""
        super().begin()
        if "put_back_disk" in self.world.options.faults:
            self._back_up()

    def _back_up(self) -> None:
        node = self._one(self.members)
        if node.up and not node.busy:
            node.disk.back_up()
        if not self.healed:
            self._later(500 * MS + self.draws.below(1_500 * MS), "mend", self._back_up)

    def _strike(self) -> None:
        if self.world.now_ns >= self.quiet_until_ns:
            super()._strike()

    # Links.

    def _cut(self, ways: set[tuple[str, str]], within_ms: int = 4_000) -> bool:
        self.world.network.cut |= ways
        self._mend_later(within_ms, self.world.network.cut.difference_update, ways)
        return True

    def _split(self) -> bool:
        """Parts the members in two; clients and executors reach one side, or both."""
        side = {node.name for node in self.members if self.draws.below(2)}
        others: list[Node] = [*self.executors, *self.clients]
        for node in others:
            if self.draws.below(3) == 0:
                side.add(node.name)
        everybody = [node.name for node in (*self.members, *others)]
        whole = {node.name for node in others if self.draws.below(2)}
        ways = {
            (one, other)
            for one in everybody
            for other in everybody
            if (one in side) != (other in side) and not {one, other} & whole
        }
        return self._cut(ways)

    def _isolate(self) -> bool:
        """Cuts one member off from the others, in one direction or both; everybody else reaches it."""
        node = self._one(self.members)
        into = {(other.name, node.name) for other in self.members if other is not node}
        out = {(other, name) for name, other in into}
        return self._cut((into, out, into | out)[self.draws.below(3)])

    def _strand_leader(self) -> bool:
        """Cuts a leader off, with one executor and one client: to them it is the only one."""
        seat = self.world.leader(self.draws.below(self.world.options.shards))
        if seat is None:
            return False
        side = {seat.node.name, self._one(self.executors).name, self._one(self.clients).name}
        others = [node.name for node in (*self.members, *self.executors, *self.clients) if node.name not in side]
        ways = {(one, other) for one in side for other in others}
        return self._cut(ways | {(other, one) for one, other in ways})

    def _cut_one_way(self) -> bool:
        """Cuts one direction of one link between members."""
        one, other = self._one(self.members), self._one(self.members)
        return one is not other and self._cut({(one.name, other.name)}, 8_000)

    def _flap(self) -> bool:
        """A link between members comes and goes."""
        one, other = self._one(self.members), self._one(self.members)
        if one is other:
            return False
        self._flap_again({(one.name, other.name), (other.name, one.name)}, 8)
        return True

    def _flap_again(self, ways: set[tuple[str, str]], left: int) -> None:
        cut = self.world.network.cut
        if left % 2 == 0 and left and not self.healed:
            cut |= ways
            if self.draws.below(2):
                self._tell_members(*next(iter(sorted(ways))))
        else:
            cut.difference_update(ways)
        if left and not self.healed:
            self._later(1 + self.draws.below(700 * MS), "mend", self._flap_again, ways, left - 1)

    def _tell_members(self, one: str, other: str) -> None:
        """The transport notices that a link is gone, at both ends."""
        for node, peer in ((one, other), (other, one)):
            for member in self.members:
                if member.name == node and member.up:
                    member.post(PeerGone(peer.encode()), self.draws.below(100 * MS))

    # Lives.

    def _crash_leader(self) -> bool:
        seat = self.world.leader(self.draws.below(self.world.options.shards))
        if seat is None:
            return False
        node = seat.node
        assert isinstance(node, MemberNode)
        node.crash()
        node.start(20 * MS + self.draws.below(4_000 * MS))
        return True

    def _crash_all(self) -> bool:
        """The power is gone, everywhere."""
        for node in self.members:
            if node.up:
                node.crash()
                node.start(20 * MS + self.draws.below(2_500 * MS))
        return True

    def _reboot_host(self) -> bool:
        """Starts a member's host anew: it has another boot id."""
        node = self._one(self.members)
        if not node.up:
            return False
        node.crash()
        node.boots += 1
        node.start(20 * MS + self.draws.below(2_500 * MS))
        return True

    def _pause_leader(self) -> bool:
        """Freezes a leader beyond every timeout."""
        seat = self.world.leader(self.draws.below(self.world.options.shards))
        if seat is None:
            return False
        seat.node.paused_until_ns = self.world.now_ns + self.draws.below(2 * self.world.options.lease_ttl_ms * MS)
        return True

    def _transfer(self) -> bool:
        shard = self.draws.below(self.world.options.shards)
        seat = self.world.leader(shard)
        if seat is None:
            return False
        node = seat.node
        assert isinstance(node, MemberNode)
        return not node.busy and not node.paused_until_ns > self.world.now_ns and node.transfer(shard)

    # Disks.

    def _slow_disk(self) -> bool:
        node = self._one(self.members)
        node.slow_ns = self.draws.below(400 * MS)
        self._mend_later(5_000, setattr, node, "slow_ns", 0)
        return True

    def _fail_disk(self) -> bool:
        """The next sync fails, and the process ends."""
        node = self._one(self.members)
        if node.up:
            node.disk.entries.fail_syncs()
        return node.up

    def is_whole(self, node: MemberNode) -> bool:
        """Says whether a member has all that is committed, and votes."""
        if not node.up or node.busy:
            return False
        committed = self.world.history.committed
        return all(
            node.disk.entries.last_index(seat.group) >= committed[seat.shard]
            and node.engine.committed(seat.group) == committed[seat.shard]
            for seat in node.seats.values()
        )

    def _may_harm(self) -> MemberNode | None:
        """Returns a member whose disk may be harmed; all others must be whole, for then a quorum keeps everything."""
        if self.harmed is not None and not self.is_whole(self.harmed):
            return None
        self.harmed = None
        node = self._one(self.members)
        others = [other for other in self.members if other is not node and self._is_voter(other)]
        if not self._is_voter(node) or not node.up or len(others) < 2:
            return None
        if not all(self.is_whole(other) for other in others):
            return None
        return node

    def _is_voter(self, node: MemberNode) -> bool:
        seat = self.world.leader(0)
        if seat is None:
            return False
        leader = seat.node
        assert isinstance(leader, MemberNode)
        return any(row[0] == node.name and row[3] for row in leader.engine.members(1))

    def _lose_disk(self) -> bool:
        """A member's machine is replaced: the data directory is empty, and it waits to be taken in."""
        node = self._may_harm()
        if node is None:
            return False
        node.crash()
        node.disk.lose()
        node.genesis = []
        self._harm(node)
        return True

    def _put_back_disk(self) -> bool:
        """Somebody puts an old copy of a data directory back, while the others stand firm; or makes one."""
        node = self._may_harm()
        if node is None or self.world.network.cut:
            return False
        if any(self.world.leader(shard) is None for shard in range(self.world.options.shards)):
            return False
        if node.disk.copy is None:
            return False
        node.crash()
        node.disk.put_back()
        self._harm(node)
        # Until a leader has spoken to it, nothing tells the member that its memory is old: nothing else may fail now.
        self.quiet_until_ns = self.world.now_ns + _QUIET_NS
        return True

    def _damage_disk(self) -> bool:
        """A log ends earlier than it had been synced."""
        node = self._may_harm()
        if node is None:
            return False
        node.crash()
        group = 1 + self.draws.below(self.world.options.shards)
        log = node.disk.entries
        first, last = log.first_index(group), log.last_index(group)
        if last < first:
            node.start(50 * MS)
            return False
        node.disk.damage(group, max(first, last - self.draws.below(20)))
        self._harm(node)
        return True

    def _harm(self, node: MemberNode) -> None:
        self.harmed = node
        node.start(20 * MS + self.draws.below(1_000 * MS))

    # Who is a member.

    def _replace_member(self) -> bool:
        """The operator adds a machine that is none, or takes one out that may go, one step at a time."""
        if not self.world.options.spares:
            return False
        begun = False
        for shard in range(self.world.options.shards):
            begun |= self.change(shard)
        return begun

    def change(self, shard: int) -> bool:
        """Makes the next step of a replacement in one shard; returns whether it has begun."""
        seat = self.world.leader(shard)
        if seat is None:
            return False
        node, group = seat.node, seat.group
        assert isinstance(node, MemberNode)
        if node.busy or node.paused_until_ns > self.world.now_ns or node.log is None or not node.log.leads(group):
            return False
        rows = [list(row) for row in node.log.members(group)]
        names = [row[0] for row in rows]
        outside = [other.name for other in self.members if other.name not in names]
        if outside:
            rows.extend(member_rows([self._one(outside)], is_voter=0))
        elif len(rows) > self.world.options.members and all(row[3] for row in rows):
            rows.pop(self.draws.below(len(rows)))
        else:
            return False
        try:
            node.log.change_members(group, rows)
        except RefusedChange:
            self.world.count("changes_refused")
            return False
        self.world.count("changes_begun")
        node.arm(self.world.now_ns)
        return True

    def heal(self) -> None:
        """Mends everything; from now on nothing goes wrong."""
        super().heal()
        for node in self.members:
            node.slow_ns = 0
