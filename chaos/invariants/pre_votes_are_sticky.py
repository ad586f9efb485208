"""Nobody helps to unseat a leader that it hears: a member that was cut off for a while must disturb no one.

Why: without it a member that hears half of its cluster has elections held for ever. No answer rests on it, but the
failover times do. Rule: Ongaro (2014), 4.2.3 and 9.6.
"""

from ...actors.effects import Send
from ...broker.wire.messages import Append, PreVoted
from ..node import Node
from .base import Invariant

_STICKY_NS = 250 * 1_000_000
"""The election timeout that members of simulated clusters have."""


class PreVotesAreSticky(Invariant):
    """Promises of votes against what the member has heard lately."""

    def begin(self) -> None:
        """Remembers nothing yet."""
        self.heard: dict[tuple[str, int, int], tuple[int, int, str]] = {}
        """(node, life, group) -> (when, term, from whom): the last Append of a leader that was taken."""

    def heard_append(self, node: Node, sender: str, message: Append) -> None:
        """A member hears a leader."""
        key = (node.name, node.life, message.group)
        if message.term >= self.heard.get(key, (0, 0, ""))[1]:
            self.heard[key] = (node.now.elapsed_ns, message.term, sender)

    def lost_peer(self, node: Node, name: str) -> None:
        """A member's transport has lost another one: whoever heard that one as a leader is free."""
        for key, (_, term, leader) in list(self.heard.items()):
            if key[:2] == (node.name, node.life) and leader == name:
                self.heard[key] = (-_STICKY_NS, term, leader)

    def said(self, send: Send, node: Node) -> None:
        """Looks at a promise of a vote."""
        message = send.message
        if not isinstance(message, PreVoted) or not message.is_granted:
            return
        at_ns, term, leader = self.heard.get((node.name, node.life, message.group), (-_STICKY_NS, 0, ""))
        since_ns = node.now.elapsed_ns - at_ns  # what came in the same turn may have come behind the question
        if leader != send.peer.decode() and term == message.own_term and 0 < since_ns < _STICKY_NS:
            self.fail(f"{node.name} would vote for {send.peer.decode()}, and heard {leader} lead just now", node)
