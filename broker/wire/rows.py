"""The columns of every flat row inside messages, and the checks that hostile ones must pass.

Decides positions and types. Knows nothing of meaning beyond a field's own bounds. Hot code indexes rows by position;
everybody else imports the column names from here, and docs/protocol.md prints them.
"""

from itertools import product
from typing import Any, cast

from .limits import AFTER_MS_MAX, BATCH_JOBS_MAX, IDS_MAX, NAME_CHARS_MAX, PRIORITY_MAX, TIME_MS_MAX

JOB_COLUMNS = (
    "task",
    "payload",
    "queue",
    "tenant",
    "priority",
    "delay_ms",
    "at_ms",
    "key",
    "retry",
    "timeout_ms",
    "expires_ms",
    "trace",
    "deadline_ms",
)
"""A job as submitted: delay_ms (relative) or at_ms (UTC) or neither; expires_ms (it must have started by then) and
deadline_ms (whatever it does is over then) are relative to the submit; retry is a RetryPolicy row.
"""

RUN_COLUMNS = ("id", "attempt", "task", "payload", "timeout_ms", "due_ms", "queue", "tenant", "trace", "left_ms")
"""A job as leased to an executor; timeout_ms None means the task's own default; left_ms is how long it may run until
its deadline by the coordinator's clock (an executor's may be wrong), None if it has none.
"""

RESULT_COLUMNS = (
    "id",
    "attempt",
    "epoch",
    "index",
    "outcome",
    "started_ms",
    "finished_ms",
    "result",
    "error",
    "error_kind",
    "output",
    "verdict",
    "after_ms",
)
"""How an attempt ended; outcome is a name of lifecycle.OUTCOMES; times are UTC ms of the executor, None if it never
started. output: the end of what it wrote, None if nothing is known of it. verdict: what the handler itself says should
follow, one of VERDICTS or None; after_ms: how long to wait before that, None for what the retry policy says.
"""

VERDICTS = ("retry", "no_retry", "no_count", "snooze")
"""What a handler may say of a failed attempt: try again (it counts), never again, try again and do not count it; or
that nothing failed and it wants to run later (snooze: the outcome is `returned`, after_ms is set)."""

TASK_COLUMNS = ("name", "runner", "queue", "retry", "timeout_ms", "priority")
"""A task as an executor announces it: runner kind, default queue, RetryPolicy row, default timeout, default
priority.
"""

HELD_COLUMNS = ("shard", "id", "attempt", "epoch", "index")
"""A lease that an executor still holds at its hello, finished but unacknowledged ones among them."""

ENDED_COLUMNS = ("id", "state", "result", "error", "attempts", "due_ms")
"""A job's state for its client; state not_found where no such job is known."""

SCHEDULE_COLUMNS = (
    "name",
    "tenant",
    "queue",
    "task",
    "payload",
    "priority",
    "retry",
    "timeout_ms",
    "expression",
    "zone",
    "fold",
    "gap",
    "start_ms",
    "end_ms",
    "jitter_ms",
    "catch_up",
    "window_ms",
    "grace_ms",
    "overlap",
    "runs_max",
    "paused",
    "note",
)
"""A schedule's definition, from name to timeout_ms that of its jobs. expression, zone, fold (first, last, both) and gap
(shift, skip) give the nominal instants, from start_ms to end_ms (UTC, both inclusive). jitter_ms moves each by a hash.
An instant at most grace_ms late fires; one that is later does as catch_up (skip, latest, all) says, within window_ms.
overlap (skip, allow, buffer_one) says what becomes of it while an earlier job lives. runs_max ends the schedule.
paused None leaves it as it is; a new one then runs.
"""

CHANGE_COLUMNS = ("tenant", "name", "change", "schedule", "fields", "job")
"""What became of one schedule. change: added, changed, unchanged, removed, paused, resumed, ran, skipped (asked to run
while an earlier job lives) or not_found. schedule: its number, 0 if not_found. fields: rows [field, before, after] as
text. job: the id of the job that `run` made, else None.
"""

FOLDS = ("first", "last", "both")
GAPS = ("shift", "skip")
CATCH_UPS = ("skip", "latest", "all")
OVERLAPS = ("skip", "allow", "buffer_one")
SCHEDULE_ACTIONS = ("pause", "resume", "run", "remove")
JOB_ACTIONS = ("retry", "skip", "discard")

_OPTIONAL_INT = (int, type(None))
_OPTIONAL_STR = (str, type(None))
_OPTIONAL_LIST = (list, type(None))

_JOB_TYPES = (
    str,
    str,
    str,
    str,
    int,
    _OPTIONAL_INT,
    _OPTIONAL_INT,
    _OPTIONAL_STR,
    _OPTIONAL_LIST,
    _OPTIONAL_INT,
    _OPTIONAL_INT,
    _OPTIONAL_STR,
    _OPTIONAL_INT,
)
_RESULT_TYPES = (
    int,
    int,
    int,
    int,
    str,
    _OPTIONAL_INT,
    _OPTIONAL_INT,
    _OPTIONAL_STR,
    _OPTIONAL_STR,
    _OPTIONAL_STR,
    _OPTIONAL_STR,
    _OPTIONAL_STR,
    _OPTIONAL_INT,
)
_TASK_TYPES = (str, str, str, list, _OPTIONAL_INT, int)
_RUN_TYPES = (int, int, str, str, _OPTIONAL_INT, int, str, str, _OPTIONAL_STR, _OPTIONAL_INT)


def shapes(types: tuple[Any, ...]) -> frozenset[tuple[type, ...]]:
    """Returns every row of exact types that these columns allow: one look-up settles a well-formed row."""
    choices: list[tuple[type, ...]] = [kind if isinstance(kind, tuple) else (kind,) for kind in types]
    return frozenset(product(*choices))


_JOB_SHAPES, _RESULT_SHAPES, _RUN_SHAPES = shapes(_JOB_TYPES), shapes(_RESULT_TYPES), shapes(_RUN_TYPES)
_PLAIN_RESULT = (int, int, int, int, str, int, int, str, *[type(None)] * 5)
_PLAIN_JOB = (str, str, str, str, int, *[type(None)] * 8)

assert len(_JOB_TYPES) == len(JOB_COLUMNS)
assert len(_RESULT_TYPES) == len(RESULT_COLUMNS)
assert len(_TASK_TYPES) == len(TASK_COLUMNS)
assert len(_RUN_TYPES) == len(RUN_COLUMNS)
assert _PLAIN_JOB in _JOB_SHAPES
assert _PLAIN_RESULT in _RESULT_SHAPES


def job_fault(found: Any, payload_bytes_max: int) -> tuple[str, str] | None:
    """Returns (code, text) of what is wrong with a submitted job row, or None.

    Args:
        found: what stood in a Submit, of any shape.
        payload_bytes_max: the shard's own bound, in bytes of UTF-8.
    """
    row = cast("list[Any]", found)
    shape = tuple(map(type, row)) if type(found) is list else ()
    # The plain job (no options set) is nearly every job, and one comparison of types settles it.
    if shape != _PLAIN_JOB:
        fault = None if shape in _JOB_SHAPES else shape_fault(found, JOB_COLUMNS, _JOB_TYPES)
        fault = fault or _options_fault(row)
        if fault is not None:
            return "invalid_job", fault
    task, payload, queue, tenant, priority = row[:5]
    longest, shortest = max(len(task), len(queue), len(tenant)), min(len(task), len(queue), len(tenant))
    if not 0 < shortest <= longest <= NAME_CHARS_MAX:
        return "invalid_job", f"task, queue and tenant are names of 1 to {NAME_CHARS_MAX} characters"
    if not -PRIORITY_MAX <= priority <= PRIORITY_MAX:
        return "invalid_job", f"priority={priority} is out of range; it runs from -{PRIORITY_MAX} to {PRIORITY_MAX}"
    size = len(payload)
    if size * 4 > payload_bytes_max and len(payload.encode("utf-8", "surrogatepass")) > payload_bytes_max:
        text = f"the payload of {task} has {size} characters; at most {payload_bytes_max} bytes are taken"
        return "payload_too_large", text
    return None


def _options_fault(row: list[Any]) -> str | None:
    delay_ms, at_ms, key, _retry, timeout_ms, expires_ms, trace, deadline_ms = row[5:13]
    if delay_ms is not None and at_ms is not None:
        return "delay_ms and at_ms are both set; give one of them"
    for name, value, low in (
        ("delay_ms", delay_ms, 0),
        ("at_ms", at_ms, 0),
        ("timeout_ms", timeout_ms, 1),
        ("expires_ms", expires_ms, 1),
        ("deadline_ms", deadline_ms, 1),
    ):
        if value is not None and not low <= value <= TIME_MS_MAX:
            return f"{name}={value} is out of range; it runs from {low} to {TIME_MS_MAX}"
    for name, text in (("key", key), ("trace", trace)):
        if text is not None and not 0 < len(text) <= NAME_CHARS_MAX:
            return f"{name} has {len(text)} characters; it takes 1 to {NAME_CHARS_MAX}"
    return None


def shape_fault(found: Any, columns: tuple[str, ...], types: tuple[Any, ...]) -> str | None:
    """Returns what is wrong with the shape of one row, or None."""
    row = cast("list[Any]", found)
    if type(found) is not list or len(row) != len(columns):
        return f"a row has the columns {', '.join(columns)}"
    for name, value, kind in zip(columns, row, types, strict=True):
        # Exact types: a bool is no int here.
        if type(value) is not kind and not (isinstance(kind, tuple) and type(value) in kind):
            return f"{name} has the wrong type {type(value).__name__}"
    return None


def result_fault(found: Any) -> str | None:
    """Returns what is wrong with one row of a Finished, or None."""
    row = cast("list[Any]", found)
    shape = tuple(map(type, row)) if type(found) is list else ()
    # As for jobs: nearly every result is a plain success, which one comparison settles.
    if shape != _PLAIN_RESULT and shape not in _RESULT_SHAPES:
        fault = shape_fault(found, RESULT_COLUMNS, _RESULT_TYPES)
        if fault is not None:
            return fault
    started_ms, finished_ms, verdict, after_ms = row[5], row[6], row[11], row[12]
    if started_ms is not None and not 0 <= started_ms <= TIME_MS_MAX:
        return f"started_ms={started_ms} is out of range; it runs from 0 to {TIME_MS_MAX}"
    if finished_ms is not None and not 0 <= finished_ms <= TIME_MS_MAX:
        return f"finished_ms={finished_ms} is out of range; it runs from 0 to {TIME_MS_MAX}"
    if verdict is not None and verdict not in VERDICTS:
        return f"verdict is {verdict[:40]!r}; it is one of {', '.join(VERDICTS)}"
    if after_ms is not None and not 0 <= after_ms <= AFTER_MS_MAX:
        return f"after_ms={after_ms} is out of range; it runs from 0 to {AFTER_MS_MAX}"
    return None


def task_fault(found: Any) -> str | None:
    """Returns what is wrong with one announced task, or None."""
    fault = shape_fault(found, TASK_COLUMNS, _TASK_TYPES)
    if fault is not None:
        return fault
    name, runner, queue, _, timeout_ms, priority = cast("list[Any]", found)
    for column, text in (("name", name), ("runner", runner), ("queue", queue)):
        if not 0 < len(text) <= NAME_CHARS_MAX:
            return f"{column} has {len(text)} characters; it takes 1 to {NAME_CHARS_MAX}"
    if timeout_ms is not None and not 0 <= timeout_ms <= TIME_MS_MAX:
        return f"timeout_ms={timeout_ms} is out of range; it runs from 0 to {TIME_MS_MAX}"
    if not -PRIORITY_MAX <= priority <= PRIORITY_MAX:
        return f"priority={priority} is out of range; it runs from -{PRIORITY_MAX} to {PRIORITY_MAX}"
    return None


def run_fault(row: Any) -> str | None:
    """Returns what is wrong with one row of a Run, or None."""
    if type(row) is list and tuple(map(type, cast("list[Any]", row))) in _RUN_SHAPES:
        return None
    return shape_fault(row, RUN_COLUMNS, _RUN_TYPES)


def ids_fault(ids: list[Any]) -> tuple[str, str] | None:
    """Returns (code, text) of what is wrong with a list of ids, or None."""
    if len(ids) > IDS_MAX:
        return "batch_too_large", f"{len(ids)} ids in one message; at most {IDS_MAX} are taken"
    if not all(type(id) is int and 0 < id < 1 << 53 for id in ids):
        return "invalid_query", "an id is a positive integer below 2**53"
    return None


assert BATCH_JOBS_MAX > 0
