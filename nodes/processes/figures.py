"""What only the coordinator's process knows for the metrics: its loop, its disk, and the frames that it refused.

Decides the names of these figures; nodes/metrics/families.py says what each means. Must not know the machines.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from ...actors.spread import LOOP_BOUNDS_US, MetricRow, Spread


class Figures:
    """Figures of one coordinator process, counted since its start.

    Args:
        data_dir: where the node's data lies.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._syncs = Spread(LOOP_BOUNDS_US, 1_000_000)
        self._turns = Spread(LOOP_BOUNDS_US, 1_000_000)
        self.frames_refused: Mapping[str, int] = {}
        """Kind -> how many; the loop's own."""
        self.connections: Callable[[], list[MetricRow]] = list
        """Who is connected; the intake's own."""
        self.outbox_bytes: Callable[[], int] = int
        """What waits for slow peers; the router's own."""

    def synced(self, took_ns: int) -> None:
        """Counts a group commit."""
        self._syncs.add(took_ns // 1000)

    def turned(self, took_ns: int) -> None:
        """Counts a turn of the loop."""
        self._turns.add(took_ns // 1000)

    def rows(self) -> list[MetricRow]:
        """Returns all figures as rows [name, labels, value]."""
        log_bytes = sum(path.stat().st_size for path in (self._data_dir / "log").glob("*.db*"))
        found: list[MetricRow] = [
            ["scheduler_log_bytes", [], log_bytes],
            ["scheduler_disk_free_bytes", [], shutil.disk_usage(self._data_dir).free],
            ["scheduler_outbox_bytes", [], self.outbox_bytes()],
        ]
        found.append(self._syncs.row("scheduler_log_sync_seconds", []))
        found.append(self._turns.row("scheduler_turn_seconds", []))
        for kind, count in sorted(self.frames_refused.items()):
            found.append(["scheduler_frames_refused_total", ["kind", kind], count])
        return found + self.connections()
