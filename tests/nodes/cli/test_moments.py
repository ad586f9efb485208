"""Past moments as people type them."""

import time
from collections.abc import Iterator
from datetime import datetime

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.cli.moments import parse_moment, past_moment


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands in a zone with daylight saving time; its clocks went forward on 2026-03-29."""
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


PRESENT = datetime.fromisoformat("2026-03-29T12:00:00+02:00")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("now", "2026-03-29T12:00:00+02:00"),
        ("90m", "2026-03-29T10:30:00+02:00"),
        ("2h ago", "2026-03-29T10:00:00+02:00"),
        (" 1h30m  ago ", "2026-03-29T10:30:00+02:00"),
        ("1d", "2026-03-28T11:00:00+01:00"),
        ("today", "2026-03-29T00:00:00+01:00"),
        ("yesterday", "2026-03-28T00:00:00+01:00"),
        ("2026-03-29T08:30:00Z", "2026-03-29T10:30:00+02:00"),
        ("2026-03-28 08:30", "2026-03-28T08:30:00+01:00"),
        ("2026-03-28", "2026-03-28T00:00:00+01:00"),
    ],
)
def test_moments(text: str, instant: str) -> None:
    """Spans count back, words and times without an offset mean the machine's zone."""
    assert parse_moment(text, PRESENT) == int(datetime.fromisoformat(instant).timestamp() * 1000)


@pytest.mark.parametrize("text", ["90", "2026", "1.5"])
def test_a_number_without_a_unit_is_refused(text: str) -> None:
    """It might be seconds, a year or a mistake."""
    with pytest.raises(ValueError, match="has no unit; write such as 90m, 2h ago"):
        parse_moment(text, PRESENT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2 h ago",
        "ago",
        "-2h",
        "2h from now",
        "tomorrow",
        "1969-12-31T00:00:00Z",
        "99999999w",
        "25:00",
        "٣h",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    """The text must say what one looks like."""
    with pytest.raises(ValueError, match="is no moment since 1970; write such as"):
        parse_moment(text, PRESENT)


@given(st.text(max_size=30))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever is typed is a moment, or a ValueError with the mend."""
    said = "write such as"
    try:
        is_sound = parse_moment(text, PRESENT) >= 0
    except ValueError as fault:
        is_sound = said in str(fault)
    assert is_sound


def test_an_option_reads_it_at_the_present() -> None:
    """The clock is that of the machine; a fault is one of usage."""
    before_ms = int(time.time() * 1000)
    assert before_ms - 1000 <= past_moment("0s") <= int(time.time() * 1000)
    with pytest.raises(typer.BadParameter, match="is no moment"):
        past_moment("soon")
