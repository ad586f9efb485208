"""What only the coordinator's process knows for the metrics: its loop, its disk, and the frames that it refused.

Decides the names of these figures; nodes/metrics/families.py says what each means. Must not know the machines.
"""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...actors.spread import LOOP_BOUNDS_US, MetricRow, Spread
from ...broker.net.clock import read_clocks
from ...broker.wire.cluster_messages import FOLLOWER_COLUMNS
from .roles import Roles
from .shard import Shard

_NAME, _MATCH = FOLLOWER_COLUMNS.index("name"), FOLLOWER_COLUMNS.index("match")


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
        self._shards: Mapping[int, Shard] = {}
        self._roles: Roles | None = None

    def follow(self, shards: Mapping[int, Shard], roles: Roles | None) -> None:
        """Has the shards' listings tell these figures: those of the process with the first shard."""
        self._shards, self._roles = shards, roles
        for number, shard in shards.items():
            shard.file.figures = partial(self._of_shard, number)

    def elsewhere(self, number: int) -> list[MetricRow]:
        """Returns what this node tells of a shard that it does not lead, with the shard's number in each row."""
        shard = self._shards[number]
        found: list[MetricRow] = [["scheduler_log_applied_index", [], shard.file.applied], *self._of_shard(number)]
        for name, suffix in (("scheduler_shard_file_bytes", ""), ("scheduler_shard_wal_bytes", "-wal")):
            path = shard.file.path.with_name(shard.file.path.name + suffix)
            found.append([name, [], path.stat().st_size if path.exists() else 0])
        told: list[Any] = found
        return [[name, [*labels, "shard", str(number)], value] for name, labels, value in told]

    def _of_shard(self, number: int) -> list[MetricRow]:
        found: list[MetricRow] = self.rows() if number == 0 else []
        if self._roles is None:
            return found
        engine = self._roles.leadership.engine
        view = engine.view(number + 1, read_clocks())
        found.extend([
            ["scheduler_raft_term", [], view["epoch"]],
            ["scheduler_raft_leader", [], int(engine.leads(number + 1))],
            ["scheduler_raft_commit_index", [], view["committed"]],
            ["scheduler_raft_elections_total", [], self._roles.leadership.elections[number]],
        ])  # fmt: skip
        for row in view["followers"]:
            lag = max(0, view["last"] - row[_MATCH])
            found.append(["scheduler_raft_follower_lag_entries", ["member", row[_NAME]], lag])
        return found

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
        if self._roles is not None:
            for kind, count in sorted(self._roles.members.counts.items()):
                found.append(["scheduler_member_frames_dropped_total", ["kind", kind], count])
        return found + self.connections()
