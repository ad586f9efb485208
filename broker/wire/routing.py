"""Which shard a job belongs to.

Decides the shard of a (tenant, queue), the same on every machine and in every run: never `hash()`, whose value for
text differs between processes. Knows nothing of which node serves a shard. Rule: docs/design.md, "Storage" (shard
key).
"""

from functools import lru_cache

from .ids import SHARD_MAX

_ROUTES_KEPT = 10_000


@lru_cache(maxsize=_ROUTES_KEPT)
def shard_for(tenant: str, queue: str, shards: int) -> int:
    """Returns the shard, 0 to shards - 1, that takes the jobs of a tenant's queue.

    Args:
        tenant: its name.
        queue: the queue's name.
        shards: how many shards the cluster has, 1 to 4096 (ClientWelcome says).
    """
    assert 1 <= shards <= SHARD_MAX + 1, shards
    if shards == 1:
        return 0
    from hashlib import blake2b  # here, because it loads OpenSSL, which most clients then never need

    # The zero byte keeps ("a", "bc") apart from ("ab", "c"); names hold none.
    key = tenant.encode("utf-8", "surrogatepass") + b"\0" + queue.encode("utf-8", "surrogatepass")
    digest = blake2b(key, digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards
