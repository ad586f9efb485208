"""What a supervisor tells each process that it starts.

Decides the hand-over between the settings (which only the supervisor reads) and the actor processes, as JSON on
standard input, so that no actor process pays for the settings' libraries. Knows nothing of TOML.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class _Plan:
    def to_json(self) -> str:
        """Returns the plan as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a plan.

        Raises:
            ValueError: the text is not such a plan.
        """
        values: Any = json.loads(text)
        known = {item.name for item in fields(cls)}
        if not isinstance(values, dict) or set(values) - known:  # pyright: ignore[reportUnknownArgumentType]  (any JSON)
            raise ValueError(f"{cls.__name__} has the fields {', '.join(sorted(known))}")
        return cls(**values)


@dataclass(frozen=True, slots=True)
class CoordinatorPlan(_Plan):
    """One coordinator process: all shards of this node."""

    node: str
    data_dir: str
    endpoints: list[str]
    """Where to listen; the ipc socket in the data directory first."""
    shards: int = 1
    tenants: list[str] = field(default_factory=lambda: ["default"])
    lease_ttl_ms: int = 10_000
    dedup_window: int = 1024
    session_ttl_ms: int = 3_600_000
    key_ttl_ms: int = 86_400_000
    payload_bytes_max: int = 1024 * 1024
    batch_jobs_max: int = 1024
    backlog_jobs_max: int = 10_000_000
    finished_jobs_max: int = 1_000_000
    finished_age_ms: int = 7 * 86_400_000
    queue_retention: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    """Rows [queue, finished_jobs_max, finished_age_ms]."""
    segment_bytes: int = 64 * 1024 * 1024
    truncate_every_ms: int = 30_000
    checkpoint_pages: int = 4000
    wal_bytes_max: int = 256 * 1024 * 1024
    synchronous: str = "full"
    members: list[list[Any]] = field(default_factory=list[list[Any]])
    """The cluster's first members, rows of CLUSTER_MEMBER_COLUMNS; without any the node is alone."""
    is_joining: bool = False
    """The node waits to be taken into a cluster that is there already."""
    member_endpoint: str = ""
    """Where this node listens for the other members; empty if it is alone."""
    heartbeat_ms: int = 50
    election_ms: int = 250
    check_quorum_ms: int = 3000
    rebalance_ms: int = 60_000
    log_level: str = "info"
    log_format: str = "text"
    log_names_node: bool = False
    """Whether text lines say the node's name."""
    status_fd: int | None = None
    """Where the process writes `ready` once it serves (one line), or `failed TEXT`."""
    orders_fd: int | None = None
    """Where the process reads what its supervisor tells it while it runs (orders.py)."""


@dataclass(frozen=True, slots=True)
class SchedulesPlan(_Plan):
    """The process that keeps the node's schedules as their file has them."""

    node: str
    file: str
    """The absolute path of the file."""
    endpoints: list[str]
    """The coordinators that hold the schedules."""
    log_level: str = "info"
    log_format: str = "text"
    log_names_node: bool = False
    """Whether text lines say the node's name."""
    status_fd: int | None = None
    """Where the process writes `ready` once the file was applied or refused for the first time, or `failed TEXT`."""
    orders_fd: int | None = None
    """Where the process reads what its supervisor tells it while it runs (orders.py)."""


@dataclass(frozen=True, slots=True)
class ExporterPlan(_Plan):
    """The process that answers Prometheus."""

    node: str
    host: str
    port: int
    endpoints: list[str]
    """The coordinators to ask."""
    has_coordinator: bool = False
    """Whether the first of them is the node's own: then it alone is asked."""
    log_level: str = "info"
    log_format: str = "text"
    log_names_node: bool = False
    """Whether text lines say the node's name."""
    status_fd: int | None = None
    """Where the process writes `ready` once it listens, or `failed TEXT`."""
    orders_fd: int | None = None
    """Where the process reads what its supervisor tells it while it runs (orders.py)."""


@dataclass(frozen=True, slots=True)
class ExecutorPlan(_Plan):
    """One executor process."""

    node: str
    name: str
    endpoints: list[str]
    """The coordinators to connect to."""
    tasks: list[str]
    import_paths: list[str]
    queues: list[str]
    incarnation: int
    """Drawn by the supervisor, 63 bits: this life of the executor."""
    replaces: list[int] = field(default_factory=list[int])
    """Incarnations of the same name whose processes, children included, are known to be dead."""
    labels: list[str] = field(default_factory=list[str])
    """Texts `name=value`."""
    cluster: str = ""
    """The id of the node's own cluster; empty if that is not known yet, or if the endpoints are no members of it."""
    process_slots: int = 2
    asyncio_slots: int = 100
    thread_slots: int = 8
    command_slots: int = 4
    commands: list[list[Any]] = field(default_factory=list[list[Any]])
    """What the declared commands run: rows of runners.command.COMMAND_COLUMNS."""
    command_tasks: list[list[Any]] = field(default_factory=list[list[Any]])
    """The same commands as tasks: rows of TASK_COLUMNS."""
    timeout_default_ms: int = 0
    """0: none."""
    kill_grace_ms: int = 1000
    start_timeout_ms: int = 30_000
    drain_timeout_ms: int = 30_000
    recycle_jobs_max: int = 0
    """0: as many as come; so for the other two."""
    recycle_rss_bytes_max: int = 0
    recycle_age_ms: int = 0
    log_level: str = "info"
    log_format: str = "text"
    log_names_node: bool = False
    """Whether text lines say the node's name."""
    log_jobs: str = "failed"
    """Which ended attempts get a log line: none, failed or all."""
    status_fd: int | None = None
    """Where the process writes `ready` once its first hello was answered and its children can run, or `failed TEXT`."""
    life_fd: int | None = None
    """Held open by this process and its runner children; its end of file proves to the supervisor that all are dead."""
    orders_fd: int | None = None
    """Where the process reads what its supervisor tells it while it runs (orders.py)."""
