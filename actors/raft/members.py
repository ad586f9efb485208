"""Who the members of a group are, entry by entry, and what a quorum of them is.

Decides that an entry about members counts from the moment it stands in the log (and no more when it is cut off), that
voters are counted as a set, and which changes are allowed: one voter at a time, so that any two quorums before and
after a change have a member in common. Rule: Ongaro (2014), 4.1.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...broker.wire.cluster_messages import CLUSTER_MEMBER_COLUMNS
from ...broker.wire.fields import Row
from ...broker.wire.packing import pack, unpack
from ..entries import ENGINE_MARK
from .hard_state import Config

LEADER_ENTRY = ENGINE_MARK + pack(["leader"])
"""A new leader's first entry."""

NAME, IS_VOTER = CLUSTER_MEMBER_COLUMNS.index("name"), CLUSTER_MEMBER_COLUMNS.index("is_voter")


class RefusedChange(Exception):
    """The members cannot be changed so, or not now; the text says why."""


def members_entry(rows: Sequence[Row]) -> bytes:
    """Packs the entry that says who the members are."""
    return ENGINE_MARK + pack(["members", list(rows)])


def members_in(blob: bytes) -> list[Row] | None:
    """Returns the rows that an entry holds, None if it is about something else."""
    if blob[:1] != ENGINE_MARK:
        return None
    values: Any = unpack(blob[1:])
    return values[1] if values[0] == "members" else None


def check_change(before: Sequence[Row], after: Sequence[Row]) -> None:
    """Says whether one set of members may follow the other.

    Raises:
        RefusedChange: it may not.
    """
    names = [row[NAME] for row in after]
    if len(set(names)) != len(names) or not all(names):
        raise RefusedChange("each member needs a name of its own")
    if any(len(row) != len(CLUSTER_MEMBER_COLUMNS) for row in after):
        raise RefusedChange(f"a member is a row of {', '.join(CLUSTER_MEMBER_COLUMNS)}")
    changed = voters_of(before) ^ voters_of(after)
    if len(changed) > 1:
        raise RefusedChange(f"{', '.join(sorted(changed))} would begin or cease to vote; change one after the other")
    if not voters_of(after):
        raise RefusedChange("somebody has to vote; a cluster keeps its last voter")
    if list(before) == list(after):
        raise RefusedChange("these are the members already")


def voters_of(rows: Iterable[Row]) -> frozenset[str]:
    """Returns the names of those who vote."""
    return frozenset(row[NAME] for row in rows if row[IS_VOTER])


class Members:
    """The history of one group's members: the present ones, and those to go back to."""

    __slots__ = ("_configs", "_reverted", "names", "rows", "voters")

    def __init__(self, configs: Sequence[Config]) -> None:
        assert configs, "a history has at least its genesis, be it empty"
        self._configs: list[Config] = list(configs)
        self._reverted: list[Config] = []
        """Cut off, but perhaps not yet on the disk: if it crashes now, the log has them again."""
        self._look()

    def _look(self) -> None:
        self.rows: list[Row] = self._configs[-1][2]
        self.names = frozenset(row[NAME] for row in self.rows)
        self.voters = voters_of(self.rows)
        assert len(self.names) == len(self.rows), "each member has a name of its own"

    @property
    def index(self) -> int:
        """The entry that says so, 0 for the genesis."""
        return self._configs[-1][0]

    def to_save(self) -> list[Config]:
        """Returns what the disk must know: the history, and what a crash may bring back into the log."""
        return sorted([*self._configs, *self._reverted], key=lambda config: config[:2])

    def forget_reverted(self) -> bool:
        """The disk has the log as memory has it: what was cut off is gone for good. True if something was."""
        had_some = bool(self._reverted)
        self._reverted.clear()
        return had_some

    def adopt(self, index: int, term: int, rows: list[Row]) -> None:
        """These are the members from this entry of the log on."""
        assert index > self.index, f"entry {index} does not follow entry {self.index}"
        self._configs.append((index, term, rows))
        self._look()

    def cut(self, first: int) -> bool:
        """Goes back to the members before entry `first`; True if they were others."""
        before = len(self._configs)
        while self._configs[-1][0] >= first and len(self._configs) > 1:
            self._reverted.append(self._configs.pop())
        self._look()
        return len(self._configs) < before

    def begin_at(self, index: int, term: int, rows: list[Row]) -> None:
        """A snapshot has brought the members as of its entry; nothing is known of those before."""
        self._configs = [(index, term, rows)]
        self._reverted.clear()
        self._look()

    def at(self, index: int) -> list[Row]:
        """Returns the rows as of an entry."""
        found = [rows for first, _, rows in self._configs if first <= index]
        return found[-1] if found else []

    def may_lead(self, name: str, committed: int) -> bool:
        """Says whether this one votes now, or did until an entry that is perhaps not committed.

        It may be the only one that holds that entry; then nobody is elected but by its help.
        """
        return any(name in voters_of(rows) for rows in (self.rows, self.at(committed)))

    def forget_before(self, index: int) -> None:
        """Drops what was replaced at or before this entry."""
        while len(self._configs) > 1 and self._configs[1][0] <= index:
            self._configs.pop(0)

    def is_quorum(self, names: Iterable[str]) -> bool:
        """Says whether these are most of the voters."""
        return 2 * len(self.voters.intersection(names)) > len(self.voters)

    def agreed(self, value_of: Callable[[str], int]) -> int:
        """Returns the greatest value that a quorum of voters has reached."""
        assert self.voters, "nobody votes"
        values = sorted(map(value_of, self.voters))
        return values[(len(values) - 1) // 2]

    def check(self) -> None:
        """Asserts that the history is in order."""
        indexes = [config[0] for config in self._configs]
        assert indexes == sorted(set(indexes)), indexes
        assert self.rows is self._configs[-1][2], "the present members are not the newest"
