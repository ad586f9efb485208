"""A process's shards with an engine that says what a test wants: who leads, what is committed, who the members are.

It decides nothing: the log and the rows are the ones in memory; the way to other members and to guests are lists.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mainspring.actors.cluster.directory import Directory
from mainspring.actors.cluster.leadership import Happening, Leadership
from mainspring.actors.coordinator.settings import ShardSettings
from mainspring.actors.coordinator.takeover import lead
from mainspring.actors.draws import Draws
from mainspring.actors.entries import NOOP, Entry, encode_entry
from mainspring.actors.machine import Now
from mainspring.actors.raft.members import RefusedChange
from mainspring.actors.raft.news import Elected, LeaderChanged, News
from mainspring.actors.turn import Member, catch_up, follow
from mainspring.broker.wire.codec import decode
from mainspring.broker.wire.messages import Message
from mainspring.chaos.memory_log import MemoryLog
from mainspring.chaos.memory_store import MemoryStore
from mainspring.nodes.processes.cluster_desk import ClusterDesk
from mainspring.nodes.processes.guests import Guests
from mainspring.nodes.processes.roles import Roles

MS = 1_000_000


def a_row(name: str, is_voter: int = 1) -> list[Any]:
    """A member's row."""
    return [name, f"ipc://{name}.members", f"ipc://{name}.sock", is_voter]


class Engine(MemoryLog):
    """A log in memory that is told who leads it."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.leaders: dict[int, tuple[int, str | None]] = dict.fromkeys(range(1, groups + 1), (0, None))
        self.rows = {group: [a_row(name) for name in "abc"] for group in self.leaders}
        self.told: list[News] = []
        self.heard: list[tuple[str, Message]] = []
        self.gone: list[str] = []
        self.moves: list[tuple[int, str | None]] = []
        self.is_fit = True
        self.refusal: str | None = None
        self.wake_ns: int | None = None

    def news(self) -> list[News]:
        """What a test has put there, once."""
        told, self.told = self.told, []
        return told

    def received(self, sender: str, message: Message, now: Now) -> None:
        """Notes it."""
        self.heard.append((sender, message))

    def disconnected(self, name: str, now: Now) -> None:
        """Notes it."""
        self.gone.append(name)

    def wake(self, now: Now) -> None:
        """Nothing is due."""

    def wake_at(self) -> int | None:
        """Wants what the test wants."""
        return self.wake_ns

    def leader(self, group: int) -> tuple[int, str | None]:
        """Whoever the test says."""
        return self.leaders[group]

    def leads(self, group: int) -> bool:
        """Member a is here."""
        return self.leaders[group][1] == "a"

    def members(self, group: int) -> list[list[Any]]:
        """Those of the test."""
        return self.rows[group]

    def change_members(self, group: int, rows: list[list[Any]]) -> int:
        """Does it at once, unless the test refuses."""
        if self.refusal is not None:
            raise RefusedChange(self.refusal)
        self.rows[group] = rows
        return self.last_index(group) + 1

    def transfer(self, group: int, to: str | None) -> bool:
        """Notes it."""
        self.moves.append((group, to))
        return self.is_fit

    def view(self, group: int, now: Now) -> dict[str, Any]:
        """What it knows of itself."""
        epoch, leader = self.leaders[group]
        return {
            "role": "leader" if leader == "a" else "follower", "epoch": epoch, "leader": leader,
            "last": self.last_index(group), "synced": self.synced(group), "committed": self.committed(group),
            "elected_ms": 0, "election": "start", "members": self.rows[group], "followers": [],
        }  # fmt: skip


@dataclass
class Others:
    """The way to other members."""

    cluster: str = "c" * 32
    rows: list[list[Any]] = field(default_factory=list)
    coming: list[tuple[str, Message]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    up: set[str] = field(default_factory=lambda: {"b", "c"})
    counts: dict[str, int] = field(default_factory=dict)

    def set_members(self, rows: list[list[Any]]) -> None:
        """Notes them."""
        self.rows = rows

    def take(self, _now_ns: int) -> Iterator[tuple[str, Message]]:
        """What has come, once."""
        coming, self.coming = self.coming, []
        yield from coming

    def lost(self) -> list[str]:
        """Whose connection has broken."""
        broken, self.broken = self.broken, []
        return broken

    def connected(self) -> set[str]:
        """Those of the test."""
        return self.up


class Way:
    """The way to guests; those in `deaf` are gone."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Message]] = []
        self.deaf: set[bytes] = set()

    def send(self, peer: bytes, frames: list[bytes]) -> bool:
        """Notes the messages."""
        if peer in self.deaf:
            return False
        self.sent.extend((peer, decode(frame)) for frame in frames)
        return True

    def taken(self) -> list[tuple[bytes, Message]]:
        """What was sent since the last call."""
        sent, self.sent = self.sent, []
        return sent


class ClusterBench:
    """Member a of a, b and c, with some shards."""

    def __init__(self, shards: int = 1) -> None:
        self.now = Now(10**12, 1_800_000_000_000)
        self.engine = Engine(shards)
        self.stores = [MemoryStore() for _ in range(shards)]
        self.members = [Member[Any](number + 1, None, store) for number, store in enumerate(self.stores)]
        self.others = Others()
        self.way = Way()
        self.guests = Guests(self.way, self.members)
        numbered = dict(enumerate(self.members))
        self.directory = Directory("a", lambda: self.others.cluster, numbered, self.engine)
        self.leadership = Leadership(self.directory, numbered, self.engine, self._lead, self.guests.tell)
        self.roles = Roles(self.leadership, self.others)  # type: ignore[arg-type]  # a stand-in
        self.desk = ClusterDesk("a", lambda: self.others.cluster, 7, numbered, self.engine.view, self.engine)

    def _lead(self, member: Member[Any], epoch: int, now: Now) -> None:
        lead(member, epoch, self.engine, ShardSettings(cluster=self.others.cluster, shards=4), Draws(1), now)

    def later(self, ms: int) -> Now:
        """Time passes."""
        self.now = Now(self.now.elapsed_ns + ms * MS, self.now.wall_ms + ms)
        return self.now

    def tell(self, *news: News) -> None:
        """The engine has news; the process hears them."""
        self.engine.told.extend(news)
        self.roles.take(self.now)

    def hear(self, *news: News) -> list[Happening]:
        """The engine has news; what decides hears them, without a process around it."""
        self.engine.told.extend(news)
        return self.leadership.hear(self.now)

    def elect(self, group: int = 1, epoch: int = 2) -> list[Happening]:
        """Member a is elected."""
        self.engine.campaign(group)
        self.engine.leaders[group] = (epoch, "a")
        return self.hear(Elected(group, epoch, "silence"), LeaderChanged(group, epoch, "a"))

    def log(self, group: int, count: int = 1, epoch: int = 1) -> None:
        """Entries of somebody stand in the log."""
        for _ in range(count):
            self.engine.put(group, epoch, encode_entry(Entry(epoch, self.now.wall_ms, [[NOOP]])))
        self.engine.sync()

    def apply(self, member: Member[Any]) -> bool:
        """Applies what is committed."""
        if member.machine is None:
            follow(member, self.engine)
        return catch_up(member, self.engine)
