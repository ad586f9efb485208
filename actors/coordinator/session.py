"""Client sessions as the shard remembers them: the last answers, so that a submit sent twice is taken once.

Decides what a repeated sequence number gets. Rule: docs/design.md, "Submitting twice": the leader keeps the floor and
the last W answers.
"""

from typing import NamedTuple


class Taken(NamedTuple):
    """The answer to one submit: ids first_id.., and [offset, id] of duplicates by key."""

    first_id: int
    count: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)
    existing: list[list[int]]


class Session:
    """One client's conversation with one shard."""

    __slots__ = ("answers", "floor", "used_ms", "used_ns")

    def __init__(self, stamp_ms: int) -> None:
        self.floor = 1  # sequences below it were answered, and the client has said that it got the answers
        self.answers: dict[int, Taken] = {}
        self.used_ms = stamp_ms
        self.used_ns = 0  # when it was last used, on this life's elapsed time: soft, and what its age is counted by

    def take(self, sequence: int, acked_below: int, taken: Taken, window: int, stamp_ms: int) -> None:
        """Keeps an answer and forgets those that the client has acknowledged or that fall out of the window."""
        assert sequence not in self.answers, f"sequence {sequence} is taken twice"
        self.answers[sequence] = taken
        self.used_ms = stamp_ms
        floor = max(self.floor, acked_below, sequence - window + 1)
        if floor - self.floor > len(self.answers):  # far ahead, as a hostile client may ask for: no step by step
            self.answers = {known: kept for known, kept in self.answers.items() if known >= floor}
        else:
            for known in range(self.floor, floor):
                self.answers.pop(known, None)
        self.floor = floor
