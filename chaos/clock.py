"""A node's two clocks, as seen from the simulator's true time.

Decides how elapsed and wall time follow from true time: elapsed runs on, a little fast or slow, and never back; the
wall may be off and may step. Must not know who reads it.
"""

from ..actors.machine import Now

PPM = 1_000_000
NS_A_MS = 1_000_000


class NodeClock:
    """The clocks of one host.

    Args:
        boot_ns: What elapsed shows at true time 0.
        wall_ms: What the wall shows at true time 0, in UTC milliseconds.
        drift_ppm: How much faster than true time both run, in millionths.
    """

    __slots__ = ("boot_ns", "drift_ppm", "wall_ms")

    def __init__(self, boot_ns: int, wall_ms: int, drift_ppm: int) -> None:
        assert abs(drift_ppm) < PPM, "a clock that stands still or runs back is none"
        self.boot_ns = boot_ns
        self.wall_ms = wall_ms
        self.drift_ppm = drift_ppm

    def elapsed_ns(self, true_ns: int) -> int:
        """Returns what elapsed shows at a true time."""
        return self.boot_ns + true_ns + true_ns * self.drift_ppm // PPM

    def now(self, true_ns: int) -> Now:
        """Returns both clocks at a true time."""
        since_ns = true_ns + true_ns * self.drift_ppm // PPM
        return Now(self.boot_ns + since_ns, self.wall_ms + since_ns // NS_A_MS)

    def true_ns(self, elapsed_ns: int) -> int:
        """Returns the first true time at which elapsed shows this much."""
        true_ns = (elapsed_ns - self.boot_ns) * PPM // (PPM + self.drift_ppm)
        while self.elapsed_ns(true_ns) < elapsed_ns:
            true_ns += 1
        return true_ns

    def step(self, by_ms: int) -> None:
        """Steps the wall clock, as an operator or a time server may."""
        self.wall_ms += by_ms

    def suspend(self, for_ms: int) -> None:
        """Lets the host sleep: both clocks have gone on, and nothing has run; waits of its loops do not count it."""
        self.boot_ns += for_ms * NS_A_MS
        self.wall_ms += for_ms
