"""The events that more than one kind of machine takes."""

from typing import TYPE_CHECKING, Any, NamedTuple

from ..broker.wire.messages import Message
from .effects import Peer

if TYPE_CHECKING:
    from .store import Read


class Received(NamedTuple):
    """A message came from a peer; the codec has read it, its rows are not checked yet."""

    peer: Peer
    message: Message


class PeerGone(NamedTuple):
    """The transport cannot reach this peer any more (it may still run)."""

    peer: Peer


class Wake(NamedTuple):
    """Time has passed.

    Also the last event of every turn, where a machine settles what the turn's events have left and seals its entry.
    """


class Applied(NamedTuple):
    """The store holds every entry up to `index`, and `finished` jobs; reads from now on see them."""

    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)
    finished: int


class Passed(NamedTuple):
    """The engine has put an entry of its own at this index of the log: the machine's next one comes behind it."""

    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)


class Answer(NamedTuple):
    """The store's answer to one of the machine's reads, true as of entry `applied`."""

    read: "Read"
    rows: list[Any]
    applied: int


class Storage(NamedTuple):
    """The disk under the log has become full, or has room again. For shards; it lasts until the next one comes."""

    is_full: bool


class Drain(NamedTuple):
    """The shell was asked to stop in good order."""
