"""The checks that rows of schedules must pass: definitions on their way in, changes on their way out.

Decides types, bounds and the words that a column may hold. Must not know the grammar of cron or the zones: who keeps
schedules checks those. The columns themselves stand in rows.py, with all others.
"""

from typing import Any, cast

from .limits import (
    EXPRESSION_CHARS_MAX,
    INTEGER_MAX,
    JITTER_MS_MAX,
    NAME_CHARS_MAX,
    NOTE_CHARS_MAX,
    PAYLOAD_BYTES_MAX,
    PRIORITY_MAX,
    TIME_MS_MAX,
)
from .rows import CATCH_UPS, CHANGE_COLUMNS, FOLDS, GAPS, OVERLAPS, SCHEDULE_COLUMNS, shape_fault, shapes

CHANGES = ("added", "changed", "unchanged", "removed", "paused", "resumed", "ran", "skipped", "not_found")
"""What may become of a schedule that was named."""

_NONE = type(None)

SCHEDULE_TYPES: tuple[Any, ...] = (
    str,
    str,
    str,
    str,
    str,
    int,
    (list, _NONE),
    (int, _NONE),
    str,
    str,
    str,
    str,
    (int, _NONE),
    (int, _NONE),
    int,
    str,
    int,
    int,
    str,
    (int, _NONE),
    (bool, _NONE),
    (str, _NONE),
)
CHANGE_TYPES: tuple[Any, ...] = (str, str, str, int, list, (int, _NONE))

_SHAPES = shapes(SCHEDULE_TYPES)
_WORDS = (("fold", FOLDS), ("gap", GAPS), ("catch_up", CATCH_UPS), ("overlap", OVERLAPS))
_TEXTS = (
    ("name", NAME_CHARS_MAX),
    ("tenant", NAME_CHARS_MAX),
    ("queue", NAME_CHARS_MAX),
    ("task", NAME_CHARS_MAX),
    ("expression", EXPRESSION_CHARS_MAX),
    ("zone", NAME_CHARS_MAX),
    ("note", NOTE_CHARS_MAX),
)
_NUMBERS = (
    ("priority", -PRIORITY_MAX, PRIORITY_MAX),
    ("timeout_ms", 1, TIME_MS_MAX),
    ("start_ms", 0, TIME_MS_MAX),
    ("end_ms", 0, TIME_MS_MAX),
    ("jitter_ms", 0, JITTER_MS_MAX),
    ("window_ms", 0, TIME_MS_MAX),
    ("grace_ms", 0, TIME_MS_MAX),
    ("runs_max", 1, INTEGER_MAX),
)

assert len(SCHEDULE_TYPES) == len(SCHEDULE_COLUMNS)
assert len(CHANGE_TYPES) == len(CHANGE_COLUMNS)


def schedule_fault(found: Any, payload_bytes_max: int = PAYLOAD_BYTES_MAX) -> str | None:
    """Returns what is wrong with one schedule's definition, or None; its name is in the text if it has one.

    Neither the expression's grammar is looked at, nor the zone, nor what the retry policy holds.

    Args:
        found: what stood in a ScheduleSet or an ExecutorHello, of any shape.
        payload_bytes_max: the shard's own bound, in bytes of UTF-8.
    """
    if type(found) is not list or tuple(map(type, cast("list[Any]", found))) not in _SHAPES:
        return shape_fault(found, SCHEDULE_COLUMNS, SCHEDULE_TYPES)
    fields: dict[str, Any] = dict(zip(SCHEDULE_COLUMNS, cast("list[Any]", found), strict=True))
    name = fields["name"]
    fault = name_fault(name)
    if fault is not None:
        return fault
    fault = _field_fault(fields) or _payload_fault(fields["payload"], payload_bytes_max)
    return None if fault is None else f"schedule {name!r}: {fault}"


def _field_fault(fields: dict[str, Any]) -> str | None:
    for column, chars_max in _TEXTS:
        text = fields[column]
        if text is not None and not 0 < len(text) <= chars_max:
            return f"{column} has {len(text)} characters; it takes 1 to {chars_max}"
    for column, words in _WORDS:
        if fields[column] not in words:
            return f"{column}={fields[column]!r:.40} is unknown; give one of {', '.join(words)}"
    for column, low, high in _NUMBERS:
        number = fields[column]
        if number is not None and not low <= number <= high:
            return f"{column}={number} is out of range; it runs from {low} to {high}"
    start_ms, end_ms = fields["start_ms"], fields["end_ms"]
    if start_ms is not None and end_ms is not None and end_ms < start_ms:
        return "its end lies before its start; exchange them, or leave one out"
    return None


def _payload_fault(payload: str, bytes_max: int) -> str | None:
    size = len(payload)
    if size * 4 > bytes_max:
        size = len(payload.encode("utf-8", "surrogatepass"))
    return f"its payload has {size} bytes; at most {bytes_max} are taken" if size > bytes_max else None


def name_fault(name: str) -> str | None:
    """Returns what is wrong with the name of a schedule, or None."""
    if not 0 < len(name) <= NAME_CHARS_MAX:
        return f"the name of a schedule has {len(name)} characters; it takes 1 to {NAME_CHARS_MAX}"
    if not name.isprintable() or name != name.strip():
        return f"schedule {name!r}: its name holds what cannot be printed, or a space at an end; take that out"
    return None


def change_fault(found: Any) -> str | None:
    """Returns what is wrong with one row of a ScheduleChanged, or None."""
    fault = shape_fault(found, CHANGE_COLUMNS, CHANGE_TYPES)
    if fault is not None:
        return fault
    _, _, change, _, fields, _ = cast("list[Any]", found)
    if change not in CHANGES:
        return f"change={change!r:.40} is unknown; there are {', '.join(CHANGES)}"
    if not all(_is_field(field) for field in fields):
        return "fields holds rows [field, before, after] of texts"
    return None


def _is_field(found: Any) -> bool:
    """Says whether something is a row [field, before, after]; before or after may be None, where there was nothing."""
    if type(found) is not list or len(cast("list[Any]", found)) != 3:
        return False
    field, *values = cast("list[Any]", found)
    return type(field) is str and all(value is None or type(value) is str for value in values)
