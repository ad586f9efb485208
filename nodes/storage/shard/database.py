"""The part of an apsw connection that the statements of a shard file use.

Decides types alone: apsw's own name collections.abc.Buffer, which Python 3.11 does not have, so a
checker knows half of them. Which statements run is everybody else's business.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]


class Rows(Protocol):
    """A running statement."""

    def __iter__(self) -> Iterator[Row]:
        """Yields the rows that are left."""
        ...

    def fetchone(self) -> Any:
        """Returns the next row, None at the end."""
        ...

    @property
    def get(self) -> Any:
        """The only value of the only row; None if there is no row."""
        ...


class Database(Protocol):
    """A connection to a shard file."""

    def execute(self, statements: str, bindings: Sequence[Any] = ()) -> Rows:
        """Runs a statement."""
        ...

    def executemany(self, statements: str, sequenceofbindings: Iterable[Sequence[Any]]) -> Rows:
        """Runs a statement once for each of the bindings."""
        ...

    def pragma(self, name: str, value: Any = None) -> Any:
        """Reads or sets a pragma."""
        ...

    def changes(self) -> int:
        """Returns how many rows the last statement changed."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def set_busy_timeout(self, milliseconds: int) -> None:
        """Says how long to wait for a lock."""
        ...

    def set_wal_hook(self, callable: Callable[["Database", str, int], int] | None) -> None:  # noqa: A002 - apsw's name
        """Says who is told of the pages in the WAL after a commit."""
        ...

    def wal_checkpoint(self, dbname: str | None = None, mode: int = 0) -> tuple[int, int]:
        """Runs a checkpoint and returns the frames in the WAL and those copied."""
        ...

    def close(self, force: bool = False) -> None:
        """Closes the connection."""
        ...
