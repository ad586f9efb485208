"""The demonstration's schedule: it ticks every second for a while, and each of its instants is known beforehand.

Decides first and last instant, and the statement that holds the ticks against them. It must not know how a summary
looks. The jobs of its ticks have a queue of their own, so that the counts of the others stay what they are.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ...broker.tasks.schedule import Schedule
from . import tasks

if TYPE_CHECKING:
    from ...broker.net.client import Client

INSTANTS: Final = 7
AHEAD_S: Final = 2
"""The first instant comes so much later, so that it lies behind the definition even on a slow machine."""

TICKS: Final = """\
WITH RECURSIVE instants (at_ms) AS
  (VALUES ({first_ms}) UNION ALL SELECT at_ms + 1000 FROM instants WHERE at_ms < {last_ms}),
found AS (SELECT (SELECT count(*) FROM v_ticks WHERE name = '{name}' AND at_ms BETWEEN from_ms AND to_ms) AS ticks,
  (SELECT job_state FROM v_ticks WHERE name = '{name}' AND from_ms = at_ms AND fate = 'fired') AS state FROM instants)
SELECT count(*) FILTER (WHERE ticks = 1), count(*) FILTER (WHERE state = 'succeeded'),
  (SELECT coalesce(sum(count), 0) FROM v_ticks WHERE name = '{name}'),
  (SELECT max(lateness_ms) FROM v_executions WHERE queue = '{queue}') FROM found"""


@dataclass(frozen=True, slots=True)
class Beat:
    """The schedule of one run."""

    name: str
    queue: str
    first_ms: int
    """Its first instant, UTC."""
    last_ms: int

    @property
    def instants(self) -> int:
        """How many instants it has."""
        return (self.last_ms - self.first_ms) // 1000 + 1

    @property
    def sql(self) -> str:
        """Instants with one tick, instants whose job has succeeded, ticks, and how late the latest job began."""
        return TICKS.format(name=self.name, queue=self.queue, first_ms=self.first_ms, last_ms=self.last_ms)


def begin(client: "Client", queue: str) -> Beat:
    """Defines the schedule of a run.

    Args:
        client: of the node.
        queue: of the run.
    """
    first_s = int(time.time()) + 1 + AHEAD_S
    beat = Beat(f"{queue}-beat", f"{queue}-beat", first_s * 1000, (first_s + INSTANTS - 1) * 1000)
    every_second = Schedule(
        "* * * * * *",
        start=datetime.fromtimestamp(first_s, UTC),
        end=datetime.fromtimestamp(first_s + INSTANTS - 1, UTC),
        overlap="allow",
        catch_up="all",
    )
    client.schedules.add(beat.name, tasks.tick.job(), every_second, queue=beat.queue)
    return beat
