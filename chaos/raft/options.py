"""What one seed makes of a run: how many members, how large their steps, what goes wrong.

Decides every option from the seed alone, so that a seed says it all; a failing run prints them.
"""

import random
from dataclasses import dataclass
from typing import Any

from ...actors.raft.settings import RaftSettings


@dataclass(frozen=True, slots=True)
class Options:
    """One run."""

    seed: int
    members: int = 3
    spares: int = 1
    groups: int = 1
    append_bytes: int = 400
    """1: one entry an Append."""
    tail_bytes: int = 4000
    retain_entries: int = 200
    loses_entries: bool = False
    """A disk loses entries that it had acknowledged, and knows it."""
    changes_members: bool = True
    dup: float = 0.1

    def settings(self) -> RaftSettings:
        """Returns the engine's settings."""
        return RaftSettings(
            rebalance_ms=5_000,
            append_bytes=self.append_bytes,
            inflight_bytes=3 * max(self.append_bytes, 40),
            tail_bytes=self.tail_bytes,
            retain_bytes=8 * self.tail_bytes,
            retain_entries=self.retain_entries,
            promote_lag_entries=3,
        )

    def shown(self) -> dict[str, Any]:
        """Returns all options by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def drawn(seed: int) -> Options:
    """Returns the options of a seed."""
    draw = random.Random(f"options {seed}")
    return Options(
        seed,
        members=draw.choice((3, 3, 5)),
        spares=draw.choice((0, 1, 2)),
        groups=draw.choice((1, 1, 1, 2)),
        append_bytes=draw.choice((1, 1, 60, 400, 4000)),
        tail_bytes=draw.choice((1, 200, 4000)),
        retain_entries=draw.choice((2, 10, 200)),
        loses_entries=draw.random() < 0.3,
        changes_members=draw.random() < 0.6,
        dup=draw.choice((0.0, 0.1, 0.4)),
    )
