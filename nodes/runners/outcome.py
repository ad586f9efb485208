"""How a run ended, as the row that the child sends.

It decides the outcome and what goes with it; a handler that raises after it was cancelled has been cancelled,
whatever it raises. It must not know how the handler was called. Times are the wall clock's, in UTC
milliseconds.
"""

import time
from typing import Final

from ...broker.tasks.arguments import encode_result
from ...broker.tasks.exceptions import CpuLimitExceeded
from ...broker.tasks.options import TaskOptions
from .errors import error_kind, error_text
from .frames import NOT_STARTED, REASONS, Row
from .verdict import RETRY, SILENCE, SNOOZE, Spoken, verdict_on

MEMORY_LIMIT: Final = "memory_limit"
"""The error_kind of a run that wanted more memory than its task allows."""
CPU_LIMIT: Final = "cpu_limit"
"""The error_kind of a run that used more CPU time than its task allows."""

_NOT_STARTED: Final = {
    "timeout": "its time was over",
    "cancelled": "it was cancelled",
    "lease_lost": "its turn did not come in time, or its lease was over",
}


def success(run_id: int, started_ms: int, value: object) -> Row:
    """Returns the DONE row of a handler that returned, which fails if its result cannot travel."""
    finished_ms = time.time_ns() // 1_000_000
    try:
        return [run_id, "succeeded", started_ms, finished_ms, encode_result(value), None, None, None, None, None]
    except Exception as fault:  # noqa: BLE001  (a model may raise anything while it is dumped)
        return failure(run_id, started_ms, fault)


def failure(
    run_id: int,
    started_ms: int,
    fault: BaseException,
    reason: str | None = None,
    options: TaskOptions | None = None,
) -> Row:
    """Returns the DONE row of a handler that raised.

    Args:
        run_id: The run.
        started_ms: When it began.
        fault: What it raised.
        reason: Why it had been cancelled, if it had.
        options: Those of its task, if that is known.
    """
    finished_ms = time.time_ns() // 1_000_000
    spoken = verdict_on(fault, options)
    if reason is not None:
        outcome = REASONS.get(reason, "cancelled")
        spoken = _of_interrupted(outcome, spoken)
        return [run_id, outcome, started_ms, finished_ms, None, error_text(fault), reason, None, *spoken]
    if spoken.verdict == SNOOZE:
        return [run_id, "returned", started_ms, finished_ms, None, None, SNOOZE, None, *spoken]
    kind, mend = _limit(fault, options)
    text = error_text(fault, mend)
    return [run_id, "failed", started_ms, finished_ms, None, text, kind or error_kind(fault), None, *spoken]


def _limit(fault: BaseException, options: TaskOptions | None) -> tuple[str | None, str]:
    """Returns the error_kind and the mend of a run that met a limit of its task, or (None, "")."""
    if options is not None:
        if isinstance(fault, CpuLimitExceeded) and options.cpu_ms is not None:
            allowed, mend = f"{options.cpu_ms / 1000:g} s of CPU time", "raise `cpu` of @task, or do less in one job"
            return CPU_LIMIT, f"its task allows a run {allowed}; {mend}"
        if isinstance(fault, MemoryError) and options.memory_bytes is not None:
            allowed, mend = f"{options.memory_bytes / 2**20:g} MiB", "raise `memory` of @task, or work in smaller parts"
            return MEMORY_LIMIT, f"its task allows a run {allowed}; {mend}"
    return None, ""


def _of_interrupted(outcome: str, spoken: Spoken) -> Spoken:
    """Returns what remains of a verdict on an attempt that was told to end: one that timed out did not snooze."""
    if outcome != "timed_out":
        return SILENCE
    return Spoken(RETRY, spoken.after_ms) if spoken.verdict == SNOOZE else spoken


def not_started(run_id: int, reason: str, why: str | None = None) -> Row:
    """Returns the DONE row of a run whose handler was never called."""
    now_ms = time.time_ns() // 1_000_000
    text = f"it had not started: {why or _NOT_STARTED.get(reason, reason)}"
    return [run_id, REASONS.get(reason, "cancelled"), now_ms, now_ms, None, text, NOT_STARTED, None, None, None]
