"""What every `ShardStore` keeps for the next leader about the leases of this one."""

from collections.abc import Callable

from mainspring.actors.entries import LEASE_TTL, NOOP, Entry
from mainspring.actors.store import ShardStore


def test_the_newest_time_of_leases_is_kept(make: Callable[[], ShardStore]) -> None:
    """A new leader learns for how long leases may be trusted; entries that say nothing of it change nothing."""
    store = make()
    assert store.apply([(1, Entry(1, 1000, [[NOOP], [LEASE_TTL, 30_000]])), (2, Entry(1, 1000, [[NOOP]]))])
    assert store.restore().lease_ttl_ms == 30_000
    assert store.apply([(3, Entry(1, 2000, [[LEASE_TTL, 10_000], [NOOP]])), (4, Entry(2, 0, []))])
    assert store.restore().lease_ttl_ms == 10_000
    store.close()
