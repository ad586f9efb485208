"""The next times of a cron expression, for people and their programs.

Decides what is asked of a caller; it must not know the clock, so the caller says after which time.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from .calendar import calendar
from .zones import zone_info

COUNT_MAX: Final = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_times(
    expression: str, tz: str = "UTC", *, after: datetime, count: int = 1, fold: str = "first", gap: str = "shift"
) -> list[datetime]:
    """Returns the next times that a cron expression names.

    Args:
        expression: five fields; six with the second in front; seven with the year at the end, too; or `@daily` and
            the like. docs/schedules.md has the grammar.
        tz: the name of the time zone that it is in, unless it begins with `CRON_TZ=`.
        after: a time with a zone; what comes later counts.
        count: how many times, from 1 to 10 000.
        fold: where wall times occur twice: first, last or both of them.
        gap: where wall times do not occur: shift to the first instant after them, or skip.

    Returns:
        The times, ascending, in the zone of the expression; fewer than `count` if there are no more.

    Raises:
        ValueError: an argument is not accepted; the text says why, and what to give instead.
    """
    if not isinstance(after, datetime) or after.utcoffset() is None:  # pyright: ignore[reportUnnecessaryIsInstance]  users give anything
        raise ValueError("after is no datetime with a time zone; give one such as datetime.now(UTC)")
    if type(count) is not int or not 1 <= count <= COUNT_MAX:
        raise ValueError(f"count is {count!r}; give a whole number from 1 to {COUNT_MAX}")
    found = calendar(expression, tz, fold, gap)
    zone = zone_info(found.expression.zone)
    after_ms = (after - _EPOCH) // timedelta(milliseconds=1)
    return [(_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone) for at_ms in found.times(after_ms, count)]
