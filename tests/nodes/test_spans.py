"""Spans of time are read and written in one spelling."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.nodes.spans import parse_duration, span_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5), ("0.25", 0.25), (".5", 0.5), ("250ms", 0.25), ("10m", 600), ("5min", 300), ("1h30m", 5400),
        ("2d", 172_800), (" 1.5h ", 5400), ("1w", 604_800),
    ],
)  # fmt: skip
def test_spans_are_read(text: str, seconds: float) -> None:
    """Plain numbers are seconds; units may follow each other."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "x", "5x", "-5", "1h30", "h", "1 h", "5..2", "٥", "nan", "inf", "1e3"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """The text must say what a span looks like."""
    with pytest.raises(ValueError, match="is no duration; give seconds, or such as 250ms"):
        parse_duration(text)


@settings(max_examples=50)
@given(st.integers(0, 10**12))
def test_what_is_written_is_read(ms: int) -> None:
    """Nothing of a span may be lost in its text."""
    assert round(parse_duration(span_text(ms)) * 1000) == ms


def test_spans_are_written_in_the_largest_units() -> None:
    """A reader must not have to divide."""
    assert [span_text(ms) for ms in (0, 90_000, 3_600_000, 86_400_000, 1_250)] == ["0s", "1m30s", "1h", "1d", "1s250ms"]
