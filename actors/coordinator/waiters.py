"""Who waits for which job's end. Soft state: a client asks again when it has lost its connection.

Decides when a wait is over: the job ended, or the peer is gone.
"""

from ..effects import Peer


class Waiters:
    """Peers by job id and job ids by peer; `len` counts the pairs."""

    def __init__(self) -> None:
        self.by_job: dict[int, list[Peer]] = {}
        self.by_peer: dict[Peer, set[int]] = {}
        self.pairs = 0

    def __len__(self) -> int:
        return self.pairs

    def add(self, id: int, peer: Peer) -> None:
        """Notes that a peer waits for a job; twice is once."""
        ids = self.by_peer.setdefault(peer, set())
        if id not in ids:
            ids.add(id)
            self.by_job.setdefault(id, []).append(peer)
            self.pairs += 1

    def pop(self, id: int) -> list[Peer]:
        """Returns and forgets who waits for a job."""
        peers = self.by_job.pop(id, None)
        if peers is None:
            return []
        self.pairs -= len(peers)
        for peer in peers:
            ids = self.by_peer[peer]
            ids.discard(id)
            if not ids:
                del self.by_peer[peer]
        return peers

    def forget(self, peer: Peer) -> None:
        """Forgets a peer that is gone."""
        for id in self.by_peer.pop(peer, ()):
            self.pairs -= 1
            peers = self.by_job[id]
            peers.remove(peer)
            if not peers:
                del self.by_job[id]

    def check(self) -> None:
        """Asserts that all counts agree."""
        assert self.pairs == sum(map(len, self.by_job.values()))
        assert self.pairs == sum(map(len, self.by_peer.values()))
