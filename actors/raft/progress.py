"""What a leader knows of one follower: what it holds, what is under way, when it was last heard.

Decides where the next Append begins. Entries are sent without waiting for answers until too many bytes are under way; a
refusal sends the leader back to probing. Answers may come late, twice or out of order: `match` never goes back by such
a one. It goes back only when the follower has provably lost what it had acknowledged.
"""

from collections import deque
from enum import Enum

from .sending import Sending


class Flow(Enum):
    """How a leader sends to a follower."""

    PROBED = "probed"
    """One Append, then its answer: it is not known where the follower's log agrees."""
    LIVE = "live"
    """One Append after the other."""
    SNAPSHOT = "snapshot"
    """What it lacks is gone from the leader's log."""


class Progress:
    """One follower, from its leader's view."""

    __slots__ = (
        "_inflight",
        "_lost_round",
        "_match_round",
        "_probe_round",
        "flow",
        "heard_ns",
        "inflight_bytes",
        "is_probe_sent",
        "leaving_ns",
        "match",
        "next",
        "round",
        "sending",
        "sent_ns",
        "settled_ns",
    )

    def __init__(self, next: int, now_ns: int) -> None:  # noqa: A002  (the protocol's own word)
        self.match = 0
        """The last entry that it is known to hold, durably."""
        self.next = next
        """The entry that the next Append to it begins with."""
        self.flow = Flow.PROBED
        self.is_probe_sent = False
        self._inflight: deque[tuple[int, int]] = deque()
        """(last entry, bytes) of each Append that is not answered."""
        self.inflight_bytes = 0
        self.round = 0
        """The last round of the leader that it has answered."""
        self._probe_round = 0
        """Refusals of Appends before this round are old news."""
        self._match_round = 0
        """The leader's round when `match` last rose: whoever refuses a later Append for less has lost entries."""
        self._lost_round = 0
        """Answers to Appends up to this round are from before it lost entries."""
        self.heard_ns = now_ns
        self.sent_ns: int | None = None
        self.settled_ns = now_ns
        """Since when it has been in good order."""
        self.leaving_ns: int | None = None
        """When its leader forgets it: it is no member any more, and should still learn that."""
        self.sending: Sending | None = None

    def sent(self, count: int, sent_bytes: int) -> None:
        """Entries are on their way."""
        assert count > 0, "nothing was sent"
        if self.flow is Flow.PROBED:
            assert not self.is_probe_sent, "a probe is under way already"
            self.is_probe_sent = True
        else:
            self.next += count
            self._inflight.append((self.next - 1, sent_bytes))
            self.inflight_bytes += sent_bytes

    def accepted(self, index: int, answered: int, leader_round: int) -> bool:
        """It holds the log up to an entry; True if that was news.

        `answered`: the round of the Append that it answers.
        """
        if answered <= self._lost_round:
            return False
        is_news = index > self.match
        if is_news:
            self.match = index
            self._match_round = leader_round
        while self._inflight and self._inflight[0][0] <= index:
            self.inflight_bytes -= self._inflight.popleft()[1]
        if self.flow is Flow.PROBED and index >= self.next - 1:
            self.flow = Flow.LIVE
        self.next = max(self.next, self.match + 1)
        return is_news

    def refused(self, hint: int, answered: int, leader_round: int) -> bool:
        """It lacks the entry before an Append; it may agree up to `hint`. True if it lost what it had acknowledged.

        `answered`: the round of that Append.
        """
        has_lost = hint < self.match and answered > self._match_round
        if has_lost:
            self.match = hint
            self._match_round = self._lost_round = leader_round
        elif answered < self._probe_round or self.flow is Flow.SNAPSHOT:
            return False
        self.probe(max(self.match, min(hint, self.next - 1)) + 1, leader_round)
        return has_lost

    def probe(self, next: int, leader_round: int) -> None:  # noqa: A002  (the protocol's own word)
        """Begins to look for the place where its log agrees."""
        assert next > self.match, (next, self.match)
        self.flow = Flow.PROBED
        self.next = next
        self.is_probe_sent = False
        self._probe_round = leader_round + 1
        self._inflight.clear()
        self.inflight_bytes = 0
        self.sending = None

    def need_snapshot(self) -> None:
        """What comes next for it is gone."""
        self.flow = Flow.SNAPSHOT
        self._inflight.clear()
        self.inflight_bytes = 0

    def check(self, last: int) -> None:
        """Asserts its own relations and those with the leader's log."""
        assert self.match <= last, f"it holds entry {self.match} of {last}"
        assert self.match < self.next <= last + 1, (self.match, self.next, last)
        assert self.inflight_bytes == sum(size for _, size in self._inflight), "bytes under way are miscounted"
        assert not self._inflight or self.flow is Flow.LIVE, "only a live follower is sent ahead"
        assert self.sending is None or self.flow is Flow.SNAPSHOT, "a snapshot goes to whoever needs one"
