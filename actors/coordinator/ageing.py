"""Whether the wall clock is believed when something is to be forgotten because of its age.

Decides that nothing goes by its age for a while after a start, and after the wall has leapt ahead of elapsed time:
what was forgotten because of a clock that was wrong does not come back when the clock is put right. Must not know
what is kept. Rule: docs/clocks.md.
"""

from ..limits import DOUBT_MS
from ..machine import Now

_LEAP_MS = 60_000
"""A clock that leaps ahead by less is corrected, not wrong."""


class Ageing:
    """Since when the wall has gone no faster than elapsed time; soft state."""

    __slots__ = ("_apart_ms", "_since_ns")

    def __init__(self, now: Now) -> None:
        self._apart_ms = now.wall_ms - now.elapsed_ms
        self._since_ns = now.elapsed_ns

    def look(self, now: Now) -> None:
        """Compares the clocks; a suspend moves both alike."""
        apart_ms = now.wall_ms - now.elapsed_ms
        if apart_ms - self._apart_ms > _LEAP_MS:
            self._since_ns = now.elapsed_ns
        self._apart_ms = apart_ms

    def before_ms(self, now: Now, age_ms: int) -> int:
        """Returns the wall time before which all has reached an age; 0 while the wall is in doubt.

        What is kept for less than the doubt lasts is in doubt for no longer than it is kept.
        """
        in_doubt = now.elapsed_ns - self._since_ns < min(DOUBT_MS, age_ms) * 1_000_000
        return 0 if in_doubt else now.wall_ms - age_ms
