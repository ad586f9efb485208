"""When everything has come to rest, no slot is taken and nothing is held.

Why: a slot that leaks is an executor that slowly stops working; a lease without a run is a job that never ends.
"""

from ..seat import Seat
from .base import Invariant


class SlotsAreGivenBack(Invariant):
    """At the end all slots are free, no lease is open, no executor holds anything."""

    def at_end(self) -> None:
        """Looks at the coordinator's and the executors' books."""
        for shard in range(self.world.options.shards):
            seat = self.world.leader(shard)
            assert seat is not None, f"nobody leads shard {shard}"
            self._seat(seat)
        for executor in self.world.faults.executors:
            assert executor.machine is not None
            if executor.machine.state.held:
                self.fail(
                    f"{executor.name} holds {list(executor.machine.state.held)[:5]} at rest",
                    executor,
                    *self.world.coordinators,
                )
        if self.world.history.running:
            self.fail(f"handlers run at rest: {list(self.world.history.running)[:5]}")

    def _seat(self, seat: Seat) -> None:
        state = seat.machine.state
        for link in state.links.by_peer.values():
            taken = {kind: count for kind, count in link.used.items() if count}
            if taken:
                self.fail(f"{link.name} has slots taken at rest: {taken}", seat.node)
        if state.image.leases:
            self.fail(f"leases are open at rest: {list(state.image.leases)[:5]}", seat.node)
