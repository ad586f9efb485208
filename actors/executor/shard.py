"""What an executor knows of one shard, whoever leads it.

Its leader and epoch, the end of its leases, the Runs that have come, and results that nobody has acknowledged.

Decides whose word counts: one coordinator leads a shard at a time, the one that welcomed under the highest epoch. The
executor trusts a lease from the moment that it *sent* the renewal which was answered. A new leader knows the leases of
the old one, so runs, results and batch numbers outlive a change. Rule: docs/design.md, "Execution"; docs/promises.md,
P5.
"""

from typing import Any

from ...broker.wire.messages import Finished
from .link import Link
from .settings import FENCE_MARGIN_MS, RENEW_EVERY_MS


class Shard:
    """One shard of the cluster."""

    __slots__ = (
        "batch",
        "epoch",
        "heard_ns",
        "lease_ttl_ms",
        "lease_until_ns",
        "link",
        "number",
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
        self.link: Link | None = None  # to the leader; None while nobody is known to lead
        self.number = 0  # of the hello that the leader has answered
        self.heard_ns = 0  # when the leader has answered last
        self.lease_ttl_ms = 10_000
        self.lease_until_ns = 0
        self.renew_ns = 0
        self.seen = 0  # Runs 1..seen of this link have come
        self.seen_ahead: set[int] = set()
        self.window: dict[str, int] = {}
        self.results: list[list[Any]] = []  # not sent yet
        self.batch = 0
        self.unacked: dict[int, tuple[Finished, int]] = {}  # batch -> (message, sent ns)

    def opened(self, link: Link, epoch: int, lease_ttl_ms: int, now_ns: int) -> None:
        """The leader has answered the link's last hello."""
        assert epoch >= self.epoch, "a shard was opened under an epoch that is over"
        self.link, self.number, self.epoch = link, link.number, epoch
        self.lease_ttl_ms = lease_ttl_ms
        self.heard_ns = now_ns
        self.seen = 0
        self.seen_ahead.clear()
        self.window = {}
        self.renewed(link.hello_sent_ns)
        self.renew_ns = link.hello_sent_ns + self.renew_every_ns()

    def is_open(self, link: Link | None) -> bool:
        """Says whether this link's last hello was answered by the shard's leader, so that both may talk."""
        return link is not None and self.link is link and self.number == link.number

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

    def check(self) -> None:
        """Asserts the shard's relations."""
        assert self.epoch > 0, "a shard is known whose leader never spoke"
        # What a lost connection had brought may be heard after the loss; then its node is there, and no hello said yet.
        is_said = self.link is not None and self.link.number > 0
        assert not is_said or self.link is None or self.number <= self.link.number, "a hello has overtaken itself"
        assert not any(sequence <= self.seen for sequence in self.seen_ahead), "a Run has come twice"
        assert all(0 < batch <= self.batch for batch in self.unacked), "a batch has no number of its own"
