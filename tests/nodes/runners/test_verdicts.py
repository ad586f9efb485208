"""What a handler's exception says should follow, and what of it stands in the DONE row."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring import AttemptTimedOut, CpuLimitExceeded, NoRetry, Retry, Snooze, task
from mainspring.broker.tasks.options import TaskOptions
from mainspring.broker.wire.limits import AFTER_MS_MAX
from mainspring.broker.wire.rows import VERDICTS
from mainspring.nodes.runners.frames import DONE_COLUMNS
from mainspring.nodes.runners.outcome import failure, not_started, success
from mainspring.nodes.runners.verdict import verdict_on


class TooManyRequests(Exception):
    """What a client of somebody's HTTP API raises."""

    def __init__(self, retry_after: object) -> None:
        super().__init__("429")
        self.retry_after = retry_after


class Broken(Exception):
    """An exception whose attributes cannot be had."""

    @property
    def retry_after(self) -> float:
        """Fails."""
        raise RuntimeError("no")


NAMED = TaskOptions(no_retry=(ValueError, KeyboardInterrupt), no_count=(OSError, TooManyRequests))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (RuntimeError(), (None, None)),
        (NoRetry("no such account"), ("no_retry", None)),
        (Retry(), ("retry", None)),
        (Retry("busy", after=1.5), ("retry", 1500)),
        (Retry(after=timedelta(minutes=2), count=False), ("no_count", 120_000)),
        (Retry(count=False), ("no_count", None)),
        (Snooze(0), ("snooze", 0)),
        (Snooze(datetime(2020, 1, 1, tzinfo=UTC)), ("snooze", 0)),
        (ValueError(), ("no_retry", None)),
        (UnicodeError(), ("no_retry", None)),  # a subclass
        (KeyboardInterrupt(), ("no_retry", None)),
        (ConnectionError(), ("no_count", None)),
        (TooManyRequests(2), ("no_count", 2000)),
    ],
)
def test_an_exception_speaks(fault: BaseException, said: tuple[str | None, int | None]) -> None:
    """Our own exceptions say it themselves, others by their class in the task's options."""
    assert verdict_on(fault, NAMED) == said


@pytest.mark.parametrize(
    ("asked", "after_ms"),
    [
        (30, 30_000),
        (0, 0),
        (0.0005, 1),
        (timedelta(seconds=3), 3000),
        (10**30, AFTER_MS_MAX),
        (-1, None),
        (True, None),
        ("30", None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        (timedelta(seconds=-1), None),
    ],
)
def test_retry_after_of_any_exception_is_honoured(asked: object, after_ms: int | None) -> None:
    """A finite number of seconds, 0 or more, is a wait, cut to the bound; anything else is passed over."""
    said = verdict_on(TooManyRequests(asked), None)

    assert said == ("retry" if after_ms is not None else None, after_ms)
    assert verdict_on(Broken(), None) == (None, None)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([RuntimeError(), NoRetry()], ("no_retry", None)),
        ([Snooze(5), NoRetry()], ("no_retry", None)),
        ([Snooze(5), RuntimeError()], ("retry", 5000)),
        ([Retry(count=False), RuntimeError()], (None, None)),
        ([Retry(after=5), Retry(after=7, count=False)], ("retry", 7000)),
        ([Retry(count=False), Snooze(3)], ("no_count", 3000)),
        ([Snooze(3), Snooze(4)], ("snooze", 4000)),
        ([ExceptionGroup("inner", [NoRetry()]), Retry()], ("no_retry", None)),
    ],
)
def test_the_strictest_of_a_group_decides(
    faults: list[Exception],
    said: tuple[str | None, int | None],
) -> None:
    """A group, as a TaskGroup raises it, says what its strictest part says, and waits for the longest."""
    assert verdict_on(ExceptionGroup("several", faults), NAMED) == said


def test_a_task_may_name_the_class_of_a_group() -> None:
    """`no_retry=ExceptionGroup` is meant for the group itself."""
    options = TaskOptions(no_retry=(ExceptionGroup,))

    assert verdict_on(ExceptionGroup("g", [RuntimeError()]), options) == ("no_retry", None)


def test_a_snooze_is_no_failure() -> None:
    """The outcome is `returned`, without an error, and the kind says why."""
    row = dict(zip(DONE_COLUMNS, failure(1, 2, Snooze(60)), strict=True))

    assert (row["outcome"], row["error"], row["error_kind"]) == ("returned", None, "snooze")
    assert (row["verdict"], row["after_ms"]) == ("snooze", 60_000)


def test_a_retry_shows_its_public_name() -> None:
    """Whoever reads the error finds the name under which it was imported, and what it was raised from."""
    try:
        try:
            raise ConnectionError("reset")
        except ConnectionError as fault:
            raise Retry("the shop is away", after=5) from fault
    except Retry as raised:
        row = dict(zip(DONE_COLUMNS, failure(1, 2, raised), strict=True))

    assert (row["outcome"], row["error_kind"]) == ("failed", "mainspring.Retry")
    assert row["error"].endswith("mainspring.Retry: the shop is away")
    assert "ConnectionError: reset" in row["error"]
    assert (row["verdict"], row["after_ms"]) == ("retry", 5000)


@pytest.mark.parametrize(
    ("fault", "reason", "told"),
    [
        (NoRetry("in vain"), "timeout", ("timed_out", "timeout", "no_retry", None)),
        (Retry(after=5, count=False), "timeout", ("timed_out", "timeout", "no_count", 5000)),
        (Snooze(5), "timeout", ("timed_out", "timeout", "retry", 5000)),
        (AttemptTimedOut(), "timeout", ("timed_out", "timeout", None, None)),
        (Snooze(5), "cancelled", ("cancelled", "cancelled", None, None)),
        (NoRetry(), "lease_lost", ("cancelled", "lease_lost", None, None)),
    ],
)
def test_an_interrupted_attempt_may_still_speak(
    fault: Exception, reason: str, told: tuple[str, str, str | None, int | None]
) -> None:
    """What timed out has failed, and may say what follows; what was cancelled has nothing to say."""
    row = dict(zip(DONE_COLUMNS, failure(1, 2, fault, reason), strict=True))

    assert (row["outcome"], row["error_kind"], row["verdict"], row["after_ms"]) == told


def test_limits_are_told_as_such_where_the_task_has_them() -> None:
    """MemoryError and CpuLimitExceeded have kinds of their own, and the mend, if the task sets the limit."""
    limited = TaskOptions(memory_bytes=64 * 2**20, cpu_ms=1500)

    assert failure(1, 2, MemoryError(), None, TaskOptions())[6] == "MemoryError"
    memory, cpu = (failure(1, 2, fault, None, limited) for fault in (MemoryError(), CpuLimitExceeded("used up")))
    assert memory[6] == "memory_limit"
    assert memory[5].endswith("its task allows a run 64 MiB; raise `memory` of @task, or work in smaller parts")
    assert cpu[6] == "cpu_limit"
    assert cpu[5].endswith("its task allows a run 1.5 s of CPU time; raise `cpu` of @task, or do less in one job")


@given(
    st.recursive(
        st.sampled_from(
            [RuntimeError(), NoRetry(), Retry(after=3), Retry(count=False), Snooze(4), OSError(), Broken()]
        ),
        lambda inner: st.builds(lambda parts: ExceptionGroup("g", parts), st.lists(inner, min_size=1, max_size=4)),
        max_leaves=20,
    )
)
def test_a_verdict_always_fits_the_wire(fault: Exception) -> None:
    """Whatever is raised, the verdict is one of VERDICTS or None, and its wait is within the bounds."""
    verdict, after_ms = verdict_on(fault, NAMED)

    assert verdict is None or verdict in VERDICTS
    assert after_ms is None or 0 <= after_ms <= AFTER_MS_MAX
    assert (verdict != "snooze") or after_ms is not None


def test_every_row_has_every_column() -> None:
    """Rows are as long as DONE_COLUMNS say, however a run ended."""

    @task
    def anything() -> None: ...

    rows = [success(1, 2, None), success(1, 2, object()), not_started(1, "cancelled"), failure(1, 2, Snooze(1))]
    rows.append(failure(1, 2, ValueError(), "timeout", anything.options))

    assert {len(row) for row in rows} == {len(DONE_COLUMNS)}
