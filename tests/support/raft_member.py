"""One member of three whose mates are played by the test: messages go in by hand, and what it says is looked at."""

from typing import Any

from raft_net import GROUP, NS_PER_MS, Net, member

from mainspring.actors.raft.hard_state import HardState, encode_state
from mainspring.actors.raft.settings import RaftSettings
from mainspring.broker.wire.messages import Append, Appended, PreVote, PreVoted, Vote, Voted


class Played:
    """Member `a` of a, b and c (or of others); nothing else runs.

    It holds no entries. `is_new`: its disk is empty; else it has begun before, and knows that it owes nothing.
    """

    def __init__(self, names: str = "abc", settings: RaftSettings | None = None, *, is_new: bool = False) -> None:
        self.net = Net(("a",), settings=settings or RaftSettings(rebalance_ms=0))
        self.node = self.net["a"]
        self.node.crash()
        self.node.genesis = [member(name) for name in names]
        self.node.disk = type(self.node.disk)(segment_entries=4)
        if not is_new:
            self.node.disk.save_state(GROUP, encode_state(HardState(0, None, 0, 0, [(0, 0, self.node.genesis)])))
            self.node.disk.sync()
        self.node.start()
        self.names = names

    @property
    def log(self) -> Any:
        """The engine."""
        return self.node.log

    @property
    def state(self) -> dict[str, Any]:
        """The engine's picture of the group."""
        return self.log.snapshot()[str(GROUP)]

    def hear(self, sender: str, message: Any) -> None:
        """The member hears a message; its turn comes later."""
        self.log.received(sender, message, self.net.now)

    def said(self, *, syncs: bool = True) -> list[tuple[str, Any]]:
        """Runs a turn and returns (receiver, message) of what it said."""
        self.node.turn(syncs=syncs)
        return [(item.to, item.message) for item in self.net.take()]

    def ask(self, sender: str, message: Any) -> Any:
        """The member hears a message; returns what it answers to that sender in its next turn."""
        self.hear(sender, message)
        answers = [message for to, message in self.said() if to == sender and not isinstance(message, PreVote | Vote)]
        return answers[-1] if answers else None

    def restart(self) -> None:
        """Kills it and starts it again."""
        self.net.restart("a")

    def wait(self, ms: float) -> None:
        """Lets time pass."""
        self.net.advance(ms)

    def lead(self, entries: int = 0) -> int:
        """Has it elected by its mates, which hold none of its entries yet; returns its term."""
        self.wait(10_000)
        asked = [message for _, message in self.said() if isinstance(message, PreVote)]
        for name in self.names[1:]:
            self.hear(name, PreVoted(GROUP, asked[-1].term, asked[-1].term - 1, True))
        votes = [message for _, message in self.said() if isinstance(message, Vote)]
        for name in self.names[1:]:
            self.hear(name, Voted(GROUP, votes[-1].term, True))
        assert self.log.leads(GROUP)
        for number in range(entries):
            self.log.append(GROUP, b"entry %d" % number)
        self.said()  # who the members are is saved first
        self.said()
        return votes[-1].term

    def last_append(self, name: str) -> Append:
        """Has it say something to each follower, and returns the last Append to this one."""
        self.wait(self.net.settings.heartbeat_ms)
        return [message for to, message in self.said() if to == name and isinstance(message, Append)][-1]

    def answer(self, name: str, index: int, *, is_ok: bool = True, term: int | None = None, beat: int = 10**6) -> None:
        """A follower answers."""
        self.hear(name, Appended(GROUP, self.state["term"] if term is None else term, beat, index, is_ok))


def append(
    term: int,
    prev: tuple[int, int] = (0, 0),
    *entries: tuple[int, bytes],
    commit: int = 0,
    beat: int = 1,
    match: int = 0,
) -> Append:
    """A leader's Append: entries behind prev = (index, term)."""
    return Append(GROUP, term, *prev, commit, beat, match, [list(entry) for entry in entries])


def elapsed_ms(played: Played) -> int:
    """The time that the member has."""
    return played.net.elapsed_ns // NS_PER_MS
