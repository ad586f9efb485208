"""Dead letters that failed alike: one group a tenant, queue, task and error kind.

Decides how the groups that each shard counts become those of the cluster. It must not know how they are shown.
"""

from typing import Any, Protocol

Row = dict[str, Any]

KEY = ("tenant", "queue", "task", "error_kind")


class Lister(Protocol):
    """What this needs of a client."""

    def listing(self, name: str, /, **chosen: Any) -> tuple[list[str], list[list[Any]], bool]:
        """Returns (columns, rows, more)."""
        ...


def key_of(row: Row) -> tuple[Any, ...]:
    """Returns what the jobs of a group have in common."""
    return tuple(row[name] for name in KEY)


def read_groups(client: Lister, chosen: dict[str, Any]) -> tuple[list[Row], bool]:
    """Reads the groups of all shards, the largest first.

    Args:
        client: who asks the node.
        chosen: the filter; None is left out.

    Returns:
        Rows of the listing `dead_groups`, and whether a shard has more of them than it lists.
    """
    columns, rows, more = client.listing("dead_groups", **chosen)
    found: dict[tuple[Any, ...], Row] = {}
    for values in rows:
        row = dict(zip(columns, values, strict=True))
        known = found.setdefault(key_of(row), row)
        if known is row:
            continue
        if row["last_ms"] > known["last_ms"]:
            known |= {"example_id": row["example_id"], "error": row["error"]}
        known["count"] += row["count"]
        known["first_ms"] = min(known["first_ms"], row["first_ms"])
        known["last_ms"] = max(known["last_ms"], row["last_ms"])
    return sorted(found.values(), key=lambda row: (-row["count"], -row["last_ms"], *map(str, key_of(row)))), more
