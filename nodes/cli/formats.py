"""How commands write times, spans, sizes, ids and states, and how they read times that people type.

Decides the words alone. It must not know where a value comes from, nor how a table is drawn (output.py). Rule: stored
times are UTC milliseconds; people read local time, programs read both (docs/shard-file.md, the views).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ...actors.jobs.error_line import error_line
from ...broker.wire.ids import format_id

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STEPS: Final = (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))

MS_MAX: Final = 253_402_214_400_000
"""A day before the year 10000: later instants have no local time in every zone."""

STATE_STYLES: Final = {
    "scheduled": "cyan",
    "ready": "blue",
    "running": "yellow",
    "retrying": "magenta",
    "succeeded": "green",
    "dead": "bold red",
    "cancelled": "bright_black",
    "expired": "red",
    "skipped": "bright_black",
    "discarded": "bright_black",
    "retried": "green",
    "not_found": "bold red",
    "failed": "red",
    "timed_out": "red",
    "crashed": "bold red",
    "lost": "red",
    "asked": "yellow",
}
"""State, outcome or code -> how a terminal shows it."""


def state_style(value: object) -> str:
    """Returns the style of a state; empty for an unknown one."""
    return STATE_STYLES.get(str(value), "")


def duration(ms: float | None) -> str:
    """Writes a span of milliseconds; from a minute on in its two largest units: `3 ms`, `1.25 s`, `2 min 5 s`."""
    if ms is None:
        return "-"
    if ms < 0:
        return f"-{duration(-ms)}"
    if ms < 1000:
        return f"{ms:.2g} ms" if ms < 10 else f"{round(ms)} ms"
    if ms < 59_950:
        return f"{ms / 1000:.2f} s" if ms < 9_995 else f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    large, large_s, small, small_s = next(step for step in _STEPS if seconds >= step[1])
    whole, rest = divmod(seconds, large_s)
    return f"{whole} {large} {rest // small_s} {small}" if rest >= small_s else f"{whole} {large}"


def iso_utc(ms: int | None) -> str | None:
    """Writes an instant in UTC milliseconds as the views do: `2026-03-01T08:30:00.000Z`."""
    if ms is None or not 0 <= ms <= MS_MAX:
        return None
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


def local_time(ms: int | None, *, millis: bool = False) -> str:
    """Writes an instant in UTC milliseconds in the machine's zone: `2026-03-01 09:30:00`, or longer with `millis`."""
    if ms is None:
        return "-"
    if not 0 <= ms <= MS_MAX:
        return f"{ms} ms"
    told = datetime.fromtimestamp(ms // 1000, UTC).astimezone()
    if not millis:
        return f"{told:%Y-%m-%d %H:%M:%S}"
    offset = f"{told:%z}"
    return f"{told:%Y-%m-%d %H:%M:%S}.{ms % 1000:03}{offset[:3]}:{offset[3:5]}"


def short_time(ms: int | None, now: datetime | None = None) -> str:
    """Writes an instant in the machine's zone for a narrow column: `09:30:00` if today, else `2026-03-01 09:30`.

    Args:
        ms: the instant in UTC milliseconds.
        now: the present, with a zone; None reads the clock.
    """
    told = local_time(ms)
    today = (now or datetime.now(UTC)).astimezone()
    if told.startswith(f"{today:%Y-%m-%d} "):
        return told[11:]
    return told[:16]


def parse_instant(text: str) -> datetime:
    """Reads an instant in ISO 8601; without an offset it is local time.

    Raises:
        ValueError: it is none; the text says what one looks like.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
        return instant if instant.tzinfo is not None else instant.astimezone()
    except (ValueError, OverflowError):
        example = "2026-03-01T08:30:00+01:00, or 2026-03-01T08:30 in local time"
        raise ValueError(f"{text!r} is no ISO 8601 time; write such as {example}") from None


def size(count: int | None) -> str:
    """Writes a number of bytes: `812 B`, `84.0 KiB`, `1.2 GiB`."""
    if count is None:
        return "-"
    if count < 1024:
        return f"{count} B"
    value, units = count / 1024, iter(("KiB", "MiB", "GiB"))
    for unit in units:
        if value < 1023.95:
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def shown_ids(row: Mapping[str, Any], key: str = "id") -> dict[str, Any]:
    """Returns a row for programs: behind the id `job`, as people type it; behind each instant `…_ms` its `…_at`."""
    told: dict[str, Any] = {}
    for name, value in row.items():
        told[name] = value
        if name == key and isinstance(value, int):
            told["job"] = format_id(value)
        elif name in INSTANTS:
            told[f"{name.removesuffix('_ms')}_at"] = iso_utc(value)
    return told


INSTANTS: Final = frozenset(
    {
        "due_ms", "scheduled_ms", "created_ms", "started_ms", "finished_ms", "expires_ms", "next_ms", "fired_ms",
        "buffered_ms", "cursor_ms", "start_ms", "end_ms", "changed_ms", "removed_ms", "from_ms", "to_ms", "decided_ms",
        "deadline_ms", "made_ms", "first_ms", "last_ms",
    }
)  # fmt: skip
"""Columns that hold instants, and not spans."""


def one_line(text: str | None, width: int = 0) -> str:
    """Returns the line of an error text that says most, cut to a width if one is given."""
    line = error_line(text)
    return line if not width or len(line) <= width else f"{line[: width - 1]}…"
