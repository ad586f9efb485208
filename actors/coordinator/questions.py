"""What clients ask that only the store knows: one after the other, and the peers in turns.

Decides which question the store is asked next, and who has asked too much: a listing costs a read of the shard file,
and whoever asks for a thousand must not hold up a turn, nor the others' questions. Must not know what an answer means.
"""

from collections import deque
from collections.abc import Iterator

from ...broker.wire.limits import IDS_MAX
from ..effects import Peer
from ..limits import QUESTIONS_A_PEER, QUESTIONS_COST_MAX
from ..store import Read

LISTING_COST = IDS_MAX
"""What a listing costs; a question about jobs costs as many as there are."""

ROUND_COST = IDS_MAX
"""What the store is asked at once, about: one listing, or several small questions."""


class Questions:
    """Those that wait, and those that the store has been asked."""

    def __init__(self) -> None:
        self._waiting: dict[Peer, deque[tuple[Read, int]]] = {}
        self._asked: dict[Peer, deque[int]] = {}  # what they cost; the store answers in order
        self._left: dict[Peer, int] = {}  # of those: how many nobody waits for, for the peer had gone meanwhile
        self._waiting_cost = 0
        self._asked_cost = 0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + sum(map(len, self._asked.values()))

    def add(self, peer: Peer, read: Read, cost: int) -> str | None:
        """Takes a question; returns why not, if there are too many."""
        own = self._waiting.get(peer)
        if own is not None and len(own) >= QUESTIONS_A_PEER:
            return f"{QUESTIONS_A_PEER} questions of this client wait already"
        if self._waiting_cost + cost > QUESTIONS_COST_MAX:
            return "the shard has as many questions of clients waiting as it takes"
        if own is None:
            own = self._waiting[peer] = deque()
        own.append((read, cost))
        self._waiting_cost += cost
        return None

    def next(self) -> Iterator[Read]:
        """Yields what the store is to be asked now: one question of each peer in turn, as far as a round goes."""
        while self._waiting and self._asked_cost < ROUND_COST:
            peer, own = next(iter(self._waiting.items()))
            read, cost = own.popleft()
            del self._waiting[peer]
            if own:
                self._waiting[peer] = own  # behind the others
            self._waiting_cost -= cost
            self._asked_cost += cost
            self._asked.setdefault(peer, deque()).append(cost)
            yield read

    def answered(self, peer: Peer) -> bool:
        """Notes that the store has answered the oldest question of a peer; returns whether it is there to hear it."""
        own = self._asked[peer]
        self._asked_cost -= own.popleft()
        if not own:
            del self._asked[peer]
        left = self._left.pop(peer, 0)
        if left > 1:
            self._left[peer] = left - 1
        return not left

    def forget(self, peer: Peer) -> None:
        """Forgets the questions of a peer that is gone."""
        if peer in self._asked:
            self._left[peer] = len(self._asked[peer])
        self._waiting_cost -= sum(cost for _, cost in self._waiting.pop(peer, ()))

    def check(self) -> None:
        """Asserts that all counts agree, and that nothing waits without being asked."""
        assert self._waiting_cost == sum(cost for own in self._waiting.values() for _, cost in own)
        assert self._asked_cost == sum(map(sum, self._asked.values()))
        assert all(self._waiting.values()), "a peer without questions waits"
        assert all(self._asked.values()), "a peer without questions was asked for"
        for peer, count in self._left.items():
            assert 0 < count <= len(self._asked[peer]), "a peer that has gone is remembered for nothing"
        assert not self._waiting or self._asked_cost >= ROUND_COST, "questions wait, and the store is asked nothing"
