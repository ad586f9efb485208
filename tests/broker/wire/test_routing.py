"""Where a job belongs is part of the protocol."""

from collections import Counter

import pytest

from mainspring.broker.wire.routing import shard_for


@pytest.mark.parametrize(
    ("tenant", "queue", "shards", "shard"),
    [
        ("default", "default", 1, 0),
        ("default", "default", 16, 9),
        ("default", "mail", 16, 14),
        ("shop", "größe", 4096, 2438),
    ],
)
def test_routing_never_changes(tenant: str, queue: str, shards: int, shard: int) -> None:
    """These were computed once, for ever: another answer would look for a queue's jobs in the wrong shard."""
    assert shard_for(tenant, queue, shards) == shard


def test_tenant_and_queue_do_not_run_together() -> None:
    """Names that are equal when joined belong to different shards."""
    assert shard_for("a", "bc", 4096) != shard_for("ab", "c", 4096)


def test_queues_spread() -> None:
    """No shard gets much more than its part of many queues."""
    counts = Counter(shard_for("default", f"queue-{n}", 8) for n in range(8_000))
    assert set(counts) == set(range(8))
    assert max(counts.values()) < 1_200
