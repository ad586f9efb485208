"""What an operator may tune of a shard; the node's settings fill it."""

from dataclasses import dataclass

from ..jobs.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Retention:
    """How long finished jobs are kept: both bounds hold."""

    finished_jobs_max: int = 1_000_000
    finished_age_ms: int = 7 * 86_400_000


_RETRY = RetryPolicy()


@dataclass(frozen=True, slots=True)
class ShardSettings:
    """One shard's settings; the same for all shards of a cluster."""

    cluster: str = ""
    shards: int = 1
    tenants: frozenset[str] = frozenset({"default"})
    lease_ttl_ms: int = 10_000
    dedup_window: int = 1024
    session_ttl_ms: int = 3_600_000
    key_ttl_ms: int = 86_400_000
    payload_bytes_max: int = 1024 * 1024
    batch_jobs_max: int = 1024
    backlog_jobs_max: int = 10_000_000
    retry: RetryPolicy = _RETRY
    """The policy of jobs whose task is not in the catalogue any more."""
    retention: Retention = Retention()
    tick_retention: Retention = Retention(finished_age_ms=30 * 86_400_000)
    """How long ticks, removed schedules and the audit are kept."""
    node: str = ""
    boot: str = ""
    """The boot id of this node's host; empty if it has none, and then nothing is ever run for @reboot."""
    queue_retention: tuple[tuple[str, Retention], ...] = ()

    def __post_init__(self) -> None:
        assert 1 <= self.shards <= 4096, self.shards
        assert self.lease_ttl_ms >= 100, self.lease_ttl_ms
        assert self.dedup_window >= 1, self.dedup_window
