"""Small clusters told by hand: three members, one client that does what a test says, and faults at stated times."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from worlds import Story

from mainspring.chaos.member_faults import MemberFaults
from mainspring.chaos.member_node import MemberNode
from mainspring.chaos.options import Options
from mainspring.chaos.seat import Seat
from mainspring.chaos.simulate import build, limits_of, not_led
from mainspring.chaos.small_limits import small_limits
from mainspring.chaos.world import World


class ClusterStory(Story):
    """A cluster without chance: nothing fails but what the test breaks."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        faults = world.faults
        assert isinstance(faults, MemberFaults)
        self.outside = faults

    @property
    def members(self) -> list[MemberNode]:
        """All machines, spare ones too."""
        return list(self.world.members)

    def seat(self, shard: int = 0) -> Seat:
        """Returns where a shard is led."""
        seat = self.world.leader(shard)
        assert seat is not None, "nobody leads"
        return seat

    def leader(self, shard: int = 0) -> MemberNode:
        """Returns who leads a shard."""
        node = self.seat(shard).node
        assert isinstance(node, MemberNode)
        return node

    def follower(self, shard: int = 0) -> MemberNode:
        """Returns some voter that does not lead."""
        leader = self.leader(shard)
        names = [row[0] for row in leader.engine.members(shard + 1) if row[3]]
        return next(node for node in self.members if node is not leader and node.name in names)

    def cut(self, *side: str) -> None:
        """Parts these nodes from all others."""
        everybody = [node.name for node in self.world.all_nodes()]
        for one in everybody:
            for other in everybody:
                if (one in side) != (other in side):
                    self.world.network.cut.add((one, other))

    def mend(self) -> None:
        """Mends all links."""
        self.world.network.cut.clear()

    def another_leads(self, old: MemberNode) -> None:
        """Waits until somebody else leads shard 0."""

        def leads() -> bool:
            seat = self.world.leader(0)
            return seat is not None and seat.node is not old

        self.wait_until(leads)

    def is_quiet(self) -> Callable[[], bool]:
        """Returns what says whether every member has all that is committed."""
        return lambda: not any(node.unsettled() for node in self.members)


@contextmanager
def cluster_story(**options: Any) -> Iterator[ClusterStory]:
    """Tells a story in a cluster of three whose client submits nothing by itself.

    Args:
        options: of chaos.options.Options, besides the seed.
    """
    chosen = Options(7, submits=0, check_every=1, **{"members": 3, **options})
    with small_limits(limits_of(chosen)):
        told = ClusterStory(build(chosen))
        told.wait_until(lambda: not not_led(told.world))
        told.wait(600)  # everybody has said hello
        yield told
