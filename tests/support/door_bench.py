"""The coordinator's way in with peers that are only names: what an Intake makes of their frames.

Decides nothing: the Intake is the real one; frames come from a list instead of a socket.
"""

from dataclasses import dataclass, field
from typing import Any

from mainspring.actors.effects import Send
from mainspring.broker.wire.codec import encode
from mainspring.broker.wire.messages import ClusterAsk, ClusterShown, Message, Refused
from mainspring.nodes.processes.guests import Guests
from mainspring.nodes.processes.intake import Intake

SECOND_NS = 1_000_000_000


@dataclass
class _Listening:
    """As many connections as a test says."""

    connections: int = 1
    most: int = 10
    handshakes_failed: int = 0
    turned_away: int = 0
    is_crowded: bool = False

    def readable(self) -> bool:
        """Nobody comes or goes."""
        return False


@dataclass
class _Router:
    """Frames that have arrived."""

    frames: list[tuple[bytes, bytes]] = field(default_factory=list)
    listening: _Listening = field(default_factory=_Listening)
    surplus_frames: int = 0

    def receive(self, limit: int) -> list[tuple[bytes, bytes]]:
        """Returns the next frames."""
        found, self.frames = self.frames[:limit], self.frames[limit:]
        return found


@dataclass
class _Member:
    """A shard's inbox."""

    machine: object | None = "a machine"
    inbox: list[Any] = field(default_factory=list)


class _Desk:
    """Answers at once."""

    def answer(self, message: ClusterAsk, _now: object) -> ClusterShown:
        """Says who it is."""
        return ClusterShown(message.request, "desk", "", 0, [])


class DoorBench:
    """An Intake for two shards, 0 and 1."""

    def __init__(self, directory: Any = None) -> None:
        self.router = _Router()
        self.members = {0: _Member(), 1: _Member()}
        self.said: list[Send] = []
        self.now_ns = 1_000 * SECOND_NS
        self.guests = Guests(self.router, list(self.members.values()))  # type: ignore[arg-type]  # stand-ins
        self.intake = Intake(
            self.router, self.members, self.said.extend, self.guests, _Desk(), directory  # type: ignore[arg-type]  # stand-ins
        )  # fmt: skip

    @property
    def counts(self) -> dict[str, int]:
        """What was refused, without what was not."""
        return {kind: count for kind, count in self.intake.refusals.counts.items() if count}

    def hear(self, peer: bytes, *frames: bytes | Message) -> list[Refused]:
        """Hands over frames or messages until all are taken; returns what was refused."""
        before = len(self.said)
        self.router.frames += [(peer, each if isinstance(each, bytes) else encode(each)) for each in frames]
        while self.router.frames:
            self.intake.take(self.now_ns)
        refused = [send.message for send in self.said[before:]]
        assert all(isinstance(message, Refused) for message in refused)
        return refused  # type: ignore[return-value]  # as was just asserted

    def arrived(self, shard: int = 0) -> list[tuple[bytes, Message]]:
        """What has come to a shard."""
        return [(event.peer, event.message) for event in self.members[shard].inbox]
