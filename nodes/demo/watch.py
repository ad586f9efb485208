"""What the demonstration sees of its jobs while they run, through the client's listings.

Decides which questions are asked, and how often. It must not know how the answers are shown. Counts are those of the
coordinator as of the last applied entry; the summary does not rest on them.
"""

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .load import Special

if TYPE_CHECKING:
    from ...broker.net.client import Client

LOOK_EVERY_S: Final = 0.2
RATES_KEPT: Final = 40
LIVE_STATES: Final = ("scheduled", "ready", "retrying")
ENDED_STATES: Final = ("succeeded", "dead", "cancelled", "expired")


@dataclass(frozen=True, slots=True)
class Fate:
    """What has become of a special job so far."""

    title: str
    outcomes: tuple[str, ...]
    """Of its attempts, in their order."""
    state: str

    @property
    def is_over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in ENDED_STATES


@dataclass(frozen=True, slots=True)
class Picture:
    """One look at the run."""

    queue: str
    elapsed_s: float
    total: int
    counts: dict[str, int]
    """State -> jobs."""
    rates: tuple[float, ...]
    """Jobs ended per second, one for each of the last looks."""
    fates: tuple[Fate, ...]
    executors: tuple[tuple[str, int], ...]
    """Name, and the jobs that it has in hand."""

    @property
    def ended(self) -> int:
        """Jobs that have ended."""
        return sum(self.counts[state] for state in ENDED_STATES)

    @property
    def attempts(self) -> dict[str, int]:
        """Outcome -> attempts, as far as it is known: the special jobs' and one of each that has succeeded."""
        found = {"succeeded": self.counts["succeeded"], "failed": 0, "timed_out": 0, "crashed": 0}
        for outcome in (outcome for fate in self.fates for outcome in fate.outcomes if outcome != "succeeded"):
            found[outcome] = found.get(outcome, 0) + 1
        return found


class Watch:
    """Looks at one run again and again.

    Args:
        client: of the node.
        queue: of the run.
        total: how many jobs it will have.
        specials: the jobs that go wrong.
    """

    def __init__(self, client: "Client", queue: str, total: int, specials: list[Special]) -> None:
        self._client = client
        self._queue = queue
        self._total = total
        self._specials = specials
        self._fates = [Fate(special.title, (), "ready") for special in specials]
        self._start_s = self._looked_s = time.monotonic()
        self._ended = 0
        self._rates: deque[float] = deque(maxlen=RATES_KEPT)

    def look(self) -> Picture:
        """Asks, and returns what there is to see."""
        rows = self._client.query("queues")
        own = [row for row in rows if row["queue"] == self._queue]
        counts = {state: sum(int(row[state]) for row in own) for state in (*LIVE_STATES, *ENDED_STATES)}
        executors = self._client.query("executors")
        self._fates = [
            fate if fate.is_over else self._fate(special)
            for fate, special in zip(self._fates, self._specials, strict=True)
        ]
        now_s = time.monotonic()
        picture = Picture(
            self._queue,
            now_s - self._start_s,
            self._total,
            counts,
            self._noted_rates(sum(counts[state] for state in ENDED_STATES), now_s),
            tuple(self._fates),
            tuple(sorted((str(row["executor"]), int(row["used"])) for row in executors)),
        )
        assert picture.ended <= self._total, "more jobs have ended than were submitted"
        return picture

    def _fate(self, special: Special) -> Fate:
        state = special.handle.status()  # first: what it says to be over has all its attempts in the next answer
        rows = self._client.query("executions", job_id=special.handle.id)
        return Fate(special.title, tuple(row["outcome"] for row in rows if row["outcome"] != "returned"), state)

    def _noted_rates(self, ended: int, now_s: float) -> tuple[float, ...]:
        passed_s = now_s - self._looked_s
        if passed_s > 0:
            self._rates.append((ended - self._ended) / passed_s)
        self._ended, self._looked_s = ended, now_s
        return tuple(self._rates)
