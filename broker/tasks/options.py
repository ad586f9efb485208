"""What a task declares about its jobs: queue, retries, backoff, timeout, priority, runner, expiry.

It decides which values are allowed and turns seconds into milliseconds, upwards, so that nothing is ever
early. It must not know who stores or obeys them. Queue and tenant names end in file names and metric labels,
hence the narrow pattern.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias, cast

from ...actors.jobs.retry import DELAY_MIN_MS, RetryPolicy
from ..wire.limits import NAME_CHARS_MAX, PRIORITY_MAX
from .exceptions import InvalidOption
from .limits import LABEL_CHARS_MAX, RETRIES_MAX, SPAN_MS_MAX

Runner: TypeAlias = Literal["process", "asyncio"]
Span: TypeAlias = int | float | timedelta
Backoff: TypeAlias = Span | tuple[Span, Span]

RUNNERS: Final[tuple[Runner, ...]] = ("process", "asyncio")

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_TASK_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]*(\.[A-Za-z0-9_][A-Za-z0-9_:-]*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """The options of a task, validated, in wire units.

    Attributes:
        runner: Where the handler runs.
        queue: The queue that its jobs go to.
        retry: How often and how soon a failed attempt is tried again.
        timeout_ms: The longest an attempt may run, or None for no bound.
        priority: -100 to 100, higher first.
        expires_ms: How long after its submit a job may still start, or None for ever.
        deadline_ms: How long after its submit all its attempts are over, or None for never.
    """

    runner: Runner = "process"
    queue: str = "default"
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout_ms: int | None = None
    priority: int = 0
    expires_ms: int | None = None
    deadline_ms: int | None = None

    def as_row(self, name: str) -> list[Any]:
        """Returns the columns of `TASK_COLUMNS` for the task `name`."""
        return [name, self.runner, self.queue, list(self.retry.to_row()), self.timeout_ms, self.priority]


def task_options(
    *,
    runner: Runner,
    queue: str,
    retries: int,
    backoff: Backoff | None,
    timeout: Span | None,
    priority: int,
    expires: Span | None,
) -> TaskOptions:
    """Validates the options of a task.

    Args:
        runner: One of RUNNERS.
        queue: A queue's name.
        retries: 0 to 1000.
        backoff: Seconds before the first retry, or a pair of that and the longest wait; None for 1 and 600.
        timeout: Seconds (or a timedelta), above 0.
        priority: -100 to 100, higher first.
        expires: Seconds (or a timedelta), above 0.

    Raises:
        InvalidOption: Names the option and what it may be.
    """
    return TaskOptions(
        runner=runner,
        queue=check_label("queue", queue),
        retry=_retry_policy(check_int("retries", retries, 0, RETRIES_MAX), backoff),
        timeout_ms=None if timeout is None else span_ms("timeout", timeout, least_ms=1),
        priority=check_int("priority", priority, -PRIORITY_MAX, PRIORITY_MAX),
        expires_ms=None if expires is None else span_ms("expires", expires, least_ms=1),
    )


def _retry_policy(retries: int, backoff: Backoff | None) -> RetryPolicy:
    if backoff is None:
        return RetryPolicy(retries=retries)
    cap_ms: int | None = None
    base: object = backoff
    if isinstance(backoff, tuple):
        pair = cast("tuple[object, ...]", backoff)
        if len(pair) != 2:
            raise InvalidOption(f"backoff is {backoff!r}; give seconds, or a pair (base, cap) of them")
        base, cap = pair
        cap_ms = max(span_ms("the cap of backoff", cap), DELAY_MIN_MS)
    base_ms = max(span_ms("backoff", base), DELAY_MIN_MS)
    if cap_ms is None:
        # One figure above the usual cap asks for a constant wait, it does not contradict itself.
        cap_ms = max(base_ms, RetryPolicy().cap_ms)
    try:
        return RetryPolicy(retries=retries, base_ms=base_ms, cap_ms=cap_ms)
    except ValueError as fault:
        raise InvalidOption(f"backoff is {backoff!r}: {fault}") from None


def span_ms(option: str, span: object, least_ms: int = 0) -> int:
    """Returns a span of seconds (or a timedelta) as whole milliseconds, rounded up.

    Raises:
        InvalidOption: It is no number, not finite, below `least_ms` or above a hundred years.
    """
    if isinstance(span, timedelta):
        ms = -(-span // timedelta(milliseconds=1))
    elif isinstance(span, bool) or not isinstance(span, (int, float)):
        raise InvalidOption(f"{option} is {span!r}; give seconds as a number, or a timedelta")
    elif span != span or abs(span) > SPAN_MS_MAX:
        raise InvalidOption(f"{option} is {span!r}; give a finite number of seconds, at most a hundred years")
    else:
        # Rounding to the nanosecond first keeps 0.1 s at 100 ms, whatever the binary fraction adds.
        ms = -(-round(span * 1_000_000_000) // 1_000_000)
    if ms < least_ms:
        bound = "more than 0" if least_ms else "0 or more"
        raise InvalidOption(f"{option} is {span!r}; give {bound} seconds")
    if ms > SPAN_MS_MAX:
        raise InvalidOption(f"{option} is {span!r}; give at most a hundred years")
    return ms


def check_int(option: str, value: object, low: int, high: int) -> int:
    """Returns `value` if it is an int from `low` to `high`; otherwise raises InvalidOption."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidOption(f"{option} is {value!r}; give a whole number from {low} to {high}")
    return value


def check_label(option: str, value: object) -> str:
    """Returns `value` if it can name a queue or a tenant; otherwise raises InvalidOption."""
    if not isinstance(value, str) or len(value) > LABEL_CHARS_MAX or not _LABEL.fullmatch(value):
        raise InvalidOption(
            f"{option} {value!r} is no valid name; "
            f"use 1 to {LABEL_CHARS_MAX} ASCII letters, digits, '_' and '-', beginning with a letter or digit"
        )
    return value


def check_task_name(value: object) -> str:
    """Returns `value` if it can name a task, as `shop.mail.send_email`; otherwise raises InvalidOption."""
    if not isinstance(value, str) or len(value) > NAME_CHARS_MAX or not _TASK_NAME.fullmatch(value):
        raise InvalidOption(
            f"task name {value!r} is not valid; "
            f"use at most {NAME_CHARS_MAX} characters: "
            f"ASCII identifiers joined by dots, such as 'shop.mail.send_email'"
        )
    return value
