"""Decides which settings of a cluster do not go together, with each other or with the rest of the file.

It must not know files or lines: it is given a whole set of settings and names the keys of each clash.
The rules: an odd number of voters, times that leave room for a round trip (docs/consensus.md), no open TCP by accident.
"""

from collections.abc import Iterator
from typing import Final

from .clash import Clash
from .errors import KeyPath
from .models import NodeSettings

HEARTBEATS_AN_ELECTION: Final = 4
ELECTIONS_A_CHECK: Final = 2

_MEMBERS: KeyPath = ("cluster", "members")
_ALL_TABLES: Final = "a [[cluster.members]] table for each node, this one among them"


def cluster_clashes(settings: NodeSettings) -> Iterator[Clash]:
    """Finds every clash that has to do with the cluster; none for a node that stands alone."""
    if "cluster" not in settings.model_fields_set:
        return
    yield from _times(settings)
    if not settings.cluster.members:
        whose = "its own [[cluster.members]] table" if settings.cluster.join else _ALL_TABLES
        text = f"names no members: give {whose}"
        yield Clash((_MEMBERS,), None, text)
        return
    yield from _rest(settings)
    yield from _repeats(settings)
    yield from _open(settings)
    yield from _membership(settings)


def _times(settings: NodeSettings) -> Iterator[Clash]:
    cluster = settings.cluster
    heartbeat, election, check = (("cluster", key) for key in ("heartbeat_ms", "election_ms", "check_quorum_ms"))
    if cluster.election_ms < (least := HEARTBEATS_AN_ELECTION * cluster.heartbeat_ms):
        text = f"give at least {least:_}, four times heartbeat_ms, so that one late heartbeat is no election"
        yield Clash((election, heartbeat), cluster.election_ms, text)
    if cluster.check_quorum_ms <= (most := ELECTIONS_A_CHECK * cluster.election_ms):
        text = f"give more than {most:_}, twice election_ms, so that a slow answer does not depose a leader"
        yield Clash((check, election), cluster.check_quorum_ms, text)


def _rest(settings: NodeSettings) -> Iterator[Clash]:
    if not settings.coordinator.enabled:
        text = "a member of a cluster runs a coordinator: set it to true, or take [cluster] out"
        yield Clash((("coordinator", "enabled"), ("cluster",)), False, text)
    if settings.storage.synchronous != "full":
        text = 'a member keeps what it has acknowledged to the others: give "full", or take [cluster] out'
        yield Clash((("storage", "synchronous"), ("cluster",)), settings.storage.synchronous, text)


def _repeats(settings: NodeSettings) -> Iterator[Clash]:
    names: set[str] = set()
    used: dict[str, str] = dict.fromkeys(settings.node.listen, "in `listen`")
    for i, member in enumerate(settings.cluster.members):
        path = (*_MEMBERS, i)
        if member.name in names:
            yield Clash(((*path, "name"),), member.name, "two members have this name: give each node its own")
        names.add(member.name)
        for key in ("member_endpoint", "client_endpoint"):
            endpoint: str = getattr(member, key)
            if endpoint in used:
                text = f"is {used[endpoint]} as well: give an endpoint that nobody else listens on"
                yield Clash(((*path, key), ("node", "listen")), endpoint, text)
            used.setdefault(endpoint, f"the {key} of {member.name}")


def _open(settings: NodeSettings) -> Iterator[Clash]:
    insecure: KeyPath = ("node", "insecure")
    for i, member in enumerate(settings.cluster.members):
        for key in ("member_endpoint", "client_endpoint"):
            endpoint: str = getattr(member, key)
            if not endpoint.startswith("tcp://"):
                continue
            if endpoint.startswith("tcp://*"):
                text = "others connect to it: give the host by its address, such as tcp://10.0.0.1:7421"
                yield Clash(((*_MEMBERS, i, key),), endpoint, text)
            elif not settings.node.insecure:
                text = (
                    "TCP needs CURVE encryption, which this version does not have: use ipc:// endpoints for nodes of"
                    " one machine, or set insecure = true in [node] where nobody else is on the network"
                )
                yield Clash(((*_MEMBERS, i, key), insecure), endpoint, text)


def _membership(settings: NodeSettings) -> Iterator[Clash]:
    cluster, own = settings.cluster, settings.node.name
    names = [member.name for member in cluster.members]
    if own not in names:
        text = f"this node, {own}, is not among {', '.join(names)}: give it its table, or correct the name in [node]"
        yield Clash((_MEMBERS, ("node", "name")), None, text)
    elif cluster.join and len(names) > 1:
        text = (
            "a node that joins learns the others from the cluster: leave its own table alone in its file, or set join"
            " to false in the files of nodes that begin together"
        )
        yield Clash((("cluster", "join"), _MEMBERS), True, text)
    elif len(names) % 2 == 0:
        text = (
            f"{len(names)} members bear no more failures than {len(names) - 1}, and a majority is harder to reach:"
            " give 1, 3 or 5 tables"
        )
        yield Clash((_MEMBERS,), None, text)
