"""Maps of a cluster, as its nodes send them."""

from collections.abc import Mapping

from mainspring.broker.wire.messages import ClusterMap


def a_map(
    node: str,
    leaders: Mapping[int, tuple[int, str | None]],
    members: Mapping[str, str] | None = None,
    cluster: str = "test",
    shards: int | None = None,
) -> ClusterMap:
    """Makes a map of one node.

    Args:
        node: whose.
        leaders: shard -> (epoch, who leads it).
        members: name -> endpoint; none is left out.
        cluster: its name.
        shards: how many there are, as many as there are leaders unless it is said.
    """
    rows = [[shard, epoch, name] for shard, (epoch, name) in leaders.items()]
    found = [[name, endpoint] for name, endpoint in (members or {}).items()]
    return ClusterMap(node, cluster, len(rows) if shards is None else shards, found, rows)
