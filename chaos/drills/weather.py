"""What befalls messages on a link: how long each takes, and whether it is lost, comes twice or out of turn.

Decides it from a seed, a link and a direction, so that one seed gives the same weather again for the same messages.
Must not know sockets or clocks.
"""

import random
from dataclasses import dataclass
from typing import Final

LATE_MS: Final = 40.0
"""By so much a message that is to be overtaken comes later, about."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How a link is: shares of messages from 0 to 1, times in ms."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """The delay is drawn from `delay_ms` less this to `delay_ms` and this."""
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0

    def __post_init__(self) -> None:
        """Checks the bounds."""
        if not (0 <= self.jitter_ms <= self.delay_ms or self.jitter_ms == 0):
            raise ValueError("jitter_ms is at most delay_ms: a message cannot come before it was sent")
        if not all(0 <= share <= 1 for share in (self.loss, self.duplicate, self.reorder)):
            raise ValueError("loss, duplicate and reorder are shares from 0 to 1")


FAIR: Final = Weather()


class Way:
    """One direction of one link."""

    def __init__(self, seed: int, link: str, direction: str) -> None:
        self._draws = random.Random(f"{seed}/{link}/{direction}")
        self._last_ms = 0.0

    def arrivals(self, weather: Weather, now_ms: float) -> list[float]:
        """Returns when a message that is sent now arrives: never, once or twice.

        In order, but for those that are to be overtaken.
        """
        draw = self._draws
        if draw.random() < weather.loss:
            return []
        times = 2 if draw.random() < weather.duplicate else 1
        return [self._arrival(weather, now_ms) for _ in range(times)]

    def _arrival(self, weather: Weather, now_ms: float) -> float:
        at_ms = now_ms + weather.delay_ms + weather.jitter_ms * (2 * self._draws.random() - 1)
        if self._draws.random() < weather.reorder:
            return at_ms + LATE_MS * (0.5 + self._draws.random())
        self._last_ms = max(self._last_ms, at_ms)
        return self._last_ms
