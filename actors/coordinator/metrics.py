"""What one shard tells about itself for the metrics, as rows [name, labels, value].

Decides the names; nodes/metrics/families.py says what each means, and a test holds the two against each other. Must not
know Prometheus. What only the shell knows (the disk, the loop) comes with the store's rows.
"""

from typing import Any

from ..spread import MetricRow
from .link import Link
from .state import ShardState

COLUMNS = ["name", "labels", "value"]

_REFUSED = "refused_"


def rows(state: ShardState, stored: list[Any]) -> list[MetricRow]:
    """Returns all rows of the shard: its own, and those that the store gave. Each says which shard it is."""
    own = [*_gauges(state), *state.tallies.rows(), *_counters(state)]
    for link in sorted(state.links.by_peer.values(), key=lambda link: (link.node, link.name)):
        own.extend(_executor(state, link))
    shard = ["shard", str(state.shard)]
    told: list[Any] = own + stored
    return [[name, [*labels, *shard], value] for name, labels, value in told]


def _gauges(state: ShardState) -> list[MetricRow]:
    image, timers = state.image, state.timers
    waits = sum(map(len, timers.wheels)) + sum(map(len, timers.soon))
    picture: dict[str, int] = {
        "scheduler_log_index": image.index,
        "scheduler_log_applied_index": state.applied,
        "scheduler_log_unapplied_bytes": image.unapplied_bytes,
        "scheduler_epoch": state.epoch,
        "scheduler_jobs_running": len(image.leases),
        "scheduler_jobs_in_memory": len(image.jobs),
        "scheduler_jobs_finished_kept": image.finished,
        "scheduler_wheel_timers": waits,
        "scheduler_lanes": len(image.lanes),
        "scheduler_client_sessions": len(image.sessions),
        "scheduler_jobs_awaited": len(state.waiters),
        "scheduler_schedules": len(image.book),
        "scheduler_executors": len(state.links),
        "scheduler_disk_full": int(state.disk_full),
    }
    return [[name, [], value] for name, value in picture.items()]


def _counters(state: ShardState) -> list[MetricRow]:
    found: list[MetricRow] = []
    for name, count in sorted(state.counts.items()):
        if name.startswith(_REFUSED):
            found.append(["scheduler_refusals_total", ["code", name.removeprefix(_REFUSED)], count])
        else:
            found.append(["scheduler_events_total", ["event", name], count])
    return found


def _executor(state: ShardState, link: Link) -> list[MetricRow]:
    who = ["node", link.node, "executor", link.name]
    left_s = max(0, link.deadline_ns - state.now.elapsed_ns) / 1e9
    found: list[MetricRow] = [["scheduler_executor_lease_left_seconds", who, left_s]]
    for kind in sorted(link.windows.keys() | link.used.keys()):
        found.append(["scheduler_executor_slots", [*who, "runner", kind], link.windows.get(kind, 0)])
        found.append(["scheduler_executor_slots_used", [*who, "runner", kind], link.used.get(kind, 0)])
    for name, value in sorted(link.figures.items()):
        found.append(["scheduler_executor_figure", [*who, "figure", name], value])
    return found
