"""The `raft` engine: the replicated logs of all groups of one process, over one EntryStore.

Decides nothing about a group (group.py does); it hands messages and times to the groups, gathers what may leave, and
answers the shell in the words of `ReplicatedLog`. A turn is: `received` and `disconnected` for what has come, `wake`,
`news`, then `turn()` (actors/turn.py), which appends, takes `outgoing`, syncs, and takes `answers`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...broker.wire.fields import Row
from ...broker.wire.messages import Message
from ..draws import Draws
from ..effects import Send
from ..log import EntryStore, Record
from ..machine import Now
from . import changes, commit, election, group, replication, retention, transfer
from .news import News
from .settings import RaftSettings
from .snapshots import Snapshots
from .start import start
from .state import GroupState
from .view import view


class RaftLog:
    """One member's engine. Implements `ReplicatedLog`.

    Args:
        name: of this member.
        entries: the disk; nobody else writes to it.
        snapshots: copies of the shards, to send and to take.
        settings: times and bounds.
        groups: the groups that this process has; messages about others are dropped.
        genesis: rows of CLUSTER_MEMBER_COLUMNS: the members of a group of which nothing was ever saved. Empty: wait to
            be taken in.
        draws: chance; each group gets a child of it.
        now: both clocks.
        applied: group -> the entry that its shard file shows. A member whose log ends before it has no vote yet.

    Raises:
        LogDamaged: the disk has lost entries, and no other member could have them; or it cannot be read.
    """

    def __init__(
        self,
        name: str,
        entries: EntryStore,
        snapshots: Snapshots,
        settings: RaftSettings,
        groups: Sequence[int],
        genesis: Sequence[Row],
        draws: Draws,
        now: Now,
        applied: Mapping[int, int],
    ) -> None:
        assert name, "a member has a name"
        self.name = name
        self._entries = entries
        self._now = now
        self._groups: dict[int, GroupState] = {
            number: start(
                number, name, entries, snapshots, settings, genesis, draws.child(number), applied.get(number, 0), now
            )
            for number in groups
        }

    # Between turns.

    def received(self, sender: str, message: Message, now: Now) -> str | None:
        """Hears a message of FOR_MEMBERS from a member; the transport has made sure who speaks.

        Returns what is wrong with a message that no sound member would send, and that changes nothing; else None.
        """
        self._now = now
        foreign: Any = message
        state = self._groups.get(foreign.group)
        if state is None or sender == self.name:
            return None
        return group.received(state, sender, message, now)

    def disconnected(self, name: str, now: Now) -> None:
        """The connection to a member is gone: if it led, nobody waits for it any longer."""
        self._now = now
        for state in self._groups.values():
            group.disconnected(state, name, now)

    def wake(self, now: Now) -> None:
        """Looks at the time; once every turn, before `news` and `turn()`."""
        self._now = now
        for state in self._groups.values():
            group.wake(state, now)

    def wake_at(self) -> int | None:
        """Returns the elapsed ns at which it wants a turn; None: not before the next message."""
        return min((due for state in self._groups.values() if (due := group.wake_at(state)) is not None), default=None)

    def news(self) -> list[News]:
        """Returns, once, what has happened; each piece must be acted on before the next `turn()`."""
        news: list[News] = []
        for state in self._groups.values():
            if state.news:
                news.extend(state.news)
                state.news = []
        return news

    def leader(self, group: int) -> tuple[int, str | None]:
        """Returns (epoch, name) of the group's leader as far as this member knows; the name is None if nobody leads."""
        state = self._groups[group]
        return state.term, state.leader

    def leads(self, group: int) -> bool:
        """Says whether this member leads the group."""
        return self._groups[group].leading is not None

    def members(self, group: int) -> list[Row]:
        """Returns the group's members, rows of CLUSTER_MEMBER_COLUMNS; empty while it waits to be taken in."""
        return self._groups[group].members.rows

    def change_members(self, group: int, rows: Sequence[Row]) -> int:
        """Has the group's members be these, and returns the entry that says so.

        The news MembersChanged with that index follows, and it is on hearing that news that the shell calls
        Member.passed, once; here nothing is to be done. A learner (is_voter 0) becomes a voter by itself.

        Raises:
            RefusedChange: this member does not lead, a change is under way, or more than one voter would change.
        """
        return changes.change(self._groups[group], rows, self._now)

    def transfer(self, group: int, to: str | None) -> bool:
        """Begins to hand the group over, to the best follower if `to` is None; False if nobody is fit for it.

        What is appended until that is decided is held back here, and lost if it succeeds.
        """
        return transfer.begin(self._groups[group], to, self._now)

    def view(self, group: int, now: Now) -> dict[str, Any]:
        """Returns what this member knows of a group: GROUP_COLUMNS but for `applied`."""
        return view(self._groups[group], now)

    def prefers(self, group: int) -> str | None:
        """Returns the member that should lead the group when all are well."""
        return election.preferred(self._groups[group])

    # ReplicatedLog.

    def campaign(self, group: int) -> int:
        """Nobody campaigns by a call: see `news`."""
        raise AssertionError(f"group {group} is led by whom its members elect, not by whoever asks")

    def last_index(self, group: int) -> int:
        """Returns the index of the last appended entry, 0 if there is none."""
        return self._groups[group].log.last

    def first_index(self, group: int) -> int:
        """Returns the index of the first entry still kept; last_index + 1 if none is."""
        return self._groups[group].log.base + 1

    def append(self, group: int, blob: bytes) -> int:
        """Adds an entry behind the last one and returns its index; this member must lead."""
        return replication.append(self._groups[group], blob)

    def sync(self) -> None:
        """Makes all that was put and saved durable, for all groups at once; see ReplicatedLog.sync."""
        self._entries.sync()
        for state in self._groups.values():
            group.synced(state, self._now)

    def committed(self, group: int) -> int:
        """Returns the index up to which entries are committed, and durable here."""
        return _committed(self._groups[group])

    def read(self, group: int, first: int, last: int) -> Iterator[Record]:
        """Yields entries first..last in order, the engine's own (ENGINE_MARK) among them."""
        return self._entries.read(group, first, last)

    def truncate(self, group: int, below: int) -> None:
        """Allows entries before `below` to go, but for those that others may still need."""
        self._entries.truncate(group, retention.lowered(self._groups[group], below, self._now))
        for state in self._groups.values():
            retention.look(state)

    def outgoing(self) -> list[Send]:
        """Returns, once, what may leave before the disk is waited for."""
        sends: list[Send] = []
        for state in self._groups.values():
            replication.flush(state, self._now)
            if state.early:
                sends.extend(state.early)
                state.early = []
        return sends

    def answers(self) -> list[Send]:
        """Returns, once, what may leave now that `sync` has succeeded."""
        sends: list[Send] = []
        for state in self._groups.values():
            if state.late:
                sends.extend(state.late)
                state.late = []
        return sends

    def begin_round(self, group: int) -> int:
        """Returns a number that `confirmed` reaches once a quorum has said, after this call, that it still leads."""
        return commit.begin_round(self._groups[group])

    def confirmed(self, group: int) -> int:
        """Returns the last round that a quorum has confirmed."""
        return self._groups[group].confirmed

    def close(self) -> None:
        """Ends the use of the log."""
        self._entries.close()

    # For inspection.

    def snapshot(self) -> Mapping[str, object]:
        """Returns a small picture of each group."""
        return {str(number): group.snapshot(state) for number, state in self._groups.items()}

    def check(self) -> None:
        """Asserts every relation within each group; slow, for tests and the simulator."""
        for state in self._groups.values():
            group.check(state)


_committed = group.committed  # several methods have a parameter of the module's name
