"""An executor's link to one coordinator process: its hellos, and what the node says of itself.

Decides nothing; conversation.py and hearing.py do. What belongs to a shard stands in shard.py, for its leader may
change.
"""

from ..effects import Peer
from .settings import HELLO_AGAIN_MS, RESEND_AFTER_MS

_QUICK_TRIES = 3
_DOUBLINGS_MAX = 3


class Link:
    """One coordinator process, whether it leads a shard or not."""

    __slots__ = (
        "figures_ns",
        "hello_ns",
        "hello_sent_ns",
        "is_gone",
        "number",
        "peer",
        "refused",
        "since_ns",
        "told",
        "tries",
    )

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.number = 0  # of the last hello on it; 0 before the first one, and while the transport has lost it
        self.refused = ""  # what it was refused with last, and has told the log
        self.hello_ns: int | None = 0  # when to say hello next, None once it is answered
        self.told: dict[int, int] = {}  # shard -> epoch, what the last hello has said of the shards' leaders
        self.tries = 0  # hellos since the last answer
        self.hello_sent_ns = 0
        self.since_ns: int | None = None  # when it was first said hello to, or could not be
        self.figures_ns = 0  # when the coordinator is told figures next
        self.is_gone = False

    def hello_wait_ns(self) -> int:
        """Returns how long to wait for an answer.

        Each hello voids the answers to those before it, so on a slow way hellos must come ever more seldom.
        """
        if self.is_gone:
            return HELLO_AGAIN_MS * 1_000_000
        return RESEND_AFTER_MS * 1_000_000 << min(max(0, self.tries - _QUICK_TRIES), _DOUBLINGS_MAX)

    def answered(self) -> None:
        """The last hello was answered."""
        self.hello_ns, self.tries = None, 0

    def is_settled(self, now_ns: int) -> bool:
        """Says whether it has answered, or will not soon."""
        if self.since_ns is None:
            return False
        has_answered = self.hello_ns is None and not self.is_gone
        return has_answered or now_ns >= self.since_ns + HELLO_AGAIN_MS * 1_000_000
