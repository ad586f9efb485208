"""The options of one submit: when, under which key, for whom, and what of the task's options it overrides.

It decides which values are allowed and brings them to wire units. It must not know what the coordinator makes
of them. Instants round up to the millisecond, so that nothing is early.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ..wire.limits import PRIORITY_MAX, TIME_MS_MAX
from .exceptions import InvalidOption
from .limits import KEY_CHARS_MAX, RETRIES_MAX
from .options import Span, check_int, check_label, span_ms

DEFAULT_TENANT: Final = "default"
"""Whose a job or a schedule is if nobody says."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRACEPARENT: Final = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """The options of one submit, validated; None means "as the task says".

    Attributes:
        delay_ms: Milliseconds from the moment of acceptance; excludes `at_ms`.
        at_ms: UTC milliseconds; excludes `delay_ms`.
        key: Idempotency key.
        tenant: The tenant to submit for.
        queue: Overrides the task's queue.
        priority: Overrides the task's priority.
        retries: Overrides the task's retries.
        timeout_ms: Overrides the task's timeout.
        expires_ms: Overrides the task's expiry.
        deadline_ms: Overrides the task's deadline: milliseconds from acceptance until all is over.
        trace: The `traceparent` of the submitter.
    """

    delay_ms: int | None = None
    at_ms: int | None = None
    key: str | None = None
    tenant: str | None = None
    queue: str | None = None
    priority: int | None = None
    retries: int | None = None
    timeout_ms: int | None = None
    expires_ms: int | None = None
    deadline_ms: int | None = None
    trace: str | None = None


def submit_options(
    *,
    delay: Span | None = None,
    at: datetime | None = None,
    key: str | None = None,
    tenant: str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    retries: int | None = None,
    timeout: Span | None = None,
    expires: Span | None = None,
    deadline: Span | None = None,
    trace: str | None = None,
) -> SubmitOptions:
    """Validates the options of a submit.

    Args:
        delay: Seconds (or a timedelta) to wait, 0 or more; not together with `at`.
        at: The instant to run at, with a time zone.
        key: 1 to 200 characters; a second submit under it gives the first job.
        tenant: A tenant's name.
        queue: A queue's name.
        priority: -100 to 100, higher first.
        retries: 0 to 1000.
        timeout: Seconds (or a timedelta), above 0.
        expires: Seconds (or a timedelta) for which the job may still start, above 0.
        deadline: Seconds (or a timedelta) after which all attempts are over, above 0: no attempt starts later, and one
            that runs is ended.
        trace: A W3C `traceparent`, which the handler finds in its context, and the log beside each attempt.

    Raises:
        InvalidOption: Names the option and what it may be.
    """
    if delay is not None and at is not None:
        raise InvalidOption("delay and at are both given; give one of them")
    return SubmitOptions(
        delay_ms=None if delay is None else span_ms("delay", delay),
        at_ms=None if at is None else instant_ms("at", at),
        key=None if key is None else _check_key(key),
        tenant=None if tenant is None else check_label("tenant", tenant),
        queue=None if queue is None else check_label("queue", queue),
        priority=None if priority is None else check_int("priority", priority, -PRIORITY_MAX, PRIORITY_MAX),
        retries=None if retries is None else check_int("retries", retries, 0, RETRIES_MAX),
        timeout_ms=None if timeout is None else span_ms("timeout", timeout, least_ms=1),
        expires_ms=None if expires is None else span_ms("expires", expires, least_ms=1),
        deadline_ms=None if deadline is None else span_ms("deadline", deadline, least_ms=1),
        trace=None if trace is None else _check_trace(trace),
    )


def instant_ms(option: str, instant: object) -> int:
    """Returns an aware datetime as UTC milliseconds, rounded up.

    Raises:
        InvalidOption: It is no datetime, has no time zone, or lies before 1970 or after 9999.
    """
    if not isinstance(instant, datetime):
        raise InvalidOption(f"{option} is {instant!r}; give a datetime with a time zone")
    if instant.utcoffset() is None:
        raise InvalidOption(
            f"{option} is {instant.isoformat()}, which has no time zone; "
            f"give one, as in datetime(…, tzinfo=ZoneInfo('Europe/Paris'))"
        )
    ms = -((_EPOCH - instant) // timedelta(milliseconds=1))
    if ms < 0:
        raise InvalidOption(f"{option} is {instant.isoformat()}, before 1970; give a later instant")
    if ms > TIME_MS_MAX:
        raise InvalidOption(f"{option} is {instant.isoformat()}, after the year 9999 in UTC; give an earlier instant")
    return ms


def _check_key(key: object) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= KEY_CHARS_MAX:
        raise InvalidOption(f"key is {str(key)[:40]!r}; give text of 1 to {KEY_CHARS_MAX} characters")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise InvalidOption("key holds half a surrogate pair, which is no text; decode it properly") from None
    return key


def _check_trace(trace: object) -> str:
    if not isinstance(trace, str) or not _TRACEPARENT.fullmatch(trace):
        example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        raise InvalidOption(f"trace is {str(trace)[:60]!r}; give a W3C traceparent such as {example}")
    return trace
