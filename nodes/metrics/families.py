"""Every metric that a node exports: its name, its type, its labels and what it says.

Decides what is exported; docs/metrics.md is printed from here, and a test holds the rows that the coordinator gives
against this table. Must not know where the values come from.
"""

from typing import Final, Literal, NamedTuple

Type = Literal["counter", "gauge", "histogram"]


class Family(NamedTuple):
    """One metric. `shard` is a label of every one but scheduler_up, and is not named here."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str


_ALL: Final = (
    Family("scheduler_up", "gauge", (), "1 if the node's coordinator answered this scrape, 0 if not."),
    Family("scheduler_scrape_seconds", "gauge", (), "What it took to ask the coordinator."),
    Family(
        "scheduler_task_run_total", "counter", ("task", "status"),
        "Jobs that have ended, by how: success, failure (dead), cancelled, expired or skipped.",
    ),
    Family(
        "job_duration_seconds", "histogram", ("job", "status"),
        "How long attempts took, by task and outcome: success, failure, timed_out, crashed, cancelled, lost, returned.",
    ),
    Family(
        "task_failures_total", "counter", ("job", "reason"),
        "Attempts that did not succeed, by task and outcome; those that went back unpunished are not counted.",
    ),
    Family("scheduler_start_lateness_seconds", "histogram", ("task",), "How long after its time an attempt started."),
    Family("scheduler_queue_jobs", "gauge", ("tenant", "queue", "state"), "Jobs kept, by queue and state."),
    Family("scheduler_jobs_running", "gauge", (), "Jobs that are leased to executors."),
    Family("scheduler_jobs_in_memory", "gauge", (), "Jobs that the coordinator holds in memory; the rest is on disk."),
    Family("scheduler_jobs_finished_kept", "gauge", (), "Finished jobs that retention keeps."),
    Family("scheduler_jobs_awaited", "gauge", (), "Jobs whose end some client waits for."),
    Family("scheduler_wheel_timers", "gauge", (), "Timers in the wheels, those of ended jobs among them."),
    Family("scheduler_lanes", "gauge", (), "Combinations of tenant, queue, priority and task."),
    Family("scheduler_schedules", "gauge", (), "Schedules of the shard."),
    Family("scheduler_client_sessions", "gauge", (), "Client sessions that are kept."),
    Family("scheduler_refusals_total", "counter", ("code",), "Requests refused, by the code of the refusal."),
    Family("scheduler_events_total", "counter", ("event",), "What else the coordinator has counted, by its own name."),
    Family("scheduler_frames_refused_total", "counter", ("kind",), "Frames that were no message, by what was wrong."),
    Family("scheduler_connections", "gauge", (), "Connections of clients and executors, strange ones among them."),
    Family("scheduler_connections_refused_total", "counter", (), "Connections closed because there were too many."),
    Family("scheduler_handshakes_failed_total", "counter", (), "Connections that did not speak ZeroMQ's protocol."),
    Family("scheduler_epoch", "gauge", (), "Epoch of the coordinator: it grows with each start."),
    Family("scheduler_log_index", "gauge", (), "Index of the last entry of the log."),
    Family("scheduler_log_applied_index", "gauge", (), "Index of the last entry that the shard file has."),
    Family("scheduler_log_unapplied_bytes", "gauge", (), "Size of what the shard file does not have yet."),
    Family("scheduler_log_sync_seconds", "histogram", (), "How long the disk took to make a group commit durable."),
    Family("scheduler_log_bytes", "gauge", (), "Size of the log's segments."),
    Family("scheduler_turn_seconds", "histogram", (), "How long the coordinator's turns took, the commit included."),
    Family("scheduler_shard_file_bytes", "gauge", (), "Size of the shard file."),
    Family("scheduler_shard_wal_bytes", "gauge", (), "Size of the shard file's write-ahead log."),
    Family("scheduler_disk_free_bytes", "gauge", (), "Free space where the node's data lies."),
    Family("scheduler_disk_full", "gauge", (), "1 while new jobs are refused because the disk is full."),
    Family("scheduler_outbox_bytes", "gauge", (), "What waits for peers that do not read fast enough."),
    Family("scheduler_raft_term", "gauge", (), "Epoch of the shard's leader as far as this member knows."),
    Family("scheduler_raft_leader", "gauge", (), "1 if this member leads the shard, 0 if not."),
    Family("scheduler_raft_commit_index", "gauge", (), "Index up to which this member knows entries committed."),
    Family("scheduler_raft_elections_total", "counter", (), "Elections that this member has won since its start."),
    Family(
        "scheduler_raft_follower_lag_entries", "gauge", ("member",),
        "Entries that another member is not known to hold; the leader tells it.",
    ),
    Family(
        "scheduler_member_frames_dropped_total", "counter", ("kind",),
        "What members said and nobody heard, by why: of another cluster, stale, unknown, unreadable, impossible, or not"
        " sent; or of a client that speaks where members do (guest). Two kinds are only told: outlived (others know a"
        " later life of this node) and future (a life that begins too late to be believed).",
    ),
    Family("scheduler_executors", "gauge", (), "Executors with an open link."),
    Family("scheduler_executor_slots", "gauge", ("node", "executor", "runner"), "Jobs that an executor takes at once."),
    Family("scheduler_executor_slots_used", "gauge", ("node", "executor", "runner"), "Jobs that it holds."),
    Family(
        "scheduler_executor_lease_left_seconds", "gauge", ("node", "executor"),
        "How long its leases hold without another heartbeat.",
    ),
    Family(
        "scheduler_executor_figure", "gauge", ("node", "executor", "figure"),
        "What an executor counts itself: children started, killed and recycled, runs given back, memory in bytes, ...",
    ),
)  # fmt: skip

FAMILIES: Final = {family.name: family for family in _ALL}
"""name -> Family."""
