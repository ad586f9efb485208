"""How times, spans, sizes and ids are written for people and for programs, and read from people."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.cli import formats

MS = 1_772_353_800_123  # 2026-03-01T08:30:00.123Z


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands in a zone with daylight saving time."""
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "-"), (0, "0 ms"), (0.25, "0.25 ms"), (3, "3 ms"), (3.26, "3.3 ms"), (999, "999 ms"), (1000, "1.00 s"),
        (9_994, "9.99 s"), (9_999, "10.0 s"), (59_949, "59.9 s"), (59_950, "1 min"), (125_000, "2 min 5 s"),
        (3_599_600, "1 h"), (11_520_000, "3 h 12 min"), (86_400_000, "1 d"), (367_200_000, "4 d 6 h"),
        (-1500, "-1.50 s"),
    ],
)  # fmt: skip
def test_durations(ms: float | None, text: str) -> None:
    """A span must be written in the units that people would choose."""
    assert formats.duration(ms) == text


@given(st.floats(0, 1e14))
def test_durations_never_carry_over(ms: float) -> None:
    """No text may say 60 s or 60 min."""
    text = formats.duration(ms)
    assert "60" not in text.split() or " d" in text or " ms" in text
    assert "60.0 s" not in text


def test_instants() -> None:
    """Programs read UTC, people their own zone, with its daylight saving time."""
    summer_ms = MS + 120 * 86_400_000
    assert formats.iso_utc(MS) == "2026-03-01T08:30:00.123Z"
    assert formats.local_time(MS) == "2026-03-01 09:30:00"
    assert formats.local_time(MS, millis=True) == "2026-03-01 09:30:00.123+01:00"
    assert formats.local_time(summer_ms) == "2026-06-29 10:30:00"
    assert (formats.iso_utc(None), formats.local_time(None)) == (None, "-")
    assert (formats.iso_utc(-1), formats.local_time(-1)) == (None, "-1 ms")
    assert formats.local_time(formats.MS_MAX) == "9999-12-31 01:00:00"
    assert formats.local_time(253_402_300_799_999) == "253402300799999 ms"


def test_short_times() -> None:
    """Of today only the hour must be shown; what is today the local zone decides."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert formats.short_time(MS, noon) == "09:30:00"
    assert formats.short_time(MS, noon + timedelta(hours=10)) == "09:30:00"
    assert formats.short_time(MS, noon + timedelta(hours=11)) == "2026-03-01 09:30"
    assert formats.short_time(None, noon) == "-"


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01T08:30:00Z", "2026-03-01T08:30:00+00:00"),
        ("2026-03-01T08:30+01:00", "2026-03-01T07:30:00+00:00"),
        ("2026-03-01 08:30", "2026-03-01T07:30:00+00:00"),
        ("2026-07-01", "2026-06-30T22:00:00+00:00"),
    ],
)
def test_instants_are_read(text: str, utc: str) -> None:
    """Without an offset it must be local time."""
    assert formats.parse_instant(text).astimezone(UTC).isoformat() == utc


@pytest.mark.parametrize("text", ["", "tomorrow", "08:30", "2026-02-30", "0001-01-01T00:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    """The text must show what one looks like."""
    with pytest.raises(ValueError, match="is no ISO 8601 time; write such as 2026-03-01T08:30:00"):
        formats.parse_instant(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0 B"), (1023, "1023 B"), (86_016, "84.0 KiB"), (1_048_575, "1.0 MiB"), (2**40, "1.0 TiB")],
)
def test_sizes(count: int | None, text: str) -> None:
    """Sizes must be in the units that `ls -h` has."""
    assert formats.size(count) == text


def test_rows_for_programs() -> None:
    """Ids and instants must stand there twice; spans are left alone."""
    row = {"id": (3 << 40) + 1042, "due_ms": MS, "finished_ms": None, "timeout_ms": 500}
    assert formats.shown_ids(row) == {
        "id": (3 << 40) + 1042,
        "job": "3-1042",
        "due_ms": MS,
        "due_at": "2026-03-01T08:30:00.123Z",
        "finished_ms": None,
        "finished_at": None,
        "timeout_ms": 500,
    }


def test_one_line() -> None:
    """The last line of a traceback names the error."""
    assert formats.one_line("Traceback\n  File\nValueError: x\n") == "ValueError: x"
    assert formats.one_line("abcdef", 4) == "abc…"
    assert formats.one_line(None) == formats.one_line(" \n") == ""


def test_states_have_styles() -> None:
    """Every state must be told apart in colours; an unknown one must not fail."""
    assert formats.state_style("dead") != formats.state_style("succeeded")
    assert formats.state_style("later") == formats.state_style(None) == ""
