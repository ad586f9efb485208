"""Jobs as rows of the protocol: what the submit says goes before what the task says."""

from typing import Any

import pytest

from mainspring import InvalidOption, job, task
from mainspring.broker.net.rows import Options, check, job_row, job_rows
from mainspring.broker.wire.rows import JOB_COLUMNS, job_fault


@task(name="at", queue="slow", priority=5, expires=60, deadline=90)
def at() -> None:
    """A task with times of its own."""


def row_of(options: Options) -> dict[str, Any]:
    """Returns the row of `at` under options, by column, and checks that it may travel."""
    row = job_row(at.job(), check(options))
    assert job_fault(row, 1000) is None
    return dict(zip(JOB_COLUMNS, row, strict=True))


def test_a_plain_job_carries_what_its_task_says() -> None:
    """Both ways to make a row give the same one."""
    (row,), _ = job_rows([at.job()], {})

    assert row == job_row(at.job(), check({}))
    assert job_fault(row, 1000) is None
    told = dict(zip(JOB_COLUMNS, row, strict=True))
    assert (told["queue"], told["priority"], told["expires_ms"], told["deadline_ms"]) == ("slow", 5, 60_000, 90_000)


def test_the_submit_has_the_last_word() -> None:
    """Expiry and deadline are independent of each other; what is not said stays the task's."""
    assert row_of({"deadline": 5})["deadline_ms"] == 5000
    assert row_of({"deadline": 5})["expires_ms"] == 60_000
    assert row_of({"expires": 5})["deadline_ms"] == 90_000
    (rows, _) = job_rows([at.job(), (at.job(), {"deadline": 7})], {"deadline": 6})
    assert [row[JOB_COLUMNS.index("deadline_ms")] for row in rows] == [6000, 7000]


def test_a_job_by_name_has_no_times_of_its_own() -> None:
    """What is known by name only is submitted as the options say, and as the task's executors announced it."""
    (plain,), _ = job_rows([job("at")], {})
    (timed,), _ = job_rows([job("at")], {"deadline": 2})

    assert plain[2] is plain[4] is plain[10] is plain[12] is None
    assert timed[12] == 2000


def test_a_deadline_that_cannot_be_is_refused() -> None:
    """It is named with what it may be."""
    with pytest.raises(InvalidOption, match="deadline is 0; give more than 0 seconds"):
        check({"deadline": 0})


def test_the_trace_of_a_submitter_travels() -> None:
    """It is what joins a log of attempts to that of whoever submitted them, so its form is checked."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert row_of({"trace": trace})["trace"] == trace
    for wrong in ("", "4bf92f3577b34da6a3ce929d0e0e4736", trace.upper(), f"{trace}-0", 7):
        with pytest.raises(InvalidOption, match="give a W3C traceparent such as 00-"):
            check({"trace": wrong})
