"""The log line of an ended attempt: its level, and the facts by which other systems' logs are joined."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from mainspring.actors.executor.acts import AttemptEnded
from mainspring.nodes.log import configure_log
from mainspring.nodes.processes.job_log import log_attempt

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FAILED = AttemptEnded(
    (3 << 40) + 1042, 2, "shop.pay", "mail", "acme", TRACE, "failed", "ValueError", 1_700_000_000_000,
    1_700_000_000_250, 1_700_000_001_000,
)  # fmt: skip


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the process logs, as JSON."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_log("info", "json", "executor-1", "node-1")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_failed_attempt_has_every_fact(lines: io.StringIO) -> None:
    """Its line is a warning and names the job, when it was due, when it ran, and the trace."""
    log_attempt(FAILED)
    told = json.loads(lines.getvalue())
    del told["time"]
    assert told == {
        "level": "warning", "actor": "executor-1", "node": "node-1", "message": "attempt failed",
        "task_id": "3-1042", "task": "shop.pay", "attempt": 2, "queue": "mail", "tenant": "acme", "outcome": "failed",
        "scheduled_at": "2023-11-14T22:13:20.000Z", "executed_at": "2023-11-14T22:13:20.250Z", "duration_ms": 750,
        "error_kind": "ValueError", "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }  # fmt: skip


def test_what_is_not_known_is_left_out(lines: io.StringIO) -> None:
    """An attempt that never started has no executed_at; a trace of another form gives no trace_id."""
    log_attempt(FAILED._replace(outcome="returned", started_ms=None, finished_ms=None, error_kind=None, trace="x"))
    told = json.loads(lines.getvalue())
    assert (told["level"], told["message"]) == ("info", "attempt returned")
    assert not told.keys() & {"executed_at", "duration_ms", "error_kind", "trace_id"}


def test_a_level_that_is_not_logged_costs_no_line(lines: io.StringIO) -> None:
    """Above the level in force nothing is written."""
    logging.getLogger().setLevel(logging.ERROR)
    log_attempt(FAILED)
    assert lines.getvalue() == ""
