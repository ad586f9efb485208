"""What a node says of its cluster to clients, executors and operators.

Decides names, numbers and fields, as messages.py does, of which these are a part. Any member answers them, whether it
leads a shard or not. Must not know how members agree: those messages stand in member_messages.py.
"""

from typing import ClassVar

from .fields import Fields, Row

CLUSTER_MEMBER_COLUMNS = ("name", "member_endpoint", "client_endpoint", "is_voter")
"""A member: where other members reach it, where clients and executors do, and whether it votes (1) or still has to
catch up before it may (0).
"""

GROUP_COLUMNS = (
    "shard",
    "role",
    "epoch",
    "leader",
    "last",
    "synced",
    "committed",
    "applied",
    "elected_ms",
    "election",
    "members",
    "followers",
)
"""One shard's log as one node has it. role: leader, candidate, follower or behind (it may not vote before it has caught
up). leader: a name, or None. elected_ms: UTC, when the present epoch began as far as this node knows, 0 if it does not;
election: why. members: rows of CLUSTER_MEMBER_COLUMNS. followers: rows of FOLLOWER_COLUMNS, at the leader alone.
"""

FOLLOWER_COLUMNS = ("name", "match", "silent_ms", "state")
"""match: the last entry that it is known to hold. silent_ms: since its last answer. state: live, probed, behind,
snapshot or silent.
"""


class ClusterMap(Fields):
    """Coordinator to client and executor: who is a member and who leads, as far as this node knows.

    A member's answer to every hello, besides its welcomes, and news when that changes. `members`: rows [name,
    endpoint]; `leaders`: rows [shard, epoch, name], the name nil while nobody is known to lead.
    """

    KIND: ClassVar[int] = 17
    node: str
    cluster: str
    shards: int
    members: list[Row]
    leaders: list[Row]


class ClusterAsk(Fields):
    """Client to coordinator: how do you see the cluster? Every node answers for itself."""

    KIND: ClassVar[int] = 18
    request: int


class ClusterShown(Fields):
    """Coordinator to client: this node's view. `groups`: rows of GROUP_COLUMNS, one a shard."""

    KIND: ClassVar[int] = 19
    request: int
    node: str
    cluster: str
    incarnation: int
    groups: list[Row]


class ClusterAct(Fields):
    """Client to coordinator: do this (add, remove, transfer, drain) with a member; to ask twice changes nothing more.

    `by`: who asks. `shards`: which ones, all if it is empty. `name`: of the member. `member_endpoint` and
    `client_endpoint`: of a member to add, else empty. A node does it for the shards that it leads, and says so.
    """

    KIND: ClassVar[int] = 31
    request: int
    by: str
    action: str
    shards: list[int]
    name: str
    member_endpoint: str
    client_endpoint: str


class ClusterActed(Fields):
    """Coordinator to client: rows [shard, code, text].

    The code is done, under_way (ask again), not_here (another leads that shard), refused (the text says why).
    """

    KIND: ClassVar[int] = 32
    request: int
    codes: list[Row]
