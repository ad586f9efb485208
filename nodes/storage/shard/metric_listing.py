"""What a shard file tells for the metrics: its jobs by queue and state, and how large it is.

Decides the names of these figures; nodes/metrics/families.py says what each means. Must not know what the coordinator's
memory or its loop add to them.
"""

from pathlib import Path
from typing import Any

from ....actors.spread import MetricRow
from .database import Database
from .views import COUNTED

_QUEUES = f"SELECT tenant, queue, {', '.join(COUNTED)} FROM v_queues ORDER BY tenant, queue"  # noqa: S608  (put together from constants)


def metric_listing(database: Database, path: Path, _chosen: dict[str, Any]) -> tuple[list[list[Any]], bool]:
    """Returns the rows of the listing "metrics", and that there are no more."""
    found: list[MetricRow] = []
    for tenant, queue, *counts in database.execute(_QUEUES):
        for state, count in zip(COUNTED, counts, strict=True):
            found.append(["scheduler_queue_jobs", ["tenant", tenant, "queue", queue, "state", state], count])
    for name, suffix in (("scheduler_shard_file_bytes", ""), ("scheduler_shard_wal_bytes", "-wal")):
        file = path.with_name(path.name + suffix)
        found.append([name, [], file.stat().st_size if file.exists() else 0])
    return found, False
