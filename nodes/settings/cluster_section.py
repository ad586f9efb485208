"""Decides which keys the cluster's tables have, with types, bounds and defaults; the reference prints the descriptions.

It must not know about files, lines or error texts; what does not go together is judged in `cluster_relations`.
"""

from typing import Annotated

from pydantic import Field

from .forms import Endpoint, Form, Name
from .section import DAY_S, Section

MEMBERS_MAX = 5


class MemberSection(Section):
    """A node that the cluster begins with; the table is repeated for each, the node of this file among them."""

    name: Name = Field(
        description="The `name` in its `[node]`.",
        json_schema_extra={"default": "must be given"},
    )
    member_endpoint: Endpoint = Field(
        description="Where the other members reach it. The node itself listens there.",
        json_schema_extra={"default": "must be given"},
    )
    client_endpoint: Endpoint = Field(
        description="Where clients and the executors of other nodes reach it. The node itself listens there, besides"
        " the ipc socket in its data folder.",
        json_schema_extra={"default": "must be given"},
    )


class ClusterSection(Section):
    """Nodes that keep the same jobs, so that one may fail ([cluster.md](cluster.md)). Without it the node is alone."""

    join: bool = Field(
        default=False,
        description="Whether this node waits to be taken into a cluster that runs (`mainspring cluster add`); then it"
        " is the only one among its `members`. It matters only while the data folder is new.",
    )
    heartbeat_ms: int = Field(
        default=50,
        ge=10,
        le=10_000,
        description="How often a leader lets the other members hear from it. The same in all files.",
    )
    election_ms: int = Field(
        default=250,
        ge=40,
        le=60_000,
        description="How long a member hears nothing from the leader before it stands for election; chance makes it up"
        " to twice as long. At least four times `heartbeat_ms`, and longer than a round trip and an fsync take.",
    )
    check_quorum_ms: int = Field(
        default=3_000,
        ge=100,
        le=600_000,
        description="How long a leader that hears from no majority stays one. More than twice `election_ms`.",
    )
    rebalance_s: int = Field(
        default=60,
        ge=0,
        le=DAY_S,
        description="How long things must have been quiet before a leader hands a shard over to the member that it"
        " belongs to, so that each member leads its share; 0 is never.",
    )
    members: Annotated[
        tuple[MemberSection, ...],
        Field(strict=False),
        Form("[[cluster.members]] tables, in double brackets", "[[cluster.members]] tables"),
    ] = Field(default=(), max_length=MEMBERS_MAX, description="")
