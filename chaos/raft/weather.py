"""What the network, the disks and the clocks of a timed run are like.

Decides how long a message takes, whether it is lost or comes twice, how long a disk writes, how fast a clock runs.
"""

import random
from dataclasses import dataclass

MS = 1_000_000
SECOND = 1_000 * MS


@dataclass(frozen=True, slots=True)
class Weather:
    """One kind of weather; times in ns."""

    delay_min_ns: int = 100_000
    delay_span_ns: int = MS
    spike: float = 0.0
    """Part of the messages that take up to `spike_ns` more."""
    spike_ns: int = 0
    loss: float = 0.0
    dup: float = 0.0
    sync_ns: int = MS
    slow_sync: float = 0.0
    """Part of the syncs that take up to 100 times as long."""

    def delays_ns(self, draw: random.Random) -> list[int]:
        """Returns when copies of one message arrive: none, one or two."""
        if draw.random() < self.loss:
            return []
        return [self._delay_ns(draw) for _ in range(1 + (draw.random() < self.dup))]

    def _delay_ns(self, draw: random.Random) -> int:
        delay_ns = self.delay_min_ns + int(draw.random() * self.delay_span_ns)
        if draw.random() < self.spike:
            delay_ns += int(draw.random() * self.spike_ns)
        return delay_ns

    def write_ns(self, draw: random.Random) -> int:
        """Returns how long one sync takes."""
        longer = 100 if draw.random() < self.slow_sync else 1
        return int((0.1 + draw.random()) * self.sync_ns * longer)


CALM = Weather()
FAR = Weather(delay_min_ns=400 * MS, delay_span_ns=200 * MS)
"""Every message takes about half a second, each way."""
WEATHERS = (
    CALM,
    Weather(delay_span_ns=30 * MS, spike=0.02, spike_ns=600 * MS, dup=0.1),
    Weather(delay_span_ns=10 * MS, loss=0.1, dup=0.05, slow_sync=0.05),
    Weather(delay_span_ns=60 * MS, loss=0.3, dup=0.2, spike=0.05, spike_ns=600 * MS),
    Weather(delay_min_ns=20 * MS, delay_span_ns=20 * MS, sync_ns=10 * MS, slow_sync=0.1),
)
