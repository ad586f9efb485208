"""The times of day that a cron expression names, and how a day is counted.

Decides seconds of a day from the second, minute and hour fields; it must not know days or zones. Times are found by
their rank, so that an expression of every second costs what one of a single time costs.
"""

from bisect import bisect_left
from typing import Final

DAY_S: Final = 86400
EPOCH_ORDINAL: Final = 719163  # date(1970, 1, 1).toordinal()


class DayTimes:
    """The times of one day, numbered from 0 in ascending order."""

    __slots__ = ("_hours", "_in_hour", "_in_minute", "_minutes", "_seconds", "total")

    def __init__(self, hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...]) -> None:
        """Makes the times.

        Args:
            hours: from 0 to 23, ascending.
            minutes: from 0 to 59, ascending.
            seconds: from 0 to 59, ascending.
        """
        assert all((hours, minutes, seconds)), "an expression names at least one time of day"
        self._hours = hours
        self._minutes = minutes
        self._seconds = seconds
        self._in_minute = len(seconds)
        self._in_hour = len(minutes) * len(seconds)
        self.total = len(hours) * self._in_hour

    def rank(self, second: int) -> int:
        """Returns how many of the times come before a second of the day; that is the number of the next one."""
        assert 0 <= second <= DAY_S, "a day has 86400 seconds"
        minute, second = divmod(second, 60)
        hour, minute = divmod(minute, 60)
        place = bisect_left(self._hours, hour)
        rank = place * self._in_hour
        if place == len(self._hours) or self._hours[place] != hour:
            return rank
        place = bisect_left(self._minutes, minute)
        rank += place * self._in_minute
        if place == len(self._minutes) or self._minutes[place] != minute:
            return rank
        return rank + bisect_left(self._seconds, second)

    def at(self, rank: int) -> int:
        """Returns the time of a number from 0 to `total - 1`, as a second of the day."""
        hour, rest = divmod(rank, self._in_hour)
        minute, second = divmod(rest, self._in_minute)
        return self._hours[hour] * 3600 + self._minutes[minute] * 60 + self._seconds[second]
