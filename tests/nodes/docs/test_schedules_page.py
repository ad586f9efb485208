"""The tables of docs/schedules.md that name days and times say what the calendar says."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mainspring.actors.cron.calendar import calendar
from mainspring.actors.schedules.due import fates
from mainspring.actors.schedules.reasons import REASONS
from mainspring.actors.schedules.schedule import Definition
from mainspring.actors.schedules.schedule import Schedule as Record
from mainspring.broker.tasks.job import job
from mainspring.broker.tasks.schedule import Schedule
from mainspring.broker.wire.rows import CATCH_UPS, FOLDS, GAPS, OVERLAPS

PAGE = Path(__file__).parents[3] / "docs" / "schedules.md"

_CHECKED = re.compile(r"<!-- checked: (\S+) (\S+) (\S+) -->\n\n((?:\|.*\n)+)")
_TIME = re.compile(r"(?:\d\d-\d\d )?\d\d:\d\d [+\w-]+")


def checked() -> Iterator[tuple[str, str, str, list[str]]]:
    """Yields the rows of tables behind a mark: zone (or `days`), from, until, cells."""
    for zone, begin, end, text in _CHECKED.findall(PAGE.read_text("utf-8")):
        for line in text.splitlines()[2:]:
            yield zone, begin, end, [cell.strip() for cell in line.strip("|").split("|")]


ROWS = list(checked())


def instants(expression: str, zone: str, begin: str, end: str, **options: str) -> list[datetime]:
    """Returns what a calendar names in [begin, end) of wall time."""
    place = ZoneInfo(zone)
    first, last = (int(datetime.fromisoformat(text).replace(tzinfo=place).timestamp() * 1000) for text in (begin, end))
    found = calendar(expression, zone, **options)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [(epoch + timedelta(milliseconds=at)).astimezone(place) for at in found.times(first - 1, 200) if at < last]


@pytest.mark.parametrize(("zone", "begin", "end", "cells"), ROWS, ids=[f"{row[0]}-{row[3][0]}" for row in ROWS])
def test_a_table_of_times_is_what_the_calendar_says(zone: str, begin: str, end: str, cells: list[str]) -> None:
    """Each row of a marked table must name exactly the instants of its expression."""
    expression = cells[0].strip("`")
    if zone == "days":
        found = [at.strftime("%m-%d") for at in instants(expression, "UTC", begin, end + "T23:59")]
        assert found == cells[1].split()
        return
    options = dict(word.split("=") for word in cells[1].split())
    has_dates = begin[:10] != end[:10]
    form = "%m-%d %H:%M %Z" if has_dates else "%H:%M %Z"
    found = [at.strftime(form) for at in instants(expression, zone, begin, end, **options)]
    assert found == _TIME.findall(cells[2]), cells
    assert found or cells[2] == "never"


def test_the_tables_were_found() -> None:
    """A table whose mark is broken must not count as right."""
    assert len(ROWS) >= 34
    assert PAGE.read_text("utf-8").count("<!-- checked:") == len({row[:3] for row in ROWS})


def test_the_page_has_every_reason_and_option() -> None:
    """A reason, an option or a word of one that nobody explains is missing."""
    text = PAGE.read_text("utf-8")
    assert all(f"| {number} | `{reason.name}` |" in text for number, reason in REASONS.items())
    for word in {*CATCH_UPS, *OVERLAPS, *FOLDS, *GAPS}:
        assert re.search(rf"`\"?{word}\"?`|= \"{word}\"", text), word
    for option in set(Schedule.__dataclass_fields__) - {"_", "cron", "name", "note", "paused"}:
        assert re.search(rf"`{option}\b", text), option


@pytest.mark.parametrize(("late_s", "begins"), [(10, "up to `grace`"), (600, "more, up to"), (7200, "more than")])
@pytest.mark.parametrize(("column", "catch_up"), [(1, "skip"), (2, "latest"), (3, "all")])
def test_the_table_of_catch_up_is_what_the_code_does(late_s: int, begins: str, column: int, catch_up: str) -> None:
    """Three instants of this age get the reasons that the cell names, the first of them among others."""
    (line,) = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {begins}")]
    named = re.findall(r"`(\w+)`", line.strip("|").split("|")[column])
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    end = now - timedelta(seconds=late_s)
    schedule = Schedule("*/20 * * * * *", start=end - timedelta(seconds=45), end=end, catch_up=catch_up)  # pyright: ignore[reportArgumentType] one of three words
    record = Record(1, "client", "", Definition._make(schedule.row(job("a.b"), name="n", queue="q", priority=0)))
    found = fates(record, int(now.timestamp() * 1000), 10, 64)
    assert sum(fate.count for fate in found) >= 2
    reasons = {REASONS[fate.reason].name for fate in found}
    assert named[0] in reasons
    assert reasons <= set(named)
