"""A machine that does what a test tells it, as a member of turns.

It decides nothing: its events are the effects that it returns.
"""

from collections.abc import Mapping
from typing import Any

from mainspring.actors.effects import Effects, Send
from mainspring.actors.entries import NOOP, Entry
from mainspring.actors.events import Wake
from mainspring.actors.machine import Now
from mainspring.actors.turn import Member, turn
from mainspring.broker.wire.messages import HelloNeeded, Message
from mainspring.chaos.memory_log import MemoryLog
from mainspring.chaos.memory_store import MemoryStore

PEER = b"peer"
NOW = Now(1_000_000, 5_000)


class Puppet:
    """A machine whose events are the effects that it returns; the ops that it is told of are sealed at the Wake."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.ops: list[list[Any]] = []
        self.wake_ns: int | None = None

    def handle(self, event: Any, now: Now) -> Effects:
        """Does as it is told."""
        self.heard.append(event)
        if isinstance(event, Effects):
            if event.entry is not None:
                self.ops += event.entry.ops
                event.entry = None
            return event
        if isinstance(event, Wake) and self.ops:
            ops, self.ops = self.ops, []
            return Effects(entry=Entry(1, now.wall_ms, ops))
        return Effects()

    def wake_at(self) -> int | None:
        """Wants what the test wants."""
        return self.wake_ns

    def snapshot(self) -> Mapping[str, object]:
        """Has nothing to show."""
        return {}

    def check(self) -> None:
        """Has nothing to check."""


def says(*numbers: int, index: int | None = None, logs: bool = False) -> Effects:
    """Effects with one send a number, and with an op if it logs."""
    sends = [Send(PEER, HelloNeeded(number, 1), index) for number in numbers]
    return Effects(entry=Entry(0, 0, [[NOOP]]) if logs else None, sends=sends)


def at_once(*numbers: int) -> Effects:
    """Effects with one urgent send a number."""
    return Effects(urgent=[Send(PEER, HelloNeeded(number, 1)) for number in numbers])


def a_member(log: MemoryLog, group: int = 1, store: MemoryStore | None = None) -> Member[Puppet]:
    """A member with a puppet, whose group has been campaigned for."""
    log.campaign(group)
    return Member(group, Puppet(), store or MemoryStore())


def told(log: MemoryLog, *members: Member[Any]) -> list[int]:
    """Runs a turn; returns the numbers that left, in order."""
    return [number_of(send.message) for send in turn(members, NOW, log)]


def number_of(message: Message) -> int:
    """The number in a puppet's message."""
    assert isinstance(message, HelloNeeded)
    return message.shard
