"""What a handler raises to say what should follow: never again, again, again then, or merely later.

It decides what can be said, and bounds it at once, so that a mistake fails the attempt that made it. It must not know
what a coordinator makes of it. These are Exceptions, not BaseExceptions: a handler's own `except Exception` sees them.
"""

import time
from datetime import datetime
from typing import Final, TypeAlias

from ..wire.limits import AFTER_MS_MAX
from .exceptions import InvalidOption
from .options import Span, span_ms
from .submit import instant_ms

When: TypeAlias = Span | datetime
"""How long to wait: seconds, a timedelta, or until an instant with a time zone."""


class Verdict(Exception):
    """What a handler says should follow; the base of NoRetry, Retry and Snooze.

    Attributes:
        after_ms: How long to wait before the next attempt, or None for what the task's backoff says.
    """

    after_ms: int | None = None


class NoRetry(Verdict):
    """The attempt has failed, and no other one could succeed: the job is dead at once."""

    __module__ = "mainspring"  # as users import it, and as their tracebacks then show it


class Retry(Verdict):
    """The attempt has failed, and is to be tried again, if need be without counting it.

    Attributes:
        count: Whether it counts against the task's retries.
    """

    __module__ = "mainspring"

    def __init__(self, text: str = "", *, after: When | None = None, count: bool = True) -> None:
        """Says why, and when.

        Args:
            text: Why, for the error of the attempt.
            after: Seconds, a timedelta, or an instant with a time zone, at most 366 days from now; None for what the
                task's backoff says.
            count: False leaves the retries as they are; then nothing but the job's deadline ends the attempts.

        Raises:
            InvalidOption: An argument is something else.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  (not everybody checks types)
            raise InvalidOption(f"the text of Retry is {text!r}; give text, and seconds as in Retry(after=60)")
        super().__init__(text)
        self.after_ms = None if after is None else wait_ms(after)
        self.count: Final = bool(count)


class Snooze(Verdict):
    """Nothing has failed, but the job is to run later; neither retries nor crashes are counted."""

    __module__ = "mainspring"

    def __init__(self, after: When) -> None:
        """Says when.

        Args:
            after: Seconds, a timedelta, or an instant with a time zone, at most 366 days from now.

        Raises:
            InvalidOption: It is something else.
        """
        super().__init__(after)
        self.after_ms = wait_ms(after)

    def __str__(self) -> str:
        return f"run again in {(self.after_ms or 0) / 1000:g} s"


def wait_ms(after: When) -> int:
    """Returns a wait in milliseconds; that for an instant which has passed is 0.

    Raises:
        InvalidOption: It is none, or longer than 366 days.
    """
    if isinstance(after, datetime):
        ms = max(0, instant_ms("after", after) - time.time_ns() // 1_000_000)
    else:
        ms = span_ms("after", after)
    if ms > AFTER_MS_MAX:
        raise InvalidOption(f"after is {after!r}; give at most {AFTER_MS_MAX // 86_400_000} days")
    return ms
