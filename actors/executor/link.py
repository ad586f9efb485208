"""An executor's link to one coordinator process.

Hello, heartbeat, leases' end, and results that nobody has acknowledged.

Decides when to say hello, when a lease is in danger, and what is sent again. The executor trusts a lease from the
moment that it *sent* the renewal which was answered. Rule: docs/design.md, "Execution"; docs/promises.md, P5.
"""

from typing import Any

from ...broker.wire.messages import Finished
from ..effects import Peer
from .settings import FENCE_MARGIN_MS, RENEW_EVERY_MS


class ShardLink:
    """What the executor knows of one shard behind a link."""

    __slots__ = (
        "batch",
        "epoch",
        "lease_ttl_ms",
        "lease_until_ns",
        "renew_ns",
        "results",
        "seen",
        "seen_ahead",
        "shard",
        "unacked",
        "window",
    )

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.epoch = 0
        self.lease_ttl_ms = 10_000
        self.lease_until_ns = 0
        self.renew_ns = 0
        self.seen = 0  # Runs 1..seen of this link have come
        self.seen_ahead: set[int] = set()
        self.window: dict[str, int] = {}
        self.results: list[list[Any]] = []  # not sent yet
        self.batch = 0
        self.unacked: dict[int, tuple[Finished, int]] = {}  # batch -> (message, sent ns)

    def opened(self, epoch: int, lease_ttl_ms: int, hello_sent_ns: int) -> None:
        """The coordinator has answered the hello."""
        self.epoch = epoch
        self.lease_ttl_ms = lease_ttl_ms
        self.seen = 0
        self.seen_ahead.clear()
        self.window = {}
        self.renewed(hello_sent_ns)
        self.renew_ns = hello_sent_ns + self.renew_every_ns()

    def renew_every_ns(self) -> int:
        """Returns the pause between heartbeats."""
        return min(RENEW_EVERY_MS, self.lease_ttl_ms // 10) * 1_000_000

    def renewed(self, sent_ns: int) -> None:
        """A renewal sent at that time was answered: leases hold from then on."""
        self.lease_until_ns = max(self.lease_until_ns, sent_ns + self.lease_ttl_ms * 1_000_000)

    def fence_ns(self, kill_grace_ms: int) -> int:
        """Returns when runs must be told to end, so that they are dead before the lease is over."""
        margin_ms = min(kill_grace_ms + FENCE_MARGIN_MS, self.lease_ttl_ms // 2)
        return self.lease_until_ns - margin_ms * 1_000_000

    def kill_by_ns(self) -> int:
        """Returns when a run that was told to end because nobody renewed its lease is killed at the latest."""
        return self.lease_until_ns - min(FENCE_MARGIN_MS, self.lease_ttl_ms // 4) * 1_000_000

    def came(self, sequence: int) -> bool:
        """Notes a Run; returns False if it came before."""
        if sequence <= self.seen or sequence in self.seen_ahead:
            return False
        self.seen_ahead.add(sequence)
        while self.seen + 1 in self.seen_ahead:
            self.seen += 1
            self.seen_ahead.discard(self.seen)
        return True


class Link:
    """One coordinator process."""

    __slots__ = ("figures_ns", "hello_ns", "hello_sent_ns", "number", "peer", "refused", "shards", "welcomed")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.number = 0
        self.refused = ""  # what it was refused with last, and has told the log
        self.hello_ns: int | None = 0  # when to say hello next, None while the link is open
        self.hello_sent_ns = 0
        self.figures_ns = 0  # when the coordinator is told figures next
        self.welcomed: set[int] = set()
        self.shards: dict[int, ShardLink] = {}
