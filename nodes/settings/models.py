"""Decides which settings a node has, with types, bounds and defaults; the reference prints the descriptions.

It must not know about files, lines or error texts. A field stands here only when the node reads it.
The numbers come from the design map and the wire's limits; what does not go together is judged in `relations`
"""

import re
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ...broker.wire.limits import BATCH_JOBS_MAX, PAYLOAD_BYTES_MAX
from .cluster_section import ClusterSection, MemberSection
from .command_section import Commands, CommandSection
from .executor_section import ExecutorSection
from .forms import (
    Endpoint,
    FilePath,
    Form,
    Name,
    OptionalAddress,
    OptionalPath,
    QueueName,
    TenantName,
)
from .section import DAY_S, MIB, YEAR_S, Section


def host_name() -> str:
    """Makes a node name out of the host's: letters that a name cannot hold become dashes."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()).lstrip("._-")[:63]
    return name or "node"


class NodeSection(Section):
    """The process tree as a whole: its name, its folder, where it listens, how it logs and stops."""

    name: Name = Field(
        default_factory=host_name,
        description="Name of the node in logs, metrics and the cluster map; unique in a cluster.",
        json_schema_extra={"default": "the host name"},
    )
    data_dir: FilePath = Field(
        default=Path("mainspring-data"),
        description="Folder of everything the node stores, made with mode 0700.",
    )
    listen: Annotated[tuple[Endpoint, ...], Field(strict=False)] = Field(
        default=(),
        max_length=16,
        description="Endpoints to listen on besides the ipc socket in the data folder. TCP would need CURVE"
        " encryption, which this version does not have, so a tcp:// endpoint also needs `insecure = true`.",
    )
    insecure: bool = Field(
        default=False,
        description="Allows tcp:// endpoints without encryption or authentication: whoever reaches the port"
        " can submit, read and cancel every job.",
    )
    drain_timeout_s: float = Field(
        default=30.0,
        ge=0,
        le=DAY_S,
        description="How long a stopping node waits for running jobs. What still runs then is stopped, and"
        " runs again elsewhere or later.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Log lines for people, or one JSON object a line for machines."
    )
    log_jobs: Literal["none", "failed", "all"] = Field(
        default="failed",
        description="Which ended attempts get a log line: none, those that failed, timed out or crashed, or all.",
    )


class QueueRetention(Section):
    """What to keep of one queue's finished jobs, where that differs from `[coordinator.retention]`."""

    finished_jobs_max: int | None = Field(
        default=None,
        ge=0,
        le=10**12,
        description="Finished jobs of this queue to keep.",
        json_schema_extra={"default": "as in `[coordinator.retention]`"},
    )
    finished_age_s: int | None = Field(
        default=None,
        ge=0,
        le=100 * YEAR_S,
        description="Age from which finished jobs of this queue are deleted.",
        json_schema_extra={"default": "as in `[coordinator.retention]`"},
    )


class RetentionSection(Section):
    """How much history is kept: a finished job goes once it is beyond the count or the age."""

    finished_jobs_max: int = Field(
        default=1_000_000,
        ge=0,
        le=10**12,
        description="Finished jobs to keep, over all queues that have no limits of their own; the oldest go first.",
    )
    finished_age_s: int = Field(
        default=7 * DAY_S,
        ge=0,
        le=100 * YEAR_S,
        description="Age, counted from the finish, at which a job is deleted.",
    )
    queues: dict[QueueName, QueueRetention] = Field(
        default_factory=dict[str, QueueRetention],
        max_length=10_000,
        description="Other limits for single queues, by queue name.",
    )

    def of_queue(self, queue: str) -> tuple[int, int]:
        """Finds the limits for a queue.

        Returns:
            The finished jobs to keep, and the age in seconds at which they go.
        """
        own = self.queues.get(queue, QueueRetention())
        jobs_max = self.finished_jobs_max if own.finished_jobs_max is None else own.finished_jobs_max
        age_s = self.finished_age_s if own.finished_age_s is None else own.finished_age_s
        return jobs_max, age_s


class CoordinatorSection(Section):
    """The actor that takes jobs, decides when and where they run, and records what became of them."""

    enabled: bool = Field(default=True, description="Whether this node runs a coordinator.")
    shards: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Shard files, each with a log of its own. Fixed once the data folder exists.",
    )
    tenants: Annotated[tuple[TenantName, ...], Field(strict=False)] = Field(
        default=("default",),
        min_length=1,
        max_length=1000,
        description="Tenants that jobs may belong to; a job of any other is refused.",
    )
    lease_ttl_ms: int = Field(
        default=10_000,
        ge=1_000,
        le=600_000,
        description="How long a silent executor keeps its jobs before they may run elsewhere. "
        "A shorter time counts once the leases that were given for the longer one are over.",
    )
    dedup_window: int = Field(
        default=1024,
        ge=1,
        le=65_536,
        description="Answers kept for each client session: a repeated submit gets the first one's answer.",
    )
    session_ttl_s: int = Field(
        default=3600, ge=10, le=YEAR_S, description="How long a silent client's session and answers are kept."
    )
    payload_bytes_max: int = Field(
        default=PAYLOAD_BYTES_MAX,
        ge=1_024,
        le=PAYLOAD_BYTES_MAX,
        description="Largest payload (the arguments as JSON) of one job.",
    )
    batch_jobs_max: int = Field(
        default=BATCH_JOBS_MAX, ge=1, le=BATCH_JOBS_MAX, description="Most jobs in one submit message."
    )
    backlog_jobs_max: int = Field(
        default=10_000_000,
        ge=1,
        le=10**9,
        description="Most unfinished jobs in one queue; a submit beyond it is refused as `queue_full`.",
    )
    key_ttl_s: int = Field(
        default=DAY_S,
        ge=1,
        le=YEAR_S,
        description="How long an idempotency key (`key=`) keeps a second job from being made.",
    )
    retention: RetentionSection = Field(default=RetentionSection(), description="What is kept of finished jobs.")


class StorageSection(Section):
    """The log and the shard files, and how they reach the disk."""

    segment_bytes: int = Field(
        default=64 * MIB,
        ge=MIB,
        le=4096 * MIB,
        description="Size at which a log segment (one file) is closed.",
    )
    truncate_every_s: float = Field(
        default=30.0,
        ge=1,
        le=DAY_S,
        description="How often log segments that are no longer needed are looked for and deleted.",
    )
    checkpoint_pages: int = Field(
        default=4000,
        ge=100,
        le=1_000_000,
        description="Pages (of 4096 bytes) in a write-ahead log at which it is checkpointed.",
    )
    wal_bytes_max: int = Field(
        default=256 * MIB,
        ge=4 * MIB,
        le=65_536 * MIB,
        description="Size of a shard's write-ahead log above which nothing is applied while a reader pins it; the "
        "node's log names the reader.",
    )
    synchronous: Literal["full", "normal"] = Field(
        default="full",
        description='When the log reaches the disk. "full": before a job is acknowledged, so that it outlives'
        ' a power loss. "normal": soon after, so that a power loss, though no killed process, may take jobs.',
    )


class SchedulesSection(Section):
    """Schedules that stand in a file of their own, which is read again whenever it changes."""

    file: OptionalPath = Field(
        default=None,
        description="The file; its form stands below. A change is applied as a whole, once it has no fault, and what"
        " it does not name any more is removed.",
        json_schema_extra={"default": "none"},
    )


class MetricsSection(Section):
    """What the node tells Prometheus; served by a process of its own, which asks the coordinator at each scrape."""

    listen: OptionalAddress = Field(
        default=None,
        description="Host and port at which `/metrics` is served over HTTP, without a password; a host other than this"
        " machine's loopback also needs `insecure = true`. Needs the extra `mainspring[metrics]`.",
        json_schema_extra={"default": "none: no metrics are served"},
    )

    @property
    def address(self) -> tuple[str, int]:
        """Where to listen, as host and port."""
        assert self.listen is not None, "no metrics are served"
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class SupervisorSection(Section):
    """The process at the root of the tree, which restarts the others when they end unasked."""

    restart_backoff_min_ms: int = Field(
        default=100,
        ge=1,
        le=3_600_000,
        description="Wait before the first restart; it doubles with each further one.",
    )
    restart_backoff_max_ms: int = Field(
        default=30_000, ge=1, le=3_600_000, description="Longest wait before a restart."
    )
    restart_reset_s: float = Field(
        default=30.0,
        ge=0,
        le=DAY_S,
        description="Time that a process must have run for the wait to begin at its least again.",
    )


class NodeSettings(Section):
    """All settings of one node, as one TOML file gives them."""

    node: NodeSection = Field(default=NodeSection(), description="")
    coordinator: CoordinatorSection = Field(default=CoordinatorSection(), description="")
    storage: StorageSection = Field(default=StorageSection(), description="")
    cluster: ClusterSection = Field(default=ClusterSection(), description="")
    schedules: SchedulesSection = Field(default=SchedulesSection(), description="")
    executors: Annotated[
        tuple[ExecutorSection, ...],
        Field(strict=False),
        Form("[[executor]] tables, in double brackets", "[[executor]] tables"),
    ] = Field(default=(), alias="executor", max_length=64, description="")
    commands: Commands = Field(default_factory=dict[str, CommandSection], description="")
    metrics: MetricsSection = Field(default=MetricsSection(), description="")
    supervisor: SupervisorSection = Field(default=SupervisorSection(), description="")

    @property
    def member(self) -> MemberSection | None:
        """This node as a member of its cluster; None for a node that stands alone."""
        return next((member for member in self.cluster.members if member.name == self.node.name), None)
