"""How a run ended, as the row that the child sends.

It decides the outcome and what goes with it; a handler that raises after it was cancelled has been cancelled,
whatever it raises. It must not know how the handler was called. Times are the wall clock's, in UTC
milliseconds.
"""

import time

from ...broker.tasks.arguments import encode_result
from .errors import error_kind, error_text
from .frames import NOT_STARTED, REASONS, Row


def success(run_id: int, started_ms: int, value: object) -> Row:
    """Returns the DONE row of a handler that returned, which fails if its result cannot travel."""
    finished_ms = time.time_ns() // 1_000_000
    try:
        return [run_id, "succeeded", started_ms, finished_ms, encode_result(value), None, None, None, None, None]
    except Exception as fault:  # noqa: BLE001  (a model may raise anything while it is dumped)
        return failure(run_id, started_ms, fault)


def failure(run_id: int, started_ms: int, fault: BaseException, reason: str | None = None) -> Row:
    """Returns the DONE row of a handler that raised; `reason` is why it had been cancelled, if it had."""
    finished_ms = time.time_ns() // 1_000_000
    outcome = "failed" if reason is None else REASONS.get(reason, "cancelled")
    kind = reason or error_kind(fault)
    return [run_id, outcome, started_ms, finished_ms, None, error_text(fault), kind, None, None, None]


def not_started(run_id: int, reason: str, why: str | None = None) -> Row:
    """Returns the DONE row of a run whose handler was never called."""
    now_ms = time.time_ns() // 1_000_000
    text = f"not started: {why or reason}"
    return [run_id, REASONS.get(reason, "cancelled"), now_ms, now_ms, None, text, NOT_STARTED, None, None, None]
