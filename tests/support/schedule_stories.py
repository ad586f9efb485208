"""Small worlds with schedules, told by hand: an operator who does what a test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from worlds import Story, story

from mainspring.actors.schedules.reasons import REASONS
from mainspring.actors.schedules.schedule import Definition, Schedule
from mainspring.chaos.history import Attempt, payload_for
from mainspring.chaos.operator_node import OperatorNode

PLAIN = Definition(
    name="job",
    tenant="default",
    queue="default",
    task="work",
    payload=payload_for("tick", "succeed:5"),
    priority=0,
    retry=None,
    timeout_ms=None,
    expression="* * * * * *",
    zone="UTC",
    fold="first",
    gap="shift",
    start_ms=None,
    end_ms=None,
    jitter_ms=0,
    catch_up="latest",
    window_ms=3_600_000,
    grace_ms=60_000,
    overlap="skip",
    runs_max=None,
    paused=None,
    note=None,
)
"""Every second, with the default of every rule."""


def utc_ms(text: str) -> int:
    """Returns a time such as 2027-03-14T07:00:00 in UTC milliseconds."""
    return int(datetime.fromisoformat(text + "+00:00").timestamp() * 1_000)


class ScheduleStory:
    """A story with an operator."""

    def __init__(self, told: Story) -> None:
        self.told = told
        assert told.faults.operator is not None
        self.operator: OperatorNode = told.faults.operator
        self.coordinator = told.coordinator

    def wait(self, ms: int) -> None:
        """Lets time pass."""
        self.told.wait(ms)

    def wait_until_shows(self, wall_ms: int) -> None:
        """Lets time pass until the coordinator's clock shows this much."""
        self.told.wait_until(lambda: self.coordinator.now.wall_ms >= wall_ms)

    def define(self, *definitions: Definition) -> None:
        """Defines schedules, and waits until that is answered."""
        self.operator.define(list(definitions))
        self._answered()

    def act(self, action: str, *names: str) -> None:
        """Does something with schedules, and waits until that is answered."""
        self.operator.act(action, list(names))
        self._answered()

    def _answered(self) -> None:
        self.told.wait_until(lambda: not self.operator.open)

    def crash(self, after_ms: int = 20, *, step_ms: int = 0) -> None:
        """Kills the coordinator; it starts again after a while, and meanwhile its clock may have been set."""
        self.coordinator.crash()
        self.coordinator.clock.step(step_ms)
        self.coordinator.start(after_ms * 1_000_000)
        self.told.wait_until(lambda: self.coordinator.member is not None)

    def schedule(self, name: str = "job") -> Schedule:
        """Returns what memory holds of a schedule."""
        return self.coordinator.machine.state.image.book.by_name["default", name]

    def ticks(self, name: str = "job") -> list[tuple[int, str, int]]:
        """Returns (first instant, reason, how many instants) of all ticks under a name, as the store has them."""
        kept = self.coordinator.store.rows.schedules
        rows = [tick for tick in kept.ticks.values() if kept.records[tick.schedule].defined()["name"] == name]
        return [(tick.from_ms, REASONS[tick.reason].name, tick.instants) for tick in sorted(rows)]

    def attempts(self) -> list[Attempt]:
        """Returns all runs of handlers of schedules' jobs, in order of their start."""
        found = [one for ran in self.told.world.history.attempts.values() for one in ran if one.tag == "tick"]
        return sorted(found, key=lambda one: one.started_ns)

    def end(self, *names: str) -> None:
        """Pauses the schedules and waits for rest, where every invariant is held against the world."""
        self.act("pause", *(names or ("job",)))
        self.told.rest()


@contextmanager
def schedule_story(starts: str = "2027-01-15T08:00:00", **options: Any) -> Iterator[ScheduleStory]:
    """Tells a story in which nobody defines a schedule but the test.

    Args:
        starts: what the clocks show at the start, in UTC.
        options: of chaos.options.Options.
    """
    with story(schedules=1, starts_ms=utc_ms(starts), **options) as told:
        yield ScheduleStory(told)
