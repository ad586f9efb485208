"""A snapshot on its way to this member: what was offered, how much of it is here."""

from typing import NamedTuple

from ...broker.wire.fields import Row


class Receiving(NamedTuple):
    """One snapshot that arrives."""

    leader: str
    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  (nobody searches these tuples)
    """The entry behind which the log will begin."""
    index_term: int
    size_bytes: int
    sha256: str
    members: list[Row]
    here_bytes: int

    @property
    def is_whole(self) -> bool:
        """Says whether all of it is here."""
        return self.here_bytes >= self.size_bytes
