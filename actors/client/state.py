"""What the parts of a client share during an event: the map, the open requests, and what the event asks for.

Decides nothing but that a request is completed once. Each shard's conversation stands in submits.py and awaits.py,
questions in asks.py.
"""

import heapq

from ..draws import Draws
from ..effects import Effects
from .asks import Asks, CallerAsk
from .awaits import Awaits, CallerAwait
from .cluster import Cluster
from .events import Command, Completed, Failure
from .flights import CallerSubmit
from .settings import ClientSettings
from .submits import NOBODY, Submits

NUMBERS_FROM = 1 << 62
"""Numbers of messages that are no Submit start here, so that a Refused tells them from sequences."""

_STALE_DEADLINES = 1024


class Waiting:
    """A request that waits for a welcome."""

    __slots__ = ("command", "request")

    def __init__(self, command: Command) -> None:
        self.command = command
        self.request = command.request


Caller = CallerSubmit | CallerAwait | CallerAsk | Waiting


class ClientState:
    """One client's memory. `out` belongs to the event being handled."""

    def __init__(self, session: int, draws: Draws, settings: ClientSettings) -> None:
        self.settings = settings
        self.session = session
        self.draws = draws
        self.cluster = Cluster(settings)
        self.submits: dict[int, Submits] = {}
        self.awaits: dict[int, Awaits] = {}
        self.asks = Asks(settings)
        self.callers: dict[int, Caller] = {}
        self.deadlines: list[tuple[int, int, bool]] = []
        self.number = NUMBERS_FROM
        self.jobs_open = 0
        self.ids_awaited = 0
        self.refused_hello: Failure | None = None
        self.closed = False
        self.out = Effects()

    def open_shards(self) -> None:
        """Makes the conversations, once the number of shards is known."""
        for shard in range(self.cluster.shards):
            self.submits[shard] = Submits(shard, self.session, self.draws, self.settings, self.submit_news)
            self.awaits[shard] = Awaits(shard, self.settings)

    def next_number(self) -> int:
        """Returns a number for a message that is no Submit."""
        self.number += 1
        return self.number

    def add(self, caller: Caller) -> None:
        """Notes an open request."""
        assert caller.request > NOBODY, "requests are numbered from 1"
        self.callers[caller.request] = caller

    def add_deadline(self, deadline_ns: int, request: int, *, to_reach: bool = False) -> None:
        """Notes when a request is given up; one `to_reach` the cluster falls away with the welcome."""
        deadlines = self.deadlines
        if len(deadlines) > 2 * len(self.callers) + _STALE_DEADLINES:
            deadlines[:] = [item for item in deadlines if self._stands(item)]
            heapq.heapify(deadlines)
        heapq.heappush(deadlines, (deadline_ns, request, to_reach))

    def next_deadline_ns(self) -> int | None:
        """Returns the next deadline of an open request."""
        deadlines = self.deadlines
        while deadlines and not self._stands(deadlines[0]):
            heapq.heappop(deadlines)
        return deadlines[0][0] if deadlines else None

    def _stands(self, deadline: tuple[int, int, bool]) -> bool:
        caller = self.callers.get(deadline[1])
        return caller is not None and (not deadline[2] or type(caller) is Waiting)

    def complete(self, act: Completed) -> None:
        """Ends a request."""
        self.callers.pop(act.request, None)
        self.out.acts.append(act)

    def fail(self, request: int, failure: Failure) -> None:
        """Ends a request that came to nothing."""
        self.complete(Completed(request, None, failure))

    def submit_news(self, caller: CallerSubmit) -> None:
        """A caller's submit has failed in part, or is over: nothing more of a failed one is sent."""
        if caller.request == NOBODY:
            return
        if caller.failure is not None and caller.missing:
            for submits in self.submits.values():
                caller.missing -= submits.drop_queued(caller)
        if not caller.missing:
            self.jobs_open -= len(caller.ids)
            assert self.jobs_open >= 0, "more jobs were answered than submitted"
            self.complete(caller.completed())
