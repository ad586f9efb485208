"""A stage for scripts: members take turns when they are told to, and hear what the script lets through.

Decides nothing; scripts.py does. What is not let through is lost, unless the script keeps it for later.
"""

import random
from collections.abc import Callable, Collection
from typing import Any

from ...actors.effects import Send
from ...actors.machine import Now
from ...broker.wire.codec import decode, encode
from ...broker.wire.messages import Message
from .cluster import WALL_MS, Cluster
from .member import Member
from .options import Options
from .weather import MS, SECOND

Passes = Callable[[str, str, Any], bool]


def everything(_sender: str, _to: str, _message: Message) -> bool:
    """Lets every message through."""
    return True


class _Never(random.Random):
    """Chance that keeps nothing of what was not synced."""

    def randint(self, a: int, b: int) -> int:  # noqa: ARG002 - the base names it
        """Returns the least."""
        return a


class Stage(Cluster):
    """Members of one group, all started, that share one clock."""

    def __init__(self, members: int = 3, *, spares: int = 0, append_bytes: int = 4000) -> None:
        super().__init__(Options(0, members=members, spares=spares, append_bytes=append_bytes))
        self.at_ns = SECOND
        self.said: list[tuple[str, str, bytes]] = []
        self.never = _Never()
        for member in self.members.values():
            self.start(member)

    def now_of(self, name: str) -> Now:  # noqa: ARG002 - the cluster names it
        """Returns the one clock."""
        return Now(self.at_ns, WALL_MS + self.at_ns // MS)

    def carry(self, sender: str, sends: list[Send]) -> None:
        """Keeps what was said until the script lets it through, or not."""
        self.said.extend((sender, send.peer.decode(), encode(send.message)) for send in sends)

    def heard(self, name: str) -> list[tuple[str, Any]]:
        """Returns (sender, message) of all that a member was told, and has not heard."""
        return [(sender, decode(frame)) for sender, to, frame in self.said if to == name]

    def turn(self, member: Member, *, wakes: bool = False) -> None:
        """One whole turn of one member."""
        self.carry(member.name, member.think(self.now_of(member.name), wakes=wakes))
        self.write(member)

    def flow(self, names: Collection[str], passes: Passes = everything, *, rounds: int = 60) -> None:
        """Lets these members talk until nobody has anything to say; what others were told meanwhile is lost."""
        for _ in range(rounds):
            said, self.said = self.said, []
            for sender, to, frame in said:
                if sender in names and to in names and passes(sender, to, decode(frame)):
                    self.members[to].inbox.append((sender, decode(frame)))
            self.at_ns += MS
            for name in names:
                if self.members[name].inbox:
                    self.turn(self.members[name])
            if not self.said:
                return

    def crash(self, member: Member) -> None:
        """Ends a process; nothing that was not synced is found afterwards."""
        member.crash(self.never)

    def ask(self, name: str, names: Collection[str], passes: Passes = everything) -> Member:
        """Has one of these members ask them for their votes, long after they last heard a leader."""
        self.said.clear()
        self.at_ns += 20 * SECOND
        member = self.members[name]
        self.turn(member, wakes=True)
        self.flow(names, passes)
        return member

    def elect(self, name: str, names: Collection[str], passes: Passes = everything) -> Member:
        """Has one of these members be elected by them, long after they last heard a leader."""
        member = self.ask(name, names, passes)
        assert member.log.leads(1), f"{name} is not elected"
        self.turn(member, wakes=True)  # what says who the members are is durable before its Appends leave
        self.flow(names, passes)
        return member

    def say(self, member: Member, blob: bytes) -> None:
        """The leader appends an entry; its Appends are said, and nobody hears them yet."""
        member.log.append(1, blob)
        self.turn(member)
