"""How people write spans of time: `30s`, `1h30m`, or plain seconds.

Decides the units and their spelling, once for the command line and for files. It must not know what a span is for.
"""

import re
from typing import Final

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_NUMBER: Final = r"(?:\d+(?:\.\d+)?|\.\d+)"
_PART = re.compile(rf"({_NUMBER})(ms|s|min|m|h|d|w)", re.ASCII)

DURATION: Final = re.compile(rf"{_NUMBER}(?:(?:ms|s|min|m|h|d|w)(?:{_NUMBER}(?:ms|s|min|m|h|d|w))*)?", re.ASCII)
"""What `parse_duration` reads."""


def parse_duration(text: str) -> float:
    """Reads a span as seconds: `5`, `0.25`, `250ms`, `10m`, `1h30m`, `2d`.

    Raises:
        ValueError: it is none; the text says what one looks like.
    """
    text = text.strip()
    if not DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; give seconds, or such as 250ms, 10m, 1h30m, 2d")
    parts = list(_PART.finditer(text))
    return sum(float(part[1]) * _UNITS_S[part[2]] for part in parts) if parts else float(text)


def span_text(ms: int) -> str:
    """Writes milliseconds as `parse_duration` reads them, exactly: `90s` is `1m30s`, an hour is `1h`."""
    told, rest = "", ms
    for unit, unit_ms in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, unit_ms)
        told += f"{count}{unit}" if count else ""
    return told or "0s"
