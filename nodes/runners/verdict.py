"""What should follow a failed attempt, as far as its handler says.

It decides which exceptions speak: NoRetry, Retry and Snooze, the classes that the task names, and whatever has a number
of seconds in `retry_after`, as the errors of HTTP clients do. It must not know what the coordinator makes of it. Of the
exceptions in a group the strictest decides, for what one of them rules out the others cannot bring back.
"""

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Final, NamedTuple, cast

from ...broker.tasks.options import TaskOptions
from ...broker.tasks.verdicts import NoRetry, Retry, Snooze
from ...broker.wire.limits import AFTER_MS_MAX

NO_RETRY: Final = "no_retry"
NO_COUNT: Final = "no_count"
RETRY: Final = "retry"
SNOOZE: Final = "snooze"

_STRICTEST_FIRST: Final = (NO_RETRY, RETRY, None, NO_COUNT, SNOOZE)
_DEPTH_MAX: Final = 20


class Spoken(NamedTuple):
    """A verdict, one of `broker.wire.rows.VERDICTS` or None, and the wait before the next attempt, or None."""

    verdict: str | None
    after_ms: int | None


SILENCE: Final = Spoken(None, None)


def verdict_on(fault: BaseException, options: TaskOptions | None) -> Spoken:
    """Returns what an exception says should follow; `options` are those of its task, if that is known."""
    own = _of_one(fault, options)
    # The task may name a group's own class.
    if own.verdict is not None or not isinstance(fault, BaseExceptionGroup):
        return own
    spoken = [_of_one(leaf, options) for leaf in _leaves(cast("BaseExceptionGroup[BaseException]", fault), 0)]
    verdict = min((each.verdict for each in spoken), key=_STRICTEST_FIRST.index)
    waits = [each.after_ms for each in spoken if each.after_ms is not None]
    if verdict == NO_RETRY or not waits:
        return Spoken(verdict, None)
    return Spoken(verdict or RETRY, max(waits))


def _of_one(fault: BaseException, options: TaskOptions | None) -> Spoken:
    if isinstance(fault, Snooze):
        return Spoken(SNOOZE, fault.after_ms)
    if isinstance(fault, Retry):
        return Spoken(RETRY if fault.count else NO_COUNT, fault.after_ms)
    if isinstance(fault, NoRetry) or (options is not None and isinstance(fault, options.no_retry)):
        return Spoken(NO_RETRY, None)
    after_ms = _asked_ms(fault)
    if options is not None and isinstance(fault, options.no_count):
        return Spoken(NO_COUNT, after_ms)
    return SILENCE if after_ms is None else Spoken(RETRY, after_ms)


def _leaves(group: BaseExceptionGroup[BaseException], depth: int) -> Iterator[BaseException]:
    for fault in group.exceptions:
        if isinstance(fault, BaseExceptionGroup) and depth < _DEPTH_MAX:
            yield from _leaves(cast("BaseExceptionGroup[BaseException]", fault), depth + 1)
        else:
            yield fault


def _asked_ms(fault: BaseException) -> int | None:
    """Returns the wait that an exception of somebody else asks for; what is no sensible number is passed over."""
    try:
        asked: object = getattr(fault, "retry_after", None)
        if isinstance(asked, timedelta):
            asked = asked.total_seconds()
        if isinstance(asked, bool) or not isinstance(asked, (int, float)):
            return None
        if asked < 0 or not math.isfinite(asked):
            return None
        return min(math.ceil(asked * 1000), AFTER_MS_MAX)
    except Exception:  # noqa: BLE001  (a property may raise anything, and a number may be too large to reckon with)
        return None
