"""How a coordinator becomes a member of its cluster at its start.

Decides that a data directory stays with the cluster that it belongs to, that a slow disk is given time, and what the
log's engine stands on. What the members then say to each other, actors/raft decides.
"""

import logging
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zmq

from ...actors.draws import Draws
from ...actors.log import EntryStore
from ...broker.net.clock import read_clocks
from ...broker.wire.cluster_messages import CLUSTER_MEMBER_COLUMNS
from .identity import Identity, cluster_of, next_life, save_cluster
from .members import Members
from .plan import CoordinatorPlan
from .shard import Shard

if TYPE_CHECKING:  # a node that is alone starts without them
    from ...actors.raft.engine import RaftLog
    from ...actors.raft.settings import RaftSettings
    from ..storage.shard.snapshots import ShardSnapshots

log = logging.getLogger("mainspring.coordinator")

ELECTION_FSYNCS = 4
"""An election timeout is at least so many of the slowest fsyncs: a leader whose disk is busy must not count as dead."""

CHECKPOINT_PAGES_MAX = 1_000
"""A member brings home what it has written to a shard file in smaller portions than a node that is alone may."""

_NAME = CLUSTER_MEMBER_COLUMNS.index("name")
_MEMBER_ENDPOINT = CLUSTER_MEMBER_COLUMNS.index("member_endpoint")

_PROBES = 100
_PROBE_BYTES = 4096
_PROBE_NS = 1_000_000_000


def check_membership(plan: CoordinatorPlan, identity: Identity, entries: EntryStore) -> None:
    """Refuses to start on data of another cluster, for its jobs would be lost among those of this one.

    Raises:
        ValueError: the data directory belongs elsewhere; the text says what to do.
    """
    groups = range(1, plan.shards + 1)
    is_member = any(entries.state(group) for group in groups)
    if not plan.member_endpoint:
        if is_member or not identity.cluster:
            raise ValueError(
                f"{plan.data_dir} is a member's, and its settings have no [cluster] section; put the section back: "
                "alone, this node would go on without what the other members know"
            )
        return
    if not identity.cluster and not plan.is_joining:
        raise ValueError(
            f"{plan.data_dir} waits to be taken into a cluster; set [cluster] join = true, or start with an empty "
            "data directory"
        )
    if is_member:
        return
    has_entries = any(entries.last_index(group) for group in groups)
    if plan.is_joining:
        if has_entries:
            raise ValueError(
                f"{plan.data_dir} has jobs of its own; a node that joins a cluster starts with an empty data directory"
            )
        return
    wanted = cluster_of(plan.members, plan.shards, is_joining=False)
    if wanted is not None and identity.cluster != wanted:
        raise ValueError(
            f"{plan.data_dir} belongs to another cluster than the one that these members and shards begin; to make a "
            "cluster of a node that has jobs, start it as the only one of [[cluster.members]] and add the others with "
            "`mainspring cluster add`; otherwise start with an empty data directory"
        )


def raft_settings(plan: CoordinatorPlan) -> "RaftSettings":
    """Returns the times of replication: those of the plan, or longer ones if the disk is slow."""
    from ...actors.raft.settings import RaftSettings

    slowest_ms = -(-_slowest_fsync_ns(Path(plan.data_dir)) // 1_000_000)
    election_ms = max(plan.election_ms, ELECTION_FSYNCS * slowest_ms)
    if election_ms > plan.election_ms:
        log.warning("the disk is slow, so the election timeout is longer slowest_fsync_ms=%d election_ms=%d",
                    slowest_ms, election_ms)  # fmt: skip
    else:
        log.info("slowest of some fsyncs slowest_fsync_ms=%d election_ms=%d", slowest_ms, election_ms)
    return RaftSettings(
        heartbeat_ms=plan.heartbeat_ms,
        election_ms=election_ms,
        check_quorum_ms=max(plan.check_quorum_ms, 2 * election_ms),
        rebalance_ms=plan.rebalance_ms,
    )


def _slowest_fsync_ns(folder: Path) -> int:
    """Writes a little again and again, and returns how long the slowest took to be on the disk."""
    path = folder / "probe"
    slowest_ns, began_ns = 0, time.monotonic_ns()
    with path.open("wb", buffering=0) as file:
        for _ in range(_PROBES):
            before_ns = time.monotonic_ns()
            if before_ns - began_ns > _PROBE_NS:
                break
            file.write(bytes(_PROBE_BYTES))
            os.fdatasync(file.fileno())
            slowest_ns = max(slowest_ns, time.monotonic_ns() - before_ns)
    path.unlink()
    return slowest_ns


def listen(plan: CoordinatorPlan, identity: Identity, context: zmq.Context[Any]) -> tuple[Members, int]:
    """Opens the way to the other members; returns it, and the incarnation of this life.

    Raises:
        OSError: the endpoint cannot be bound.
    """
    data_dir = Path(plan.data_dir)
    life = next_life(data_dir)
    if plan.member_endpoint.startswith("ipc://"):
        Path(plan.member_endpoint.removeprefix("ipc://")).unlink(missing_ok=True)  # left by one that was killed

    def adopted(cluster: str) -> None:
        save_cluster(data_dir, cluster)
        log.info("taken into a cluster cluster=%s", cluster)

    return Members(context, plan.node, identity.cluster, life, plan.member_endpoint, adopted), life


def engine_of(
    plan: CoordinatorPlan, entries: EntryStore, shards: Mapping[int, Shard]
) -> "tuple[RaftLog, ShardSnapshots]":
    """Returns the log of all shards, as one of several members has it, and the copies of shards that it needs."""
    from ...actors.raft.engine import RaftLog
    from ..storage.shard.snapshots import ShardSnapshots

    files = {shard.member.group: shard.file for shard in shards.values()}
    snapshots = ShardSnapshots(files)
    engine = RaftLog(
        plan.node,
        entries,
        snapshots,
        raft_settings(plan),
        list(files),
        [] if plan.is_joining else plan.members,
        Draws(secrets.randbits(63)),
        read_clocks(),
        {group: file.applied for group, file in files.items()},
    )
    compare(plan, {group - 1: engine.members(group) for group in files})
    return engine, snapshots


def compare(plan: CoordinatorPlan, members: Mapping[int, Sequence[Sequence[Any]]]) -> None:
    """Tells the log if the members, by shard, know this node otherwise than its settings do: nobody would reach it."""
    for shard, rows in members.items():
        own = next((row for row in rows if row[_NAME] == plan.node), None)
        if own is None and rows:
            log.warning(
                "this node is none of the members that its data knows; was it removed, or named anew? shard=%d name=%s"
                " members=%s",
                shard, plan.node, ",".join(row[_NAME] for row in rows),
            )  # fmt: skip
            return
        if own is not None and own[_MEMBER_ENDPOINT] != plan.member_endpoint:
            log.error(
                "the other members look for this node elsewhere than it listens; put member_endpoint back, or have"
                " `mainspring cluster replace` take a new node in shard=%d settings=%s members=%s",
                shard, plan.member_endpoint, own[_MEMBER_ENDPOINT],
            )  # fmt: skip
            return
