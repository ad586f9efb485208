"""What a machine may ask for: the values that the shells and the simulator obey.

Decides the list; the one place that obeys sends is `turn.py`, the rest is obeyed by the shell that owns the machine.
"""

from typing import TYPE_CHECKING, Any

from ..broker.wire.messages import Message

if TYPE_CHECKING:  # clients have effects, too, but neither entries nor reads
    from .entries import Entry
    from .store import Read

Peer = bytes
"""A connection's address: the routing id that a ROUTER gave it, or a name that the simulator gave it."""


class Send:
    """One message to one peer. `index`: the entry it rests on, None for all that the machine has appended."""

    __slots__ = ("index", "message", "peer")

    def __init__(self, peer: Peer, message: Message, index: int | None = None) -> None:
        self.peer = peer
        self.message = message
        self.index = index

    def __repr__(self) -> str:
        return f"Send({self.peer!r}, {self.message!r})"


class Effects:
    """What one `handle` asks for.

    `entry` is the turn's one log entry; only the answer to a turn's last event (Wake) has one, and the machine's
    image holds it already. `sends` leave once what they rest on is committed. `urgent` promises nothing (heartbeats,
    refusals that change nothing) and leaves at once. `reads` are questions to the store; each answer comes back as
    one event, before any later news of the store. `acts` are for the machine's own shell (start a child, kill it,
    ...).
    """

    __slots__ = ("acts", "entry", "reads", "sends", "urgent")

    def __init__(
        self,
        entry: "Entry | None" = None,
        sends: list[Send] | None = None,
        urgent: list[Send] | None = None,
        reads: "list[Read] | None" = None,
        acts: list[Any] | None = None,
    ) -> None:
        # One is made for every event, so it is written out: a dataclass with factories costs three times as much.
        self.entry = entry
        self.sends: list[Send] = [] if sends is None else sends
        self.urgent: list[Send] = [] if urgent is None else urgent
        self.reads: list[Read] = [] if reads is None else reads
        self.acts: list[Any] = [] if acts is None else acts

    def __repr__(self) -> str:
        parts = ("entry", "sends", "urgent", "reads", "acts")
        return f"Effects({', '.join(f'{part}={value!r}' for part in parts if (value := getattr(self, part)))})"
