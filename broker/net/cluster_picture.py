"""A cluster as its members see it: what each has said, and what follows from all of it together.

Decides whom to believe: of several leaders the one with the highest epoch. Must not know how they were asked, or how it
is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..wire.cluster_messages import CLUSTER_MEMBER_COLUMNS, FOLLOWER_COLUMNS, GROUP_COLUMNS, ClusterShown

Table = dict[str, Any]
"""A row by the names of its columns."""


@dataclass(slots=True)
class Picture:
    """What the members say.

    Attributes:
        shown: node -> what it has said.
        silent: node -> its client endpoint; members that nobody could reach.
        lost: endpoints to begin with that nobody answered at, and which are no known member's.
        refused: endpoint -> why it does not answer this.
    """

    shown: dict[str, ClusterShown] = field(default_factory=dict[str, ClusterShown])
    silent: dict[str, str] = field(default_factory=dict[str, str])
    lost: list[str] = field(default_factory=list[str])
    refused: dict[str, str] = field(default_factory=dict[str, str])

    def groups(self) -> dict[int, dict[str, Table]]:
        """Returns shard -> node -> what that node says of the shard's log."""
        found: dict[int, dict[str, Table]] = {}
        for name, shown in sorted(self.shown.items()):
            for row in shown.groups:
                group = _table(GROUP_COLUMNS, row)
                group["members"] = [_table(CLUSTER_MEMBER_COLUMNS, one) for one in group["members"]]
                group["followers"] = [_table(FOLLOWER_COLUMNS, one) for one in group["followers"]]
                found.setdefault(group["shard"], {})[name] = group
        return dict(sorted(found.items()))

    def leaders(self) -> dict[int, str | None]:
        """Returns shard -> who leads it: of those who say so themselves the one with the highest epoch."""
        found: dict[int, str | None] = {}
        for shard, views in self.groups().items():
            leading = [(group["epoch"], name) for name, group in views.items() if group["role"] == "leader"]
            found[shard] = max(leading)[1] if leading else None
        return found

    def best(self, shard: int) -> Table:
        """Returns the view of a shard that knows most: its leader's, or else that of the highest epoch and entry."""
        views = self.groups()[shard]
        leader = self.leaders()[shard]
        if leader is not None:
            return views[leader]
        return max(views.values(), key=lambda group: (group["epoch"], group["committed"], group["last"]))

    def members(self) -> dict[str, Table]:
        """Returns name -> row of CLUSTER_MEMBER_COLUMNS, of all shards together; is_voter where it votes in all."""
        found: dict[str, Table] = {}
        for shard in self.groups():
            for row in self.best(shard)["members"]:
                known = found.setdefault(row["name"], dict(row))
                known["is_voter"] = min(known["is_voter"], row["is_voter"])
        return dict(sorted(found.items()))


def _table(columns: Sequence[str], row: Sequence[Any]) -> Table:
    return dict(zip(columns, row, strict=False))
