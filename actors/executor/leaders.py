"""Who leads which shard, as the nodes' maps tell.

Decides whose word counts: a later epoch's, and of one epoch that of the node itself, for it is the first to know that
it leads no more. Must not know of links: who leads is talked to only when it has welcomed this executor.
"""


class Leaders:
    """The names of the leaders, by shard."""

    __slots__ = ("_by_shard",)

    def __init__(self) -> None:
        self._by_shard: dict[int, tuple[int, str]] = {}  # shard -> (epoch, name)

    def heard(self, shard: int, epoch: int, name: str | None, source: str) -> None:
        """Takes a row of a map.

        Args:
            shard: which shard.
            epoch: the last one that the speaker has heard of.
            name: who leads it then, as far as the speaker knows.
            source: the speaker's own name.
        """
        known, leader = self._by_shard.get(shard, (0, ""))
        if name is not None and epoch >= known:
            self._by_shard[shard] = (epoch, name)
        elif source == leader and epoch >= known:
            del self._by_shard[shard]

    def of(self, name: str | None) -> set[int]:
        """Returns the shards that the node of this name leads; none of one that nobody knows."""
        return {shard for shard, (_, leader) in self._by_shard.items() if leader == name}
