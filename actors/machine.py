"""The contract of every machine: coordinator shard, executor, client session, supervisor.

Decides the shape that a shell (nodes/) and the simulator (chaos/) drive alike. A machine reads no clock, draws no
chance of its own and does nothing: it returns Effects. Rules: docs/design.md, "The machine contract".
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from .effects import Effects


class Now(NamedTuple):
    """The two clocks, read once a turn by the shell."""

    elapsed_ns: int
    """CLOCK_BOOTTIME: never steps, counts suspend; leases and near delays run on it."""
    wall_ms: int
    """UTC milliseconds, rounded down: may step either way; the calendar runs on it."""
    wall_past_ns: int = 0
    """How far the wall is into that millisecond: without it a wake for the next one would come late by as much."""

    @property
    def elapsed_ms(self) -> int:
        """Elapsed milliseconds, rounded down: nothing due at a millisecond fires before it has come."""
        return self.elapsed_ns // 1_000_000


class Machine(Protocol):
    """A deterministic actor: same events and times in, same effects out."""

    def handle(self, event: Any, now: Now) -> Effects:
        """Takes one event and says what must be done.

        Total on well-formed events; a late or spurious Wake is harmless.
        """
        ...

    def wake_at(self) -> int | None:
        """Returns the elapsed ns at which it wants `handle(Wake(), now)`; None: not before the next event."""
        ...

    def snapshot(self) -> Mapping[str, object]:
        """Returns a small picture of its state for inspection and tests."""
        ...

    def check(self) -> None:
        """Asserts every internal relation; slow, for tests and the simulator."""
        ...
