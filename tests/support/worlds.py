"""Small worlds told by hand: one client that does what a test says, and faults at stated times."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mainspring.actors.client.events import AwaitJobs, CancelJobs, SubmitJobs
from mainspring.chaos.coordinator_node import CoordinatorNode
from mainspring.chaos.history import Asked, Attempt, payload_for
from mainspring.chaos.options import Options
from mainspring.chaos.simulate import build, limits_of, not_at_rest
from mainspring.chaos.small_limits import small_limits
from mainspring.chaos.world import World

MS = 1_000_000


class Story:
    """A world without chance: the client submits what the test says, and nothing fails but what the test breaks."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = world.faults
        self.client = world.faults.clients[0]

    @property
    def coordinator(self) -> CoordinatorNode:
        """The one coordinator."""
        return self.faults.coordinator

    def wait(self, ms: int) -> None:
        """Lets time pass."""
        self.world.run(self.world.now_ns + ms * MS)

    def step(self, by_ms: int, who: str = "coordinator") -> None:
        """Steps the wall clocks of the coordinator, of its executors, of the client, or of everybody."""
        faults = self.faults
        groups = {"coordinator": [self.coordinator], "executors": faults.executors, "client": [self.client]}
        self.world.history.wall_peaks.append((self.world.now_ns, self.coordinator.now.wall_ms))
        for node in self.world.all_nodes() if who == "everybody" else groups[who]:
            node.clock.step(by_ms)

    def suspend(self, for_ms: int) -> None:
        """Lets the machine on which everything runs sleep."""
        for node in self.world.all_nodes():
            node.clock.suspend(for_ms)

    def wait_until(self, condition: Callable[[], Any], within_ms: int = 60_000) -> None:
        """Lets time pass until something holds."""
        until_ns = self.world.now_ns + within_ms * MS
        while not condition():
            assert self.world.now_ns < until_ns, f"not within {within_ms} ms"
            self.wait(1)

    def submit(
        self,
        plan: str,
        *,
        delay_ms: int | None = None,
        at_ms: int | None = None,
        timeout_ms: int | None = None,
        expires_ms: int | None = None,
        deadline_ms: int | None = None,
        key: str | None = None,
    ) -> Asked:
        """Submits one job whose handler does what the plan says, and returns when it was acked."""
        asked = self.ask(
            plan,
            delay_ms=delay_ms,
            at_ms=at_ms,
            timeout_ms=timeout_ms,
            expires_ms=expires_ms,
            deadline_ms=deadline_ms,
            key=key,
        )
        self.wait_until(lambda: asked.acked)
        return asked

    def ask(
        self,
        plan: str,
        *,
        delay_ms: int | None = None,
        at_ms: int | None = None,
        timeout_ms: int | None = None,
        expires_ms: int | None = None,
        deadline_ms: int | None = None,
        key: str | None = None,
    ) -> Asked:
        """Submits one job, and does not wait for the answer."""
        workload = self.client.workload
        workload.jobs += 1
        tag = f"story.{workload.jobs}"
        asked = Asked(tag, self.client.name, plan, delay_ms, at_ms, key, self.world.now_ns)
        self.world.history.asked[tag] = asked
        payload = payload_for(tag, plan)
        row = ["work", payload, "default", "default", 0, delay_ms, at_ms, key, None, timeout_ms]
        row += (expires_ms, None, deadline_ms)
        workload.number += 1
        workload.open[workload.number] = ("submit", [asked])
        self.client.ask(SubmitJobs(workload.number, [row], None))
        return asked

    def cancel(self, asked: Asked) -> None:
        """Asks for a job to be cancelled; what came of it is in the world's counts."""
        workload = self.client.workload
        workload.number += 1
        workload.open[workload.number] = ("cancel", None)
        assert asked.id is not None
        self.client.ask(CancelJobs(workload.number, [asked.id], None))

    def follow(self, asked: Asked) -> None:
        """Awaits a job's end."""
        workload = self.client.workload
        workload.number += 1
        workload.open[workload.number] = ("await", [asked.id])
        assert asked.id is not None
        self.client.ask(AwaitJobs(workload.number, [asked.id], None))

    def attempts(self, asked: Asked) -> list[Attempt]:
        """Returns every run of a job's handler so far, in order of their start."""
        found = [one for (id, _), ran in self.world.history.attempts.items() if id == asked.id for one in ran]
        return sorted(found, key=lambda one: one.started_ns)

    def runs(self, asked: Asked) -> bool:
        """Says whether a job's handler runs now."""
        return asked.id in self.world.history.running

    def state(self, asked: Asked) -> int | None:
        """Returns the state in which a job ended, None while it lives."""
        assert asked.id is not None
        return self.world.history.taken[asked.id].ended

    def rest(self) -> None:
        """Waits until everything has come to rest, and holds every invariant against it."""
        self.wait_until(lambda: not not_at_rest(self.world))
        self.world.invariants.at_end()


@contextmanager
def story(**options: Any) -> Iterator[Story]:
    """Tells a story in a world of one client that submits nothing by itself.

    Args:
        options: of chaos.options.Options, besides the seed.
    """
    chosen = Options(7, submits=0, check_every=1, **options)
    with small_limits(limits_of(chosen)):
        told = Story(build(chosen))
        told.wait(600)  # everybody has said hello
        yield told
