"""The committed log of every shard of a cluster, as its members show it one after the other.

Decides what is true: an entry is committed when the first member believes so. From then on it never changes, at any
member, and a quorum has it on disk. Must not know what entries say; the history hears of each of them once. Rule: state
machine safety, Ongaro (2014), 3.6.3.
"""

from typing import TYPE_CHECKING

from ..actors.log import Record
from .seat import Seat

if TYPE_CHECKING:
    from .member_loop import MemberLoop
    from .world import World


class Ledger:
    """What is committed, of all shards."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.records: list[list[Record]] = [[] for _ in range(world.options.shards)]
        """Of each shard: its committed entries, from 1 on."""
        self.shown: dict[tuple[str, int, int], int] = {}
        """(node, life, shard) -> how far this life has shown its committed entries."""

    def observe(self, node: "MemberLoop") -> None:
        """Looks at what a member believes to be committed now."""
        engine = node.engine
        for seat in node.seats.values():
            key = (node.name, node.life, seat.shard)
            committed = engine.committed(seat.group)
            shown = self.shown.get(key, 0)
            if committed > shown:
                first = max(shown + 1, engine.first_index(seat.group))
                if first <= committed:
                    self._compare(node, seat, list(engine.read(seat.group, first, committed)))
                self.shown[key] = committed
            elif committed < shown:
                self.world.fail("commits_never_go_back", f"shard {seat.shard}: from {shown} to {committed}", node)

    def _compare(self, node: "MemberLoop", seat: Seat, records: list[Record]) -> None:
        world, known = self.world, self.records[seat.shard]
        for record in records:
            if record.index <= len(known):
                if known[record.index - 1] != record:
                    world.fail(
                        "committed_entries_stay",
                        f"entry {record.index} of shard {seat.shard} was committed in epoch "
                        f"{known[record.index - 1].epoch}, {node.name} has another one of epoch {record.epoch}",
                        *world.coordinators,
                    )
                continue
            if record.index != len(known) + 1:
                world.fail(
                    "committed_entries_stay",
                    f"{node.name} believes entry {record.index} of shard {seat.shard} committed, "
                    f"and nobody has shown entry {len(known) + 1}",
                    *world.coordinators,
                )
            self._on_a_quorum(node, seat, record)
            known.append(record)
            world.history.commits(seat.shard, record.index, record.epoch)

    def _on_a_quorum(self, node: "MemberLoop", seat: Seat, record: Record) -> None:
        voters = [row[0] for row in node.engine.members(seat.group) if row[3]]
        have = [other.name for other in self.world.members if other.disk.had(seat.group, record)]
        count = len([name for name in have if name in voters])
        if 2 * count <= len(voters):
            self.world.fail(
                "committed_is_on_a_quorum",
                f"{node.name} believes entry {record.index} of shard {seat.shard} committed; of {voters} "
                f"only {have} have it on disk",
                *self.world.coordinators,
            )
