"""Past moments as people type them: `2h ago`, `90m`, `yesterday`, or ISO 8601.

Decides what a text means at a given present. It must not know what the moment is for. Rule: words mean the machine's
own zone, as everything that is printed for people; what can be read in two ways is refused.
"""

import re
from datetime import datetime, timedelta
from typing import Final

import typer

from ...broker.wire.limits import TIME_MS_MAX
from ..spans import parse_duration
from .formats import parse_instant

_EXAMPLES: Final = "90m, 2h ago, today, yesterday, or ISO 8601 such as 2026-03-01T08:30:00+01:00"
_SPAN = re.compile(r"(\S*[a-z])(?:\s+ago)?", re.ASCII)
_DIGITS = re.compile(r"[\d.]+", re.ASCII)
_DAYS_AGO: Final = {"today": 0, "yesterday": 1}


def parse_moment(text: str, present: datetime) -> int:
    """Reads a moment, in UTC milliseconds: so long ago, the beginning of a day, or an instant.

    Args:
        text: what somebody has typed.
        present: the present, with a zone.

    Raises:
        ValueError: it is none; the text says what one looks like.
    """
    word = text.strip()
    if word == "now":
        return _ms(present)
    if word in _DAYS_AGO:
        day = present.astimezone().date() - timedelta(days=_DAYS_AGO[word])
        return _ms(datetime(day.year, day.month, day.day).astimezone())
    if _DIGITS.fullmatch(word):
        raise ValueError(f"{text!r} has no unit; write such as {_EXAMPLES}")
    if (match := _SPAN.fullmatch(word)) and (match[1][0].isdigit() or match[1][0] == "."):
        try:
            return _checked(_ms(present) - round(parse_duration(match[1]) * 1000), text)
        except (ValueError, OverflowError):
            pass
    try:
        return _checked(_ms(parse_instant(word)), text)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no moment since 1970; write such as {_EXAMPLES}") from None


def past_moment(text: str) -> int:
    """Reads a moment that an option was given, at the clock's present; see `parse_moment`.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return parse_moment(text, datetime.now().astimezone())
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


def now_ms() -> int:
    """Returns the present, in UTC milliseconds."""
    return _ms(datetime.now().astimezone())


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _checked(ms: int, text: str) -> int:
    if not 0 <= ms <= TIME_MS_MAX:
        raise ValueError(text)
    return ms
