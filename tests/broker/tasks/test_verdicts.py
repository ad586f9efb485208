"""NoRetry, Retry and Snooze: what they take, what they refuse, and how they travel."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest

import mainspring
from mainspring import InvalidOption, NoRetry, Retry, Snooze
from mainspring.broker.tasks.verdicts import Verdict
from mainspring.broker.wire.limits import AFTER_MS_MAX


def test_they_are_exceptions_with_a_text() -> None:
    """A handler raises them as any other error; their text is for the error of the attempt."""
    assert str(NoRetry("no such account")) == "no such account"
    assert str(Retry("busy", after=5)) == "busy"
    assert str(Snooze(2.5)) == "run again in 2.5 s"
    assert all(issubclass(kind, Verdict) and issubclass(kind, Exception) for kind in (NoRetry, Retry, Snooze))


@pytest.mark.parametrize(("after", "after_ms"), [(0, 0), (1.5, 1500), (0.0001, 1), (timedelta(days=366), AFTER_MS_MAX)])
def test_a_wait_is_kept_in_milliseconds(after: float | timedelta, after_ms: int) -> None:
    """Seconds and timedeltas are rounded up."""
    assert Retry(after=after).after_ms == Snooze(after).after_ms == after_ms


def test_a_wait_may_end_at_an_instant() -> None:
    """A datetime with a zone is a wait until then; one that has passed is none."""
    soon = Snooze(datetime.now(UTC) + timedelta(hours=1)).after_ms

    assert soon is not None
    assert 3_500_000 < soon <= 3_600_001
    assert Retry(after=datetime(2000, 1, 1, tzinfo=UTC)).after_ms == 0


def test_a_retry_without_a_wait_leaves_it_to_the_backoff() -> None:
    """None is not 0."""
    assert (Retry().after_ms, Retry().count, Retry(count=False).count) == (None, True, False)
    assert NoRetry().after_ms is None


@pytest.mark.parametrize(
    ("after", "text"),
    [
        (-1, "after is -1; give 0 or more seconds"),
        ("5", "after is '5'; give seconds as a number, or a timedelta"),
        (float("inf"), "give a finite number"),
        (timedelta(days=367), "give at most 366 days"),
        (datetime(2100, 1, 1), "which has no time zone"),  # noqa: DTZ001  (wrong on purpose)
        (datetime(9000, 1, 1, tzinfo=UTC), "give at most 366 days"),
    ],
)
def test_a_wait_that_cannot_be_is_refused_where_it_is_made(after: object, text: str) -> None:
    """The mistake fails the attempt that makes it, with the mend."""
    with pytest.raises(InvalidOption, match=text):
        Retry(after=after)  # type: ignore[arg-type]  (wrong on purpose)
    with pytest.raises(InvalidOption, match=text):
        Snooze(after)  # type: ignore[arg-type]  (wrong on purpose)


def test_seconds_are_no_text() -> None:
    """`Retry(60)` would wait as the backoff says; it is refused."""
    with pytest.raises(InvalidOption, match=r"the text of Retry is 60; give text, and seconds as in Retry\(after=60\)"):
        Retry(60)  # type: ignore[arg-type]  (wrong on purpose)


@pytest.mark.parametrize("fault", [NoRetry("a"), Retry("b", after=3, count=False), Snooze(4)])
def test_they_come_back_from_a_pool_of_processes(fault: Verdict) -> None:
    """A handler that raises one in a process of its own gets the same one."""
    back = pickle.loads(pickle.dumps(fault))

    assert type(back) is type(fault)
    assert (str(back), back.after_ms) == (str(fault), fault.after_ms)
    assert getattr(back, "count", None) == getattr(fault, "count", None)


def test_their_names_are_those_of_the_package() -> None:
    """A traceback shows the name under which they are imported."""
    for kind in (NoRetry, Retry, Snooze):
        assert getattr(mainspring, kind.__name__) is kind
        assert kind.__module__ == "mainspring"
