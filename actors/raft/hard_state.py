"""What a member must not forget of a group: its term, its vote, its debt and who the members are.

Decides the bytes that an EntryStore keeps. It must not know when they are saved: whoever changes one of them sees to
it, and nothing that rests on it leaves before the store's sync.
"""

from typing import Any, NamedTuple, cast

from ...broker.wire.fields import Row
from ...broker.wire.packing import pack, unpack
from ..log import LogDamaged

STATE_VERSION = 1

Config = tuple[int, int, list[Row]]
"""(index, term) of the entry that says who the members are, and their rows; (0, 0) is the genesis."""


UNKNOWN_DEBT = 1 << 62
"""The debt of a member that began with an empty disk: nobody knows yet what it may once have acknowledged."""


class HardState(NamedTuple):
    """The durable state of one group."""

    term: int
    vote: str | None
    """Who got this member's vote in `term`."""
    debt: int
    """The entry up to which a leader knew this member to hold the log, if it then held less; UNKNOWN_DEBT; else 0."""
    shown: int
    """The entry up to which a copy has brought rows; the log, which begins before it, never held so much for them."""
    configs: list[Config]
    """Oldest first; a few that have been cut off may be among them."""


def encode_state(state: HardState) -> bytes:
    """Packs a state for the store."""
    assert state.term >= 0, state.term
    return pack([STATE_VERSION, state.term, state.vote, state.debt, state.shown, list(map(list, state.configs))])


def decode_state(data: bytes) -> HardState | None:
    """Reads a state; None if nothing was ever saved.

    Raises:
        LogDamaged: it is not a state, or one of a later version.
    """
    if not data:
        return None
    try:
        values: Any = unpack(data)
    except ValueError as error:
        raise LogDamaged(f"the saved state of a group cannot be read ({error}); restore the node's log") from error
    if type(values) is not list or len(cast("list[Any]", values)) != 6 or values[0] != STATE_VERSION:
        raise LogDamaged("the saved state of a group is not one of this version; upgrade mainspring")
    configs = [(config[0], config[1], config[2]) for config in cast("list[Any]", values[5])]
    return HardState(values[1], values[2], values[3], values[4], configs)
