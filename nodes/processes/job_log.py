"""The log line of an attempt that has ended.

Decides its level, its text and its facts: `task_id`, `scheduled_at`, `executed_at` and `trace_id` are what other
systems' logs are joined by. Must not know which attempts are told: the machine decides that.
"""

import logging
import time
from typing import Any

from ...actors.executor.acts import AttemptEnded
from ...broker.wire.ids import format_id
from ..log import fields

log = logging.getLogger("mainspring.jobs")

_LEVELS = {"failed": logging.WARNING, "timed_out": logging.WARNING, "crashed": logging.WARNING}
_TRACE_PARTS = 4


def log_attempt(ended: AttemptEnded) -> None:
    """Writes the line of one attempt."""
    level = _LEVELS.get(ended.outcome, logging.INFO)
    if log.isEnabledFor(level):
        log.log(level, "attempt %s", ended.outcome.replace("_", " "), extra=fields(**_facts(ended)))


def _facts(ended: AttemptEnded) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "task_id": format_id(ended.job_id),
        "task": ended.task,
        "attempt": ended.attempt,
        "queue": ended.queue,
        "tenant": ended.tenant,
        "outcome": ended.outcome,
        "scheduled_at": _instant(ended.scheduled_ms),
    }
    if ended.started_ms is not None:
        facts["executed_at"] = _instant(ended.started_ms)
        facts["duration_ms"] = (ended.finished_ms or ended.started_ms) - ended.started_ms
    if ended.error_kind is not None:
        facts["error_kind"] = ended.error_kind
    trace = (ended.trace or "").split("-")
    if len(trace) == _TRACE_PARTS:  # a traceparent: version, trace, span, flags
        facts["trace_id"] = trace[1]
    return facts


def _instant(ms: int) -> str:
    whole, rest = divmod(ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{rest:03d}Z"
