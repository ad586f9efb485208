"""Answers what operators ask of this node about its cluster, and does what they say to its members.

Decides the codes. A node shows what it knows itself, and acts for the shards that it leads alone. Whether a change is
allowed, the engine decides. Rule: broker/wire/cluster_messages.py.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...actors.cluster.engine import Engine
from ...actors.coordinator.shard import ShardMachine
from ...actors.log import ReplicatedLog
from ...actors.machine import Now
from ...actors.raft.members import RefusedChange
from ...actors.turn import Member
from ...broker.wire.cluster_messages import CLUSTER_MEMBER_COLUMNS, GROUP_COLUMNS
from ...broker.wire.limits import NAME_CHARS_MAX
from ...broker.wire.messages import ClusterAct, ClusterActed, ClusterAsk, ClusterShown

log = logging.getLogger("mainspring.coordinator")

ADD, REMOVE, TRANSFER, DRAIN = "add", "remove", "transfer", "drain"
DONE, UNDER_WAY, NOT_HERE, REFUSED = "done", "under_way", "not_here", "refused"

_NAME = CLUSTER_MEMBER_COLUMNS.index("name")
_IS_VOTER = CLUSTER_MEMBER_COLUMNS.index("is_voter")
_ENDPOINTS = ("ipc://", "tcp://")

View = Callable[[int, Now], dict[str, Any]]
"""Returns what the engine tells of a group, by GROUP_COLUMNS."""


class ClusterDesk:
    """What this node tells about the cluster.

    Args:
        node: its name.
        cluster: returns the cluster's id.
        incarnation: of this life of the process.
        members: the shards, by number.
        view: what the engine tells of a group.
        engine: the engine, if there are other members.
    """

    def __init__(
        self,
        node: str,
        cluster: Callable[[], str],
        incarnation: int,
        members: Mapping[int, Member[ShardMachine]],
        view: View,
        engine: Engine | None = None,
    ) -> None:
        self._node = node
        self._cluster = cluster
        self._incarnation = incarnation
        self._members = members
        self._view = view
        self._engine = engine

    def answer(self, message: ClusterAsk | ClusterAct, now: Now) -> ClusterShown | ClusterActed:
        """Answers one question, or does one act."""
        if isinstance(message, ClusterAsk):
            rows = [self._shown(shard, member, now) for shard, member in self._members.items()]
            return ClusterShown(message.request, self._node, self._cluster(), self._incarnation, rows)
        codes: list[list[Any]] = []
        for shard in message.shards or self._members:
            code, text = self._acted(shard, message)
            codes.append([shard, code, text])
        log.info(
            "cluster act action=%s name=%s by=%s codes=%s", message.action, message.name[:NAME_CHARS_MAX],
            message.by[:NAME_CHARS_MAX], ",".join(f"{shard}:{code}" for shard, code, _ in codes),
        )  # fmt: skip
        return ClusterActed(message.request, codes)

    def _shown(self, shard: int, member: Member[ShardMachine], now: Now) -> list[Any]:
        told = {**self._view(member.group, now), "shard": shard, "applied": member.store.applied}
        return [told[column] for column in GROUP_COLUMNS]

    def _acted(self, shard: int, act: ClusterAct) -> tuple[str, str]:
        """Does an act for one shard; returns its code and text."""
        engine = self._engine
        if engine is None:
            return REFUSED, "this node is alone; give it a [cluster] section, and start it again"
        if shard not in self._members:
            return REFUSED, f"there is no shard {shard}; the cluster has {len(self._members)}"
        group = shard + 1
        if act.action == TRANSFER and act.name and engine.leader(group)[1] == act.name:
            return DONE, f"{act.name} leads it"
        if not engine.leads(group):
            leader = engine.leader(group)[1]
            if act.action == DRAIN and leader is not None and leader != act.name:
                return DONE, f"{leader} leads it"
            return NOT_HERE, f"{leader} leads it" if leader else "nobody leads it at the moment"
        try:
            if act.action in (ADD, REMOVE):
                return self._changed(engine, group, act)
            if act.action in (TRANSFER, DRAIN):
                return self._transferred(engine, group, act)
        except RefusedChange as error:
            return REFUSED, str(error)
        return REFUSED, f"{act.action[:NAME_CHARS_MAX]!r} is no act; there are {ADD}, {REMOVE}, {TRANSFER} and {DRAIN}"

    def _changed(self, engine: Engine, group: int, act: ClusterAct) -> tuple[str, str]:
        rows = engine.members(group)
        known = next((row for row in rows if row[_NAME] == act.name), None)
        if act.action == REMOVE:
            if known is None:
                return DONE, f"{act.name} is no member"
            if len(rows) == 1:
                return REFUSED, f"{act.name} is the only member"
            engine.change_members(group, [row for row in rows if row is not known])
            return UNDER_WAY, f"{act.name} is a member no more once the others know"
        fault = _fault(act)
        if fault is not None:
            return REFUSED, fault
        if known is None:
            engine.change_members(group, [*rows, [act.name, act.member_endpoint, act.client_endpoint, 0]])
            return UNDER_WAY, f"{act.name} learns, and votes once it has caught up"
        if known[1:3] != [act.member_endpoint, act.client_endpoint]:
            return REFUSED, f"{act.name} is a member with other endpoints; remove it first"
        if not known[_IS_VOTER]:
            return UNDER_WAY, f"{act.name} learns, and votes once it has caught up"
        return DONE, f"{act.name} is a member and votes"

    def _transferred(self, engine: Engine, group: int, act: ClusterAct) -> tuple[str, str]:
        if act.action == DRAIN and act.name not in ("", self._node):
            return DONE, f"{self._node} leads it"
        to = act.name if act.action == TRANSFER and act.name else None
        if to is not None and all(row[_NAME] != to for row in engine.members(group)):
            return REFUSED, f"{to} is no member"
        if engine.transfer(group, to):
            return UNDER_WAY, "it is handed over"
        return REFUSED, f"{to or 'no other member'} has caught up; ask again in a moment"


def _fault(act: ClusterAct) -> str | None:
    """Returns why somebody cannot be made a member."""
    if not 1 <= len(act.name) <= NAME_CHARS_MAX or not act.name.isprintable():
        return f"a member's name has 1 to {NAME_CHARS_MAX} printable characters"
    endpoints: Sequence[str] = (act.member_endpoint, act.client_endpoint)
    if any(not each.startswith(_ENDPOINTS) for each in endpoints):
        return "a member has two endpoints, each ipc://PATH or tcp://HOST:PORT"
    return None


def view_alone(node: str, log_of: ReplicatedLog, epoch: Callable[[int], int], elected_ms: int) -> View:
    """Returns what a node without other members tells of its groups.

    Args:
        node: its name.
        log_of: its log.
        epoch: returns the epoch of a group.
        elected_ms: when it has taken its shards over, UTC.
    """

    def view(group: int, _now: Now) -> dict[str, Any]:
        committed = log_of.committed(group)
        return {
            "role": "leader",
            "epoch": epoch(group),
            "leader": node,
            "last": log_of.last_index(group),
            "synced": committed,
            "committed": committed,
            "elected_ms": elected_ms,
            "election": "alone",
            "members": [],
            "followers": [],
        }

    return view
