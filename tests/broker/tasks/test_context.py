"""The context of a job: its facts, its fence, and how code finds it."""

from datetime import UTC, datetime

import pytest

from mainspring import Context
from mainspring.broker.tasks.context import CURRENT, Fence


def a_context(*, deadline_ms: int | None = 2_000) -> Context:
    """A context with values that can be told apart."""
    return Context(7, 2, 3, 41, "shop.send", 1_500, deadline_ms, "mail", "acme", "00-trace", run_id=9)


def test_times_are_aware_and_exact() -> None:
    """The due time and the deadline are UTC datetimes to the millisecond."""
    context = a_context()

    assert context.due == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert context.deadline == datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert a_context(deadline_ms=None).deadline is None
    assert context.cancelled is False


def test_fences_compare_as_pairs_and_as_text() -> None:
    """The order of fences is that of (epoch, index), in Python and in a text column."""
    fences = [Fence(1, 9), Fence(1, 10), Fence(2, 0), Fence(10, 5)]

    assert fences == sorted(fences)
    assert [str(fence) for fence in fences] == sorted(str(fence) for fence in fences)
    assert a_context().fence == Fence(3, 41)


def test_the_current_context_is_that_of_the_running_job() -> None:
    """Outside of a job there is none, and the error says where to ask."""
    with pytest.raises(LookupError, match=r"no job is running here; call Context.current\(\)"):
        Context.current()
    context = a_context()
    token = CURRENT.set(context)
    try:
        assert Context.current() is context
    finally:
        CURRENT.reset(token)


def test_a_detached_context_has_the_lowest_fence() -> None:
    """What is called outside of a job can overtake nothing."""
    context = Context.detached("shop.send")

    assert context.fence < Fence(1, 0)
    assert context.due.tzinfo is UTC
    assert "shop.send" in repr(context)
