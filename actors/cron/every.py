"""`@every 90s`: instants at equal distances, counted from an anchor.

Decides how a period is written and where its instants lie; it must not know zones, for a period is real time. The
anchor is the start of the schedule, or the epoch if it has none, so a restart does not shift the instants.
"""

import re
from typing import Final

PERIOD_DAYS_MAX: Final = 36500
_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_PERIOD = re.compile(r"(?:([0-9]{1,9})D)?(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?")


def read_period(text: str) -> int:
    """Reads a period.

    Args:
        text: days, hours, minutes and seconds in this order, such as `90S` or `1H30M`, in capitals.

    Returns:
        The period in seconds.

    Raises:
        ValueError: it is no such period, or shorter than a second.
    """
    match = _PERIOD.fullmatch(text)
    if not text or match is None:
        raise ValueError("@every needs a period of whole d, h, m and s in this order; write '@every 90s' or '1h30m'")
    counts = [int(count or 0) for count in match.groups()]
    period_s = sum(count * seconds for count, (_, seconds) in zip(counts, _UNITS, strict=True))
    if not 1 <= period_s <= PERIOD_DAYS_MAX * 86400:
        raise ValueError(f"the period of @every is out of bounds; give 1s to {PERIOD_DAYS_MAX}d")
    return period_s


def period_text(period_s: int) -> str:
    """Returns the one spelling of a period: `1h30m` for 5400 seconds."""
    parts: list[str] = []
    for unit, seconds in _UNITS:
        count, period_s = divmod(period_s, seconds)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


class EveryInstants:
    """The instants of a period; all times are seconds since the epoch."""

    __slots__ = ("_anchor_s", "_period_s")

    def __init__(self, period_s: int, anchor_s: int) -> None:
        """Makes the instants.

        Args:
            period_s: their distance in seconds.
            anchor_s: one of them.
        """
        assert period_s >= 1, "a period is at least a second"
        self._period_s = period_s
        self._anchor_s = anchor_s % period_s

    def next_s(self, from_s: int, until_s: int) -> int | None:
        """Returns the first instant in [from_s, until_s)."""
        found = from_s + (self._anchor_s - from_s) % self._period_s
        return found if found < until_s else None

    def latest_s(self, from_s: int, until_s: int) -> int | None:
        """Returns the last instant in [from_s, until_s)."""
        found = until_s - 1 - (until_s - 1 - self._anchor_s) % self._period_s
        return found if found >= from_s else None

    def count(self, from_s: int, until_s: int) -> int:
        """Returns how many instants lie in [from_s, until_s)."""
        if until_s <= from_s:
            return 0
        return (until_s - 1 - self._anchor_s) // self._period_s - (from_s - 1 - self._anchor_s) // self._period_s
