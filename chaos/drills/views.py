"""Asks a node how it sees the cluster, past all clients: who leads, and how far its log is.

Decides how long it is waited for: a node that does not answer at once is not asked twice. Must not know drills. The
question travels over the ipc socket in the node's data folder, which no cut of the network concerns.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...broker.net.context import Context
from ...broker.net.dealer import Dealer
from ...broker.net.discovery import endpoint_of
from ...broker.net.exceptions import NodeNotFound
from ...broker.wire.cluster_messages import GROUP_COLUMNS, ClusterAsk, ClusterShown
from ...broker.wire.codec import WireError, decode, encode

ANSWER_S: Final = 0.5
LOOK_EVERY_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class Group:
    """One shard as a node sees it."""

    node: str
    role: str
    epoch: int
    leader: str | None
    last: int
    committed: int
    applied: int
    elected_ms: int
    members: list[list[Any]]
    followers: list[list[Any]]


def look(data_dir: Path, context: Context, answer_s: float = ANSWER_S) -> list[Group] | None:
    """Returns a node's view, a group a shard; None if it does not answer.

    Args:
        data_dir: of the node.
        context: of ZeroMQ.
        answer_s: how long it is waited for.
    """
    try:
        dealer = Dealer(context, endpoint_of(data_dir))
    except (NodeNotFound, OSError, ValueError):
        return None
    try:
        dealer.send([encode(ClusterAsk(1))])
        until_s = time.monotonic() + answer_s
        while time.monotonic() < until_s:
            for frame in dealer.receive():
                shown = _shown(frame)
                if shown is not None:
                    return [_group(shown.node, row) for row in shown.groups]
            time.sleep(LOOK_EVERY_S)
    finally:
        dealer.close()
    return None


def _shown(frame: bytes) -> ClusterShown | None:
    try:
        message = decode(frame)
    except WireError:
        return None
    return message if isinstance(message, ClusterShown) else None


def _group(node: str, row: list[Any]) -> Group:
    columns: dict[str, Any] = dict(zip(GROUP_COLUMNS, row, strict=True))
    return Group(node, **{name: columns[name] for name in Group.__dataclass_fields__ if name != "node"})
