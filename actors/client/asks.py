"""Questions with one answer: cancel, status, acts on jobs, query, schedules; the same message until it comes.

Decides how a question that spans shards or takes several messages, or several steps, becomes one answer. Repeating is
safe: a cancel of what was cancelled says `finished`, what is done with a job by hand says what is so already, schedules
are defined once however often they are, and what is done with them carries a token. Must not know of deadlines.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from ...broker.wire.messages import (
    Await,
    Cancel,
    Cancelled,
    Ended,
    JobAct,
    JobActed,
    Listing,
    Query,
    ScheduleAct,
    ScheduleChanged,
    ScheduleSet,
)
from ...broker.wire.schedule_rows import change_fault
from ..effects import Effects, Peer, Send
from .awaits import is_state
from .events import Completed, Failure, Row
from .settings import ClientSettings
from .submits import PASSING

Asked = Cancel | Await | JobAct | Query | ScheduleSet | ScheduleAct
Answer = Cancelled | Ended | JobActed | Listing | ScheduleChanged


class CallerAsk:
    """One caller's question: the rows found so far."""

    __slots__ = (
        "changes",
        "columns",
        "failure",
        "is_partial",
        "is_sent",
        "missing",
        "more",
        "order",
        "put_off",
        "request",
        "rows",
        "steps",
    )

    def __init__(self, request: int, *, changes: bool = False, order: dict[tuple[str, str], int] | None = None) -> None:
        self.request = request
        self.changes = changes  # whether asking does anything
        self.is_partial = False  # whether one message may be refused and another one have done its part
        self.is_sent = False  # whether any of its messages was
        self.order = order  # for rows of CHANGE_COLUMNS: the place of each (tenant, name)
        self.steps: deque[Sequence[Sequence[Asked]]] = deque()  # what is asked when all before was answered
        self.missing = 0  # messages without an answer
        self.rows: list[Row] = []
        self.columns: list[str] | None = None
        self.more = False
        self.failure: Failure | None = None
        self.put_off: Failure | None = None  # why the node has not answered yet, if it has said so

    def completed(self) -> Completed:
        """Returns the act that ends it."""
        value: Any = self.rows if self.columns is None else (self.columns, self.rows, self.more)
        if self.order is not None:
            value = _merged(self.rows, self.order)
        return Completed(self.request, None if self.failure else value, self.failure)


_NEVER_NS = 1 << 62
"""When a question is due whose shard nobody leads: when somebody does."""

_COPIES_MAX = 2
"""A question that was sent more often is not merely late."""

_PARTS_A_WAIT = 10
"""Parts of one message that are answered well within the time after which a message is sent again."""


class Ask:
    """One message of a question, or the parts of one that is too long."""

    __slots__ = ("caller", "copies", "due_ns", "message", "parts", "wait_ns")

    def __init__(self, caller: CallerAsk, parts: tuple[Asked, ...], settings: ClientSettings) -> None:
        self.caller = caller
        self.message = parts[0]
        self.parts = parts
        self.copies = 0  # how often it was sent
        self.due_ns = 0
        # A long list takes its time to be read: to send it again meanwhile would only make that longer.
        self.wait_ns = settings.resend_ns * (1 + len(parts) // _PARTS_A_WAIT)


_ANSWERS: dict[type[Any], type[Any]] = {
    Cancel: Cancelled,
    Await: Ended,
    JobAct: JobActed,
    Query: Listing,
    ScheduleSet: ScheduleChanged,
    ScheduleAct: ScheduleChanged,
}


class Asks:
    """All open questions, by message number."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.open: dict[int, Ask] = {}
        self.due_ns: int | None = None  # no message is due before
        self.is_ignored = False  # a shard has not answered something that was sent three times, when it was looked last

    def add(self, caller: CallerAsk, *parts: Asked) -> None:
        """Sends a message of a question, in parts of one number, at the next settling, and until it is answered."""
        message = parts[0]
        assert message.request not in self.open, "a message number was used twice"
        assert all(part.request == message.request for part in parts), "parts of one message have two numbers"
        self.open[message.request] = Ask(caller, parts, self.settings)
        caller.missing += 1
        self.due_ns = 0

    def proceed(self, caller: CallerAsk) -> bool:
        """Sends the next step of a question whose steps so far are answered; returns whether there is one."""
        if caller.failure is not None or not caller.steps:
            return False
        step = caller.steps.popleft()
        changes = any(_changes(parts[0]) for parts in step)
        if changes and not caller.changes:
            caller.rows.clear()  # what would have changed
        caller.is_partial = caller.changes or (changes and len(step) > 1)
        caller.changes = caller.changes or changes
        for parts in step:
            self.add(caller, *parts)
        return True

    def settle(self, peers: dict[int, Peer], now_ns: int, out: Effects) -> None:
        """Sends what is due; what is for a shard without a leader waits for `again`."""
        if self.due_ns is None or self.due_ns > now_ns:
            return
        soonest: int | None = None
        self.is_ignored = False
        for ask in self.open.values():
            if ask.due_ns <= now_ns:
                peer = peers.get(ask.message.shard)
                if peer is None:
                    ask.due_ns = _NEVER_NS
                    continue
                out.sends.extend([Send(peer, part) for part in ask.parts])
                ask.copies += 1
                ask.caller.is_sent = True
                self.is_ignored = self.is_ignored or ask.copies > _COPIES_MAX
                ask.due_ns = now_ns + ask.wait_ns
                ask.wait_ns = max(ask.wait_ns, min(2 * ask.wait_ns, self.settings.resend_max_ns))
            soonest = ask.due_ns if soonest is None else min(soonest, ask.due_ns)
        self.due_ns = soonest

    def answered(self, message: Answer) -> CallerAsk | None:
        """Takes an answer; returns the caller if that was the last one missing. Late and repeated ones go unnoticed."""
        ask = self.open.get(message.request)
        if ask is None or type(message) is not _ANSWERS[type(ask.message)] or ask.message.shard != message.shard:
            return None
        del self.open[message.request]
        caller = ask.caller
        match message:
            case Cancelled() | JobActed() if all(_is_code(row) for row in message.codes):
                caller.rows.extend(message.codes)
            case Ended() if all(is_state(row) for row in message.jobs):
                caller.rows.extend(message.jobs)
            case Listing() if all(len(row) == len(message.columns) for row in message.rows):
                _add_listing(caller, message)
            case ScheduleChanged() if all(change_fault(row) is None for row in message.changes):
                caller.rows.extend(message.changes)
            case _:
                text = f"the node's {type(message).__name__} holds a row that is none; upgrade the older side"
                caller.failure = Failure("malformed", text, False)
        return self._less(caller)

    def refused(self, number: int, failure: Failure) -> CallerAsk | None:
        """Takes a refusal; returns the caller if that was the last answer missing."""
        ask = self.open.get(number)
        if ask is None:
            return None
        caller = ask.caller
        if failure.code == "overloaded" and not caller.changes:
            caller.put_off = failure  # it is asked again when it would be anyway, each time later
            return None
        del self.open[number]
        if caller.is_partial:
            failure = failure._replace(text=f"{failure.text}; other shards may have done their part", definite=False)
        elif caller.changes and ask.copies > 1 and failure.code in PASSING:
            failure = failure._replace(text=f"{failure.text}; another copy may have been taken", definite=False)
        caller.failure = failure
        return self._less(caller)

    def _less(self, caller: CallerAsk) -> CallerAsk | None:
        caller.missing -= 1
        assert caller.missing >= 0, "a question has more answers than messages"
        return caller if caller.missing == 0 and not self.proceed(caller) else None

    def shards(self, caller: CallerAsk) -> set[int]:
        """Returns the shards that have not answered a caller."""
        return {ask.message.shard for ask in self.open.values() if ask.caller is caller}

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
        return self.due_ns if self.open and self.due_ns != _NEVER_NS else None

    def check(self) -> None:
        """Asserts that each open message is counted at its caller, and will be sent again."""
        missing: dict[CallerAsk, int] = {}
        for ask in self.open.values():
            missing[ask.caller] = missing.get(ask.caller, 0) + 1
            assert ask.due_ns == _NEVER_NS or (self.due_ns is not None and self.due_ns <= ask.due_ns), (
                "a question is due and nobody knows"
            )
        assert all(caller.missing == count for caller, count in missing.items())


def _is_code(row: Row) -> bool:
    return len(row) == 2 and type(row[0]) is int and type(row[1]) is str


def _changes(message: Asked) -> bool:
    """Says whether a message of schedules does anything, rather than ask what it would do."""
    return not (type(message) is ScheduleSet and message.is_dry)


def _merged(rows: list[Row], order: dict[tuple[str, str], int]) -> list[Row]:
    """Returns rows of CHANGE_COLUMNS in the caller's order, and then those that nobody named.

    A shard that does not know a name says so; it counts where no other one does.
    """
    known = {(row[0], row[1]) for row in rows if row[2] != "not_found"}
    kept: list[Row] = []
    for row in rows:
        key = (row[0], row[1])
        if row[2] != "not_found" or key not in known:
            kept.append(row)
            known.add(key)
    return sorted(kept, key=lambda row: (order.get((row[0], row[1]), len(order)), row[0], row[1]))


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
