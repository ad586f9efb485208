"""What a shell may tune of a client session, and the bounds of what it holds.

Decides defaults and how they relate. Must not know where the shell has them from.
"""

from dataclasses import dataclass

from ..effects import Peer

MS = 1_000_000
SECOND = 1_000 * MS

SEQUENCES_IN_FLIGHT = 8
"""Submits of one shard that await their answers at once.

What comes meanwhile is merged, so a small window batches by itself.
"""

REQUESTS_MAX = 100_000
"""Calls of one client that may be open at once."""

JOBS_QUEUED_MAX = 2_000_000
"""Jobs that one client may hold before the shard has taken them."""

IDS_AWAITED_MAX = 1_000_000
"""Jobs whose end one client may await at once."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """One client session's settings.

    Attributes:
        peers: The endpoints to connect to from the start, as the shell names connections; a hello goes to each, and
            to the members that they tell of.
        cluster: The cluster that must be at the other end, or None for any.
        reach_ns: How long a request waits for the first answer of a node, whatever its own deadline.
        hello_ns: How soon a hello without answer is repeated, at first.
        hello_again_ns: How often hello is said while all have answered and a shard has no leader.
        resend_ns: How soon a message without answer is repeated, at first.
        resend_max_ns: The longest such wait, after doublings.
        await_again_ns: How soon awaited jobs are asked for again, at first: the news of an end may have been lost.
        await_again_max_ns: The longest such wait, while nothing at all is heard.
        session_idle_ns: A session unused for so long is not used again: the shard may have forgotten it.
    """

    peers: tuple[Peer, ...]
    cluster: str | None = None
    reach_ns: int = 10 * SECOND
    hello_ns: int = 250 * MS
    hello_again_ns: int = 3 * SECOND
    resend_ns: int = 500 * MS
    resend_max_ns: int = 5 * SECOND
    await_again_ns: int = 2 * SECOND
    await_again_max_ns: int = 15 * SECOND
    session_idle_ns: int = 600 * SECOND

    def __post_init__(self) -> None:
        assert self.peers, "a client without a peer can reach nobody"
        assert self.reach_ns > 0, self
        assert 0 < self.hello_ns <= min(self.resend_max_ns, self.hello_again_ns), self
        assert 0 < self.resend_ns <= self.resend_max_ns, self
        assert 0 < self.await_again_ns <= self.await_again_max_ns, self
        assert self.session_idle_ns > self.resend_max_ns, self
