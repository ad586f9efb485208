"""How a job is shown to people: what failed attempts have left, why it was given up, what was done by hand."""

from typing import Any

import pytest

from mainspring.nodes.cli.job_shown import show_job

TRACEBACK = 'Traceback (most recent call last):\n  File "shop.py"\nValueError: no address'


def an_attempt(number: int, **columns: Any) -> dict[str, Any]:
    """One attempt, as `--json` has it."""
    usual = {"outcome": "failed", "error": TRACEBACK, "error_kind": "ValueError", "output": None, "node": "n"}
    times = {"started_ms": 1000, "finished_ms": 2000, "lateness_ms": 5, "duration_ms": 1000}
    return {"attempt": number, "executor": "e", **usual, **times, **columns}


def a_job(*executions: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """A job, as `--json` has it."""
    usual = {"id": 7, "job": "7", "state": "dead", "task": "shop.ship", "retries": 0, "audit": [], "error": None}
    return {**usual, "executions": list(executions), **columns}


def shown(capsys: pytest.CaptureFixture[str], found: dict[str, Any]) -> str:
    """Gives what is printed of a job, with single spaces."""
    show_job(found)
    return "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())


def test_failed_attempts_show_what_they_left(capsys: pytest.CaptureFixture[str]) -> None:
    """Traceback and output of each; those in a row that left the same count as one; what could steer is shown."""
    text = shown(
        capsys,
        a_job(
            an_attempt(1),
            an_attempt(2),
            an_attempt(
                3, outcome="crashed", error="the runner process exited with status 3", output="a\x1b[1m\nlast\n"
            ),
        ),
    )
    assert text.endswith(
        'attempts 1 to 2 failed:\nTraceback (most recent call last):\nFile "shop.py"\nValueError: no address\n'
        "\nattempt 3 wrote at the end:\na\\x1b[1m\nlast"
    )
    assert "attempt 3 crashed" not in text  # the table has the whole of it


def test_only_the_last_few_are_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    """And where the others are is told."""
    text = shown(capsys, a_job(*[an_attempt(number, output=f"try {number}") for number in range(1, 6)]))
    assert "try 2" not in text
    assert "try 3" in text
    assert "(what earlier attempts have left is in `mainspring job 7 --json`)" in text


def test_what_went_well_leaves_nothing_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a success nor a cancel or a snooze shows a traceback."""
    text = shown(
        capsys,
        a_job(
            an_attempt(1, outcome="returned", error=None, error_kind="snooze"),
            an_attempt(2, outcome="cancelled"),
            an_attempt(3, outcome="succeeded", error=None, error_kind=None, output="printed"),
            state="succeeded",
            result=[1],
        ),
    )
    assert "snoozed: it asked to run later" in text
    assert "Traceback" not in text
    assert "printed" not in text
    assert "result [1]" in text


@pytest.mark.parametrize(
    ("attempt", "retries", "why"),
    [
        ({"error_kind": "crash_budget", "outcome": "crashed"}, 3, "its process or executor has died too often"),
        ({"error_kind": "deadline", "outcome": "timed_out"}, 0, "its deadline has passed"),
        ({"error_kind": "mainspring.NoRetry"}, 3, "its handler said that no attempt could succeed"),
        ({}, 3, "retries were left, but its handler, its task's no_retry or its deadline ruled them out"),
        ({}, 0, None),
        ({}, None, None),
    ],
)
def test_why_a_job_was_given_up(
    capsys: pytest.CaptureFixture[str], attempt: dict[str, Any], retries: int | None, why: str | None
) -> None:
    """That retries are used up goes without saying; everything else is told."""
    found = a_job(an_attempt(1, **attempt), retries=retries, deadline_ms=1_700_000_000_000)
    if retries is None:
        found["executions"] = []
    text = shown(capsys, found)
    assert (f"given up {why}" in text) if why else ("given up" not in text)
    assert "deadline 20" in text


def test_what_was_done_by_hand_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Who, what, and why, in order."""
    change = {"made_ms": 1000, "who": "ann@host", "action": "job retried", "before": "dead", "after": "ready"}
    text = shown(capsys, a_job(an_attempt(1), audit=[{**change, "note": "mended"}, {**change, "note": None}]))
    assert "by hand who what why" in text
    assert "ann@host retried: dead -> ready mended" in text
    assert text.count("ann@host retried: dead -> ready") == 2
