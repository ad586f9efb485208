"""What an engine tells the process that it runs in, once each, in order.

Decides the list. Who hears it, and what is done about it, the process decides.
"""

from typing import NamedTuple

from ...broker.wire.fields import Row


class Elected(NamedTuple):
    """This member leads the group in this epoch; `why` is alone, start, silence, disconnected or transfer."""

    group: int
    epoch: int
    why: str


class Deposed(NamedTuple):
    """This member led the group in this epoch, and does so no more: what it had not committed may vanish."""

    group: int
    epoch: int


class LeaderChanged(NamedTuple):
    """As far as this member knows, `name` leads the group in this epoch; None while nobody is known to."""

    group: int
    epoch: int
    name: str | None


class MembersChanged(NamedTuple):
    """The group's members are these from now on (rows of CLUSTER_MEMBER_COLUMNS).

    `index`: the entry that says so, if this member leads and has just put it into the log, by itself or for
    `change_members`: the shard's machine must hear of it before its next turn (Member.passed, once). Else 0.
    """

    group: int
    rows: list[Row]
    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)


class SnapshotInstalled(NamedTuple):
    """A copy of the shard is in place; the group's log goes on behind `index`."""

    group: int
    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)


News = Elected | Deposed | LeaderChanged | MembersChanged | SnapshotInstalled
