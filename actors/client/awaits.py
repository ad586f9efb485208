"""The jobs of one shard whose end somebody awaits.

Decides what is asked for and when it is asked again: news of an end leaves the shard once, and may be lost with a
connection. Must not know of deadlines. Rule: the shard answers at once for jobs that have ended already, so asking
again finds what was lost.
"""

from collections.abc import Iterable

from ...broker.wire.limits import IDS_MAX
from ...broker.wire.messages import Await
from ...broker.wire.rows import ENDED_COLUMNS, shape_fault
from ..effects import Effects, Peer, Send
from ..jobs.lifecycle import LIVE, STATES
from .events import Row
from .settings import ClientSettings

_LIVE_NAMES = frozenset(STATES[state] for state in LIVE)
_OPTIONAL_INT = (int, type(None))
_OPTIONAL_STR = (str, type(None))
_STATE_TYPES = (int, str, _OPTIONAL_STR, _OPTIONAL_STR, int, _OPTIONAL_INT)


class CallerAwait:
    """One AwaitJobs: how many of its jobs have not ended yet."""

    __slots__ = ("ids", "missing", "request")

    def __init__(self, request: int, ids: list[int]) -> None:
        self.request = request
        self.ids = ids
        self.missing = len(ids)


class Awaits:
    """One shard's awaited jobs."""

    def __init__(self, shard: int, settings: ClientSettings) -> None:
        self.shard = shard
        self.settings = settings
        self.callers: dict[int, list[CallerAwait]] = {}
        self.fresh: list[int] = []  # not asked for yet
        self.asked: dict[int, list[int]] = {}  # by the number of the message, since the last round
        self.again_ns: int | None = None
        self.wait_ns = settings.await_again_ns
        self.peers: dict[Peer, None] = {}  # whoever was asked, and may still keep us among its waiters

    def add(self, caller: CallerAwait, ids: Iterable[int]) -> None:
        """Awaits these jobs for a caller, too."""
        for id in ids:
            callers = self.callers.get(id)
            if callers is None:
                self.callers[id] = [caller]
                self.fresh.append(id)
            else:
                callers.append(caller)

    def remove(self, caller: CallerAwait, ids: Iterable[int]) -> None:
        """Awaits these jobs for a caller no more."""
        for id in ids:
            callers = self.callers.get(id)
            if callers is not None and caller in callers:
                callers.remove(caller)
                if not callers:
                    del self.callers[id]

    def holds(self, caller: CallerAwait) -> bool:
        """Says whether jobs that a caller awaits have not ended yet."""
        return any(caller in self.callers.get(id, ()) for id in caller.ids)

    def settle(self, peer: Peer, now_ns: int, number: int, out: Effects) -> int:
        """Asks for what is new, or for everything when its time has come; returns the next free message number."""
        ids: list[int] = []
        if self.again_ns is not None and self.again_ns <= now_ns:
            ids = list(self.callers)
            self.asked.clear()
            self.wait_ns = min(2 * self.wait_ns, self.settings.await_again_max_ns)
            self.again_ns = now_ns + self.wait_ns if ids else None
        elif self.fresh:
            ids = [id for id in self.fresh if id in self.callers]
            if self.again_ns is None:
                self.again_ns = now_ns + self.wait_ns
        self.fresh.clear()
        if ids:
            self.peers[peer] = None
        for at in range(0, len(ids), IDS_MAX):
            chunk = ids[at : at + IDS_MAX]
            self.asked[number] = chunk
            out.sends.append(Send(peer, Await(self.shard, number, chunk, False)))
            number += 1
        return number

    def again(self) -> None:
        """Asks for everything at the next settling: who was asked before has forgotten it."""
        if self.callers:
            self.again_ns, self.wait_ns = 0, self.settings.await_again_ns

    @property
    def is_ignored(self) -> bool:
        """Whether nothing has come from the shard since everything was asked for again."""
        return bool(self.callers) and self.wait_ns > self.settings.await_again_ns

    def heard(self) -> None:
        """Something came from the shard, so it is there: the next round may come soon."""
        self.wait_ns = self.settings.await_again_ns

    def ended(self, rows: Iterable[Row]) -> dict[CallerAwait, list[Row]]:
        """Takes the rows of jobs that have ended; returns what each caller is to be told.

        Late and repeated ones go unnoticed.
        """
        told: dict[CallerAwait, list[Row]] = {}
        for row in rows:
            if not is_state(row) or row[1] in _LIVE_NAMES:
                continue
            for caller in self.callers.pop(row[0], ()):
                told.setdefault(caller, []).append(row)
                caller.missing -= 1
                assert caller.missing >= 0, "a job has ended twice for a caller"
        return told

    def refused(self, number: int) -> set[CallerAwait]:
        """Returns the callers whose jobs a refused Await was about."""
        return {caller for id in self.asked.pop(number, ()) for caller in self.callers.get(id, ())}

    def wake_ns(self) -> int | None:
        """Returns when everything is to be asked for again."""
        return self.again_ns if self.callers else None

    def check(self) -> None:
        """Asserts that nobody waits unasked."""
        assert all(self.callers.values()), "a job is awaited by nobody"
        assert not self.callers or self.fresh or self.again_ns is not None, (
            "jobs are awaited and will not be asked for again"
        )


def is_state(row: Row) -> bool:
    """Says whether a row has the shape of ENDED_COLUMNS."""
    return shape_fault(row, ENDED_COLUMNS, _STATE_TYPES) is None


def not_found(id: int) -> Row:
    """Returns the row of a job that no shard can know."""
    return [id, "not_found", None, None, 0, None]
