"""What the supervisor is told about its node: which processes there are, and how patient it is with them.

Decides the shape of that knowledge and when a failed process may start again. It must not know how a process
is started, nor what a process does. The rule: docs/design.md, "Execution"; the waits come from `[supervisor]`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

DOUBLINGS_MAX = 40
"""Beyond this the wait is at its most for any settings, and the shift must not grow without end."""

REPLACES_MAX = 64
"""Dead incarnations of one name that a start lists; the coordinator learned of older ones from earlier starts."""


class Kind(IntEnum):
    """What a process is; the order is the order in which a node drains."""

    SCHEDULE_KEEPER = 0
    EXECUTOR = 1
    COORDINATOR = 2
    EXPORTER = 3


class ProcessSpec(NamedTuple):
    """One process of the node."""

    name: str
    """Unique in the node."""
    kind: Kind
    stop_timeout_ms: int
    """From the request to stop until it is killed."""
    start_timeout_ms: int = 35_000
    """How long a reload waits until it is ready."""


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """How patient the supervisor is."""

    backoff_min_ms: int = 100
    backoff_max_ms: int = 30_000
    reset_ms: int = 30_000
    """A life at least this long counts as a success: the next wait begins at its least again."""
    linger_ms: int = 5_000
    """What is bound to happen may take this long: a failed process ends, a killed one dies, its children follow."""

    def __post_init__(self) -> None:
        assert 1 <= self.backoff_min_ms <= self.backoff_max_ms, "the least wait is above the longest"
        assert self.reset_ms >= 0, self.reset_ms
        assert self.linger_ms >= 1, self.linger_ms

    def backoff_ms(self, failures: int) -> int:
        """Returns the wait before a restart, after `failures` (from 1) short lives in a row."""
        assert failures >= 1, "a process that has not failed does not wait"
        wait_ms = min(self.backoff_max_ms, self.backoff_min_ms << min(failures - 1, DOUBLINGS_MAX))
        assert self.backoff_min_ms <= wait_ms <= self.backoff_max_ms, wait_ms
        return wait_ms
