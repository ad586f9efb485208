"""Questions with one answer: cancel, status, query; the same message until it comes.

Decides how a question that spans shards or takes several messages becomes one answer. Repeating is safe: a cancel of
what was cancelled says `finished`, the others change nothing. Must not know of deadlines.
"""

from typing import Any

from ...broker.wire.messages import Await, Cancel, Cancelled, Ended, Listing, Query
from ..effects import Effects, Peer, Send
from .awaits import is_state
from .events import Completed, Failure, Row
from .settings import ClientSettings


class CallerAsk:
    """One caller's question: the rows found so far."""

    __slots__ = ("changes", "columns", "failure", "missing", "more", "request", "rows")

    def __init__(self, request: int, *, changes: bool = False) -> None:
        self.request = request
        self.changes = changes  # whether asking does anything
        self.missing = 0  # messages without an answer
        self.rows: list[Row] = []
        self.columns: list[str] | None = None
        self.more = False
        self.failure: Failure | None = None

    def completed(self) -> Completed:
        """Returns the act that ends it."""
        value: Any = self.rows if self.columns is None else (self.columns, self.rows, self.more)
        return Completed(self.request, None if self.failure else value, self.failure)


class Ask:
    """One message of a question."""

    __slots__ = ("caller", "due_ns", "message", "wait_ns")

    def __init__(self, caller: CallerAsk, message: Cancel | Await | Query, settings: ClientSettings) -> None:
        self.caller = caller
        self.message = message
        self.due_ns = 0
        self.wait_ns = settings.resend_ns


_ANSWERS: dict[type[Any], type[Any]] = {Cancel: Cancelled, Await: Ended, Query: Listing}


class Asks:
    """All open questions, by message number."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.open: dict[int, Ask] = {}
        self.due_ns: int | None = None  # no message is due before

    def add(self, caller: CallerAsk, message: Cancel | Await | Query) -> None:
        """Sends a message of a question at the next settling, and until it is answered."""
        assert message.request not in self.open, "a message number was used twice"
        self.open[message.request] = Ask(caller, message, self.settings)
        caller.missing += 1
        self.due_ns = 0

    def settle(self, peers: dict[int, Peer], now_ns: int, out: Effects) -> None:
        """Sends what is due."""
        if self.due_ns is None or self.due_ns > now_ns:
            return
        soonest: int | None = None
        for ask in self.open.values():
            if ask.due_ns <= now_ns:
                out.sends.append(Send(peers[ask.message.shard], ask.message))
                ask.due_ns = now_ns + ask.wait_ns
                ask.wait_ns = min(2 * ask.wait_ns, self.settings.resend_max_ns)
            soonest = ask.due_ns if soonest is None else min(soonest, ask.due_ns)
        self.due_ns = soonest

    def answered(self, message: Cancelled | Ended | Listing) -> CallerAsk | None:
        """Takes an answer; returns the caller if that was the last one missing. Late and repeated ones go unnoticed."""
        ask = self.open.get(message.request)
        if ask is None or type(message) is not _ANSWERS[type(ask.message)] or ask.message.shard != message.shard:
            return None
        del self.open[message.request]
        caller = ask.caller
        match message:
            case Cancelled() if all(_is_code(row) for row in message.codes):
                caller.rows.extend(message.codes)
            case Ended() if all(is_state(row) for row in message.jobs):
                caller.rows.extend(message.jobs)
            case Listing() if all(len(row) == len(message.columns) for row in message.rows):
                _add_listing(caller, message)
            case _:
                text = f"the node's {type(message).__name__} holds a row that is none; upgrade the older side"
                caller.failure = Failure("malformed", text, False)
        return self._less(caller)

    def refused(self, number: int, failure: Failure) -> CallerAsk | None:
        """Takes a refusal; returns the caller if that was the last answer missing."""
        ask = self.open.pop(number, None)
        if ask is None:
            return None
        ask.caller.failure = failure
        return self._less(ask.caller)

    def _less(self, caller: CallerAsk) -> CallerAsk | None:
        caller.missing -= 1
        assert caller.missing >= 0, "a question has more answers than messages"
        return caller if caller.missing == 0 else None

    def drop(self, caller: CallerAsk) -> None:
        """Forgets a caller's messages."""
        for number in [number for number, ask in self.open.items() if ask.caller is caller]:
            del self.open[number]

    def again(self, shard: int) -> None:
        """Sends the shard's open questions again at the next settling."""
        for ask in self.open.values():
            if ask.message.shard == shard:
                ask.due_ns, self.due_ns = 0, 0

    def wake_ns(self) -> int | None:
        """Returns when a message may be due."""
        return self.due_ns if self.open else None

    def check(self) -> None:
        """Asserts that each open message is counted at its caller, and will be sent again."""
        missing: dict[CallerAsk, int] = {}
        for ask in self.open.values():
            missing[ask.caller] = missing.get(ask.caller, 0) + 1
            assert self.due_ns is not None
            assert self.due_ns <= ask.due_ns, "a question is due and nobody knows"
        assert all(caller.missing == count for caller, count in missing.items())


def _is_code(row: Row) -> bool:
    return len(row) == 2 and type(row[0]) is int and type(row[1]) is str


def _add_listing(caller: CallerAsk, message: Listing) -> None:
    """Adds one shard's rows; shards of one version name the same columns."""
    if caller.columns is None:
        caller.columns = message.columns
    if caller.columns == message.columns:
        caller.rows.extend(message.rows)
    else:
        known = {name: at for at, name in enumerate(message.columns)}
        caller.rows.extend(
            [row[known[name]] if name in known else None for name in caller.columns] for row in message.rows
        )
    caller.more = caller.more or message.more
