"""What a coordinator's door does with peers that speak nonsense, or greet without end.

Decides which faults are answered and which only counted, when a peer is not listened to any more for a while, and how
often the log hears of it. What one peer sends costs the others little: a refused frame costs its peer a part of its
credit, a large one more of it. Knows nothing of sockets or of what messages mean.
"""

from ..wire.codec import FRAME_FAULTS

WINDOW_MS = 10_000
"""Credits are given anew so often."""

CREDIT_A_WINDOW = 100
"""Refused frames that one peer may send in a window; for the rest of it, nothing that it sends is read."""

CREDIT_BYTES = 256 * 1024
"""A refused frame counts once for each such part of it: what is large takes long to refuse."""

GREETINGS_A_WINDOW = 100
"""Hellos of one peer that are heard at once in a window: each is answered with all tasks that are known."""

NOTE_EVERY_MS = 15_000
"""How often the log hears of faults of one kind."""

_PEERS_MAX = 20_000
"""Peers of which something is remembered within a window."""

OTHER_FAULTS = ("misdirected", "no_shard", "unheard", "surplus", "greetings", "crowded")
"""Besides FRAME_FAULTS: a message that is not for coordinators; one for a shard that is not here; a frame of a peer
that has used up its credit; one above what a multipart may hold; a hello too many; a client's hello while there is no
room for more connections.
"""

_MS = 1_000_000


class Refusals:
    """All that was refused before a machine has heard of it.

    Attributes:
        counts: how many frames, by kind: FRAME_FAULTS and OTHER_FAULTS.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys((*FRAME_FAULTS, *OTHER_FAULTS), 0)
        self._spent: dict[bytes, int] = {}
        self._greetings: dict[bytes, int] = {}
        self._unheard: set[bytes] = set()
        self._window_ns = 0
        self._noted: dict[str, tuple[int, int]] = {}  # when the log has heard of a kind, and how many there were then

    def is_heard(self, peer: bytes, now_ns: int) -> bool:
        """Says whether a peer's frame is to be read; one that is not is counted."""
        if not self._unheard:
            return True
        self._turn(now_ns)
        if peer not in self._unheard:
            return True
        self.counts["unheard"] += 1
        return False

    def refused(self, peer: bytes, fault: str, frame_bytes: int, now_ns: int) -> None:
        """Counts a frame that is refused, and charges it to its peer."""
        self._turn(now_ns)
        self.counts[fault] += 1
        if len(self._spent) >= _PEERS_MAX:
            self._spent.clear()
        spent = self._spent[peer] = self._spent.get(peer, 0) + 1 + frame_bytes // CREDIT_BYTES
        if spent >= CREDIT_A_WINDOW:
            if len(self._unheard) >= _PEERS_MAX:
                self._unheard.clear()
            self._unheard.add(peer)

    def is_greeted(self, peer: bytes, now_ns: int) -> bool:
        """Says whether a peer's hello is to be heard; one that is not is counted."""
        self._turn(now_ns)
        if len(self._greetings) >= _PEERS_MAX:
            self._greetings.clear()
        greetings = self._greetings[peer] = self._greetings.get(peer, 0) + 1
        if greetings <= GREETINGS_A_WINDOW:
            return True
        self.counts["greetings"] += 1
        return False

    def notes(self, now_ns: int) -> list[tuple[str, int, int]]:
        """Returns what the log should hear now: rows (kind, how many since it last heard, how many ever)."""
        found: list[tuple[str, int, int]] = []
        for fault, total in self.counts.items():
            noted_ns, before = self._noted.get(fault, (now_ns - NOTE_EVERY_MS * _MS, 0))
            if total > before and now_ns - noted_ns >= NOTE_EVERY_MS * _MS:
                self._noted[fault] = (now_ns, total)
                found.append((fault, total - before, total))
        return found

    def _turn(self, now_ns: int) -> None:
        """Begins a window, if the last one is over."""
        if now_ns - self._window_ns >= WINDOW_MS * _MS:
            self._window_ns = now_ns
            self._spent.clear()
            self._greetings.clear()
            self._unheard.clear()
