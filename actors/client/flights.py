"""The parts of one caller's submit, and the messages that carry them.

Decides how an answer is split back over the callers whose jobs shared a message, and when a caller's submit is over.
Must not know of sessions, windows or time.
"""

from typing import Any

from ...broker.wire.limits import BATCH_BYTES_MAX, BATCH_JOBS_MAX
from ...broker.wire.messages import Submit
from .events import Completed, Failure

Row = list[Any]

# A character takes at most so many bytes of UTF-8; lengths in characters are bounds without encoding anything.
UTF8_BYTES_MAX = 4


class CallerSubmit:
    """One SubmitJobs: the ids found so far, in the caller's order."""

    __slots__ = ("failure", "ids", "missing", "request")

    def __init__(self, request: int, count: int) -> None:
        self.request = request
        self.ids: list[int | None] = [None] * count
        self.missing = count  # jobs that are neither taken nor given up
        self.failure: Failure | None = None

    def fail(self, failure: Failure, count: int) -> None:
        """Gives up `count` of its jobs; an indefinite failure outweighs a definite one, for it claims less."""
        if self.failure is None or (self.failure.definite and not failure.definite):
            self.failure = failure
        self.missing -= count
        assert self.missing >= 0, self.request

    def completed(self) -> Completed:
        """Returns the act that ends it."""
        return Completed(self.request, self.ids, self.failure)


class Queued:
    """Jobs of one caller for one shard that wait to be sent, from `at` on."""

    __slots__ = ("alone", "at", "caller", "places", "rows")

    def __init__(self, caller: CallerSubmit, rows: list[Row], places: list[int] | None, alone: bool = False) -> None:
        self.caller = caller
        self.rows = rows
        self.places = places
        """Where in the caller's order each row stands; None where they are the same."""
        self.at = 0
        self.alone = alone
        """Shares no message: it was refused in company, and the others must not suffer."""

    @property
    def left(self) -> int:
        """How many of its jobs were not put into a message yet."""
        return len(self.rows) - self.at


class Part:
    """The jobs of one caller within one message."""

    __slots__ = ("caller", "count", "places", "start")

    def __init__(self, caller: CallerSubmit, start: int, count: int, places: list[int] | None) -> None:
        self.caller = caller
        self.start = start
        self.count = count
        self.places = places

    def take(self, ids: list[int]) -> None:
        """Notes the ids that its jobs were given."""
        assert len(ids) == self.count, "an answer was split wrongly"
        if self.places is None:
            self.caller.ids[self.start : self.start + self.count] = ids
        else:
            for place, id in zip(self.places[self.start : self.start + self.count], ids, strict=True):
                self.caller.ids[place] = id
        self.caller.missing -= self.count
        assert self.caller.missing >= 0, "a job was taken twice"


class Flight:
    """One Submit that awaits its answer."""

    __slots__ = ("is_repeated", "message", "parts", "sent_ns")

    def __init__(self, message: Submit, parts: list[Part], sent_ns: int) -> None:
        self.message = message
        self.parts = parts
        self.sent_ns = sent_ns
        self.is_repeated = False  # more than one copy of it may be under way


def cut(rows: list[Row], at: int, jobs_room: int, bytes_room: int) -> tuple[int, int]:
    """Returns (stop, bytes) of the most rows from `at` on that fit, and of what room they may take."""
    stop = min(at + jobs_room, len(rows))
    sizes = [len(row[1]) for row in rows[at:stop]]
    total = sum(sizes) * UTF8_BYTES_MAX
    while total > bytes_room and sizes:
        total -= sizes.pop() * UTF8_BYTES_MAX
    return at + len(sizes), total


def first_cut(rows: list[Row], at: int) -> tuple[int, int]:
    """Returns what `cut` does for an empty message, which takes at least one job however large."""
    stop, size = cut(rows, at, BATCH_JOBS_MAX, BATCH_BYTES_MAX)
    return (stop, size) if stop > at else (at + 1, BATCH_BYTES_MAX)


def ids_of(first_id: int, count: int, existing: list[Row]) -> list[int] | None:
    """Returns the id of each job of a message from the Submitted's fields, or None if they make no sense.

    Fresh ids run on without gaps; a job whose key was taken already has the id of the one that holds it.
    """
    if not existing:
        return list(range(first_id, first_id + count))
    if len(existing) > count:
        return None
    ids = list(range(first_id, first_id + count - len(existing)))
    last = -1
    for row in existing:
        if len(row) != 2 or type(row[0]) is not int or type(row[1]) is not int or not last < row[0] < count:
            return None
        last = row[0]
        ids.insert(last, row[1])
    return ids
