"""mainspring.next_times: the next times of an expression, for people."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from mainspring import next_times

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
PROGRAM = """
import sys
import mainspring
from mainspring.actors.cron import calendar, next_times
found = calendar.calendar("30 2 * * *")
found.next_ms(0)
assert not {"croniter", "zoneinfo", "difflib"} & set(sys.modules), sorted(sys.modules)
calendar.calendar("30 2 * * MON", "Europe/Riga").next_ms(0)
assert {"croniter", "zoneinfo"} <= set(sys.modules)
"""


def test_times_are_in_the_zone() -> None:
    """Times are aware, ascending and in the expression's own zone."""
    found = next_times("30 2 * * *", "Europe/Riga", after=NOW, count=3)
    assert [str(at) for at in found] == [f"2026-11-{day} 02:30:00+02:00" for day in (24, 25, 26)]
    assert all(at.tzinfo == ZoneInfo("Europe/Riga") for at in found)
    prefixed = next_times("CRON_TZ=America/New_York 30 2 * * *", "Europe/Riga", after=NOW)
    assert [str(at) for at in prefixed] == ["2026-11-24 02:30:00-05:00"]


def test_rules_are_kept() -> None:
    """Fold and gap are those of the schedules."""
    autumn, spring = datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 3, 8, 4, tzinfo=UTC)
    both = next_times("30 1 1 11 *", "America/New_York", after=autumn, count=2, fold="both")
    assert [(str(at), at.fold) for at in both] == [
        ("2026-11-01 01:30:00-04:00", 0),
        ("2026-11-01 01:30:00-05:00", 1),
    ]
    assert str(next_times("30 2 * * *", "America/New_York", after=spring)[0]) == "2026-03-08 03:00:00-04:00"
    skipped = next_times("30 2 * * *", "America/New_York", after=spring, gap="skip")
    assert str(skipped[0]) == "2026-03-09 02:30:00-04:00"


def test_after_is_left_out() -> None:
    """A time counts if it comes later, by however little, in whichever zone one asks."""
    at = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    assert next_times("30 2 * * *", after=at) == next_times("30 2 * * *", after=at + moment) == [at + timedelta(days=1)]
    assert next_times("30 2 * * *", after=at - moment) == [at]
    assert next_times("30 2 * * *", after=(at - moment).astimezone(timezone(timedelta(hours=5)))) == [at]


def test_no_further_times_are_an_empty_list() -> None:
    """What is valid and never comes again is no error."""
    assert next_times("0 0 31 2 *", after=NOW, count=5) == []
    assert next_times("0 0 0 1 1 * 2020", after=NOW) == []
    assert next_times("0 0 0 1 1 * 1970-2099", after=datetime(2099, 6, 1, tzinfo=UTC)) == []
    assert next_times("@reboot", after=NOW) == []
    assert next_times("30 2 * 3 0#2", "America/New_York", after=NOW, count=3, gap="skip") == []
    assert next_times("* * * * *", after=datetime.max.replace(tzinfo=UTC)) == []


def test_the_past_begins_with_1970() -> None:
    """A time before all calendars is no error either."""
    assert next_times("@yearly", after=datetime.min.replace(tzinfo=UTC)) == [datetime(1970, 1, 1, tzinfo=UTC)]
    west = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    assert next_times("@yearly", after=west) == [datetime(1970, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"after": datetime(2026, 1, 1)}, "after is no datetime with a time zone"),  # noqa: DTZ001  naive on purpose
        ({"after": None}, "after is no datetime"),
        ({"after": 5}, "after is no datetime"),
        ({"after": NOW.date()}, "after is no datetime"),
        ({"count": 0}, "count is 0; give a whole number from 1 to 10000"),
        ({"count": -1}, "count is -1"),
        ({"count": 10_001}, "count is 10001"),
        ({"count": True}, "count is True"),
        ({"count": 2.0}, "count is 2.0"),
        ({"count": "3"}, "count is '3'"),
        ({"tz": "Europe/Rigga"}, "did you mean 'Europe/Riga'?"),
        ({"tz": ""}, "there is no time zone ''"),
        ({"tz": "x" * 5000}, "there is no time zone"),
        ({"tz": "a\0b"}, "there is no time zone"),
        ({"tz": None}, "are texts"),
        ({"fold": "latest"}, "fold 'latest' is not known; give first, last or both"),
        ({"fold": []}, "fold [] is not known"),
        ({"gap": None}, "gap None is not known; give shift or skip"),
        ({"expression": "0 0 * *"}, "4 fields"),
        ({"expression": None}, "are texts"),
    ],
)
def test_refusals(changed: dict[str, object], reason: str) -> None:
    """What is not accepted is a ValueError with the mend."""
    with pytest.raises(ValueError) as refused:
        next_times(**{"expression": "30 2 * * *", "tz": "UTC", "after": NOW, **changed})
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 400


def test_libraries_are_loaded_when_a_calendar_needs_them() -> None:
    """Every-day expressions in UTC need neither croniter nor zone files, and importing needs nothing."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
