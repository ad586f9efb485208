"""What a task declares about its jobs: queue, retries, backoff, timeout, priority, runner, limits, labels.

It decides which values are allowed and turns seconds into milliseconds, upwards, so that nothing is ever
early. It must not know who stores or obeys them. Queue and tenant names end in file names and metric labels,
hence the narrow pattern.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from ...actors.jobs.retry import DELAY_MIN_MS, RetryPolicy
from ..wire.limits import NAME_CHARS_MAX, PRIORITY_MAX
from .exceptions import InvalidOption
from .limits import LABEL_CHARS_MAX, RETRIES_MAX, SPAN_MS_MAX

if TYPE_CHECKING:
    from .labels import Labels

Runner: TypeAlias = Literal["process", "asyncio", "thread"]
Span: TypeAlias = int | float | timedelta
Backoff: TypeAlias = Span | tuple[Span, Span]
Errors: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]

RUNNERS: Final[tuple[Runner, ...]] = ("process", "asyncio", "thread")
SYNC_RUNNERS: Final[tuple[Runner, ...]] = ("process", "thread")
"""Those that run a `def`; the first is its default."""

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
        memory_bytes: How much memory an attempt may add to its process, or None for no bound.
        cpu_ms: How much CPU time an attempt may take, or None for no bound.
        labels: Texts `name=value` that its executor must have.
        no_retry: What a handler raises that no other attempt could mend.
        no_count: What a handler raises that does not count against the retries.
    """

    runner: Runner = "process"
    queue: str = "default"
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout_ms: int | None = None
    priority: int = 0
    expires_ms: int | None = None
    deadline_ms: int | None = None
    memory_bytes: int | None = None
    cpu_ms: int | None = None
    labels: tuple[str, ...] = ()
    no_retry: tuple[type[BaseException], ...] = ()
    no_count: tuple[type[BaseException], ...] = ()

    def as_row(self, name: str) -> list[Any]:
        """Returns the columns of `TASK_COLUMNS` for the task `name`."""
        return [name, self.runner, self.queue, list(self.retry.to_row()), self.timeout_ms, self.priority]

    def limits_row(self, name: str) -> list[Any] | None:
        """Returns [name, memory_bytes, cpu_ms, labels] for the task `name`, or None if it has none of these."""
        if self.memory_bytes is None and self.cpu_ms is None and not self.labels:
            return None
        return [name, self.memory_bytes, self.cpu_ms, list(self.labels)]


def task_options(
    *,
    runner: Runner,
    queue: str,
    retries: int,
    backoff: Backoff | None,
    timeout: Span | None,
    priority: int,
    expires: Span | None,
    deadline: Span | None = None,
    memory: int | str | None = None,
    cpu: Span | None = None,
    labels: "Labels" = (),
    no_retry: Errors = (),
    no_count: Errors = (),
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
        deadline: Seconds (or a timedelta), above 0.
        memory: Bytes, or text such as "512MiB"; for the process runner alone.
        cpu: Seconds (or a timedelta), above 0; for the process runner alone.
        labels: A dict of texts, or a list of texts `name=value`.
        no_retry: Classes of exceptions.
        no_count: Classes of exceptions, none of which stands in no_retry.

    Raises:
        InvalidOption: Names the option and what it may be.
    """
    if runner != "process" and (memory is not None or cpu is not None):
        raise InvalidOption(
            f"{'memory' if cpu is None else 'cpu'} is given with the {runner} runner, whose runs share a process; "
            f"leave it out, or make the task a def with runner='process'"
        )
    never, uncounted = _errors("no_retry", no_retry), _errors("no_count", no_count)
    both = set(never) & set(uncounted)
    if both:
        named = ", ".join(sorted(found.__name__ for found in both))
        raise InvalidOption(f"no_retry and no_count both have {named}; leave it out of one of them")
    return TaskOptions(
        runner=runner,
        queue=check_label("queue", queue),
        retry=_retry_policy(check_int("retries", retries, 0, RETRIES_MAX), backoff),
        timeout_ms=None if timeout is None else span_ms("timeout", timeout, least_ms=1),
        priority=check_int("priority", priority, -PRIORITY_MAX, PRIORITY_MAX),
        expires_ms=None if expires is None else span_ms("expires", expires, least_ms=1),
        deadline_ms=None if deadline is None else span_ms("deadline", deadline, least_ms=1),
        memory_bytes=None if memory is None else _memory_bytes(memory),
        cpu_ms=None if cpu is None else span_ms("cpu", cpu, least_ms=1),
        labels=() if labels == () else _label_texts(labels),
        no_retry=never,
        no_count=uncounted,
    )


def _memory_bytes(memory: object) -> int:
    from .sizes import memory_bytes  # here, and so below, for most tasks have none

    return memory_bytes("memory", memory)


def _label_texts(labels: object) -> tuple[str, ...]:
    from .labels import label_texts

    return label_texts("labels", labels)


def _errors(option: str, classes: object) -> tuple[type[BaseException], ...]:
    found = cast("tuple[object, ...]", tuple(classes) if isinstance(classes, (list, tuple)) else (classes,))  # pyright: ignore[reportUnknownArgumentType]  (anything may be given)
    for item in found:
        if not isinstance(item, type) or not issubclass(item, BaseException):
            raise InvalidOption(
                f"{option} has {item!r:.100}; give classes of exceptions, as in {option}=(ValueError, KeyError)"
            )
    return cast("tuple[type[BaseException], ...]", found)


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
