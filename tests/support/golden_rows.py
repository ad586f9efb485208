"""What a shard file shows after a golden log: the form in which expected rows are kept."""

from pathlib import Path
from typing import Any

from mainspring.actors.entries import decode_entry
from mainspring.actors.store import ReadKeys
from mainspring.nodes.storage.shard.offline import open_offline
from mainspring.nodes.storage.shard.shard_file import ShardFile

VIEWS = {
    "v_jobs": "id",
    "v_executions": "job_id, attempt",
    "v_leases": "job_id",
    "v_lanes": "lane",
    "v_queues": "tenant, queue",
    "v_tasks": "name",
    "v_executors": "executor",
    "v_shard": "applied",
    "v_schedules": "schedule",
    "v_ticks": "schedule, from_ms",
    "v_audit": "id",
}
KEYS = [("default", "welcome"), ("acme", "report")]
SHOWN_AFTER = (6, 9, 10, 13, 16, 18, 20)
"""The entries after which the views are kept."""


def shown(path: Path, blobs: list[bytes]) -> dict[str, list[dict[str, Any]]]:
    """Replays a log into a new shard file and returns what it shows: `<entry> <view>` -> rows."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for index, blob in enumerate(blobs, 1):
        store = ShardFile(path)
        assert store.apply([(index, decode_entry(blob))])
        tables[f"{index} restored"] = [store.restore()._asdict()]
        tables[f"{index} keys"] = [dict(_named(row)) for row in store.read(ReadKeys(KEYS))]
        store.close()
        if index in SHOWN_AFTER:
            connection = open_offline(path)
            for view, order in VIEWS.items():
                rows = connection.execute(f"SELECT * FROM {view} ORDER BY {order}").fetchall()
                tables[f"{index} {view}"] = [dict(row) for row in rows]
            connection.close()
    return tables


def _named(row: list[Any]) -> list[tuple[str, Any]]:
    """Names the columns of a row of keys."""
    return list(zip(("tenant", "key", "id", "until_ms"), row, strict=True))
