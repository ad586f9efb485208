"""What a change of offset does to the instants of a calendar, in zones that each do it in their own way."""

from datetime import UTC, datetime

import pytest
from cron_oracle import utc

from mainspring.actors.cron.calendar import calendar

NEW_YORK, LORD_HOWE, APIA, SAO_PAULO = "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo"
DUBLIN, CASABLANCA, TEHRAN, KATHMANDU = "Europe/Dublin", "Africa/Casablanca", "Asia/Tehran", "Asia/Kathmandu"
DHAKA, TROLL, MONROVIA = "Asia/Dhaka", "Antarctica/Troll", "Africa/Monrovia"


def ms(text: str) -> int:
    """Reads an instant in UTC, as milliseconds."""
    return int(utc(text).timestamp() * 1000)


def listed(text: str, zone: str, fold: str, gap: str, after: str, until: str) -> list[str]:
    """Returns the instants of an expression in a span, as texts in UTC; all ways of asking must agree."""
    days = calendar(text, zone, fold, gap)
    found: list[int] = []
    at_ms = days.next_ms(ms(after))
    while at_ms is not None and at_ms <= ms(until):
        found.append(at_ms)
        at_ms = days.next_ms(at_ms)
    assert days.count(ms(after), ms(until)) == len(found)
    assert days.latest_ms(ms(after), ms(until)) == (found[-1] if found else None)
    assert days.times(ms(after), len(found)) == found
    return [datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()[:19] for at_ms in found]


# Wall times that do not occur: (expression, zone, from, until, with shift, with skip).
GAPS = [
    # 02:30 EST does not occur on 8 March; 03:00 EDT is 07:00 UTC.
    ("30 2 * * *", NEW_YORK, "2026-03-08", "2026-03-09", ["2026-03-08T07:00:00"], []),
    ("0,30 2 8 * *", NEW_YORK, "2026-03-08", "2026-03-10", ["2026-03-08T07:00:00"], []),
    # 02:00 falls on the same instant as 03:00, which is one run.
    ("0 2,3 8 * *", NEW_YORK, "2026-03-08", "2026-03-09", ["2026-03-08T07:00:00"], ["2026-03-08T07:00:00"]),
    ("59 59 2 8 3 *", NEW_YORK, "2026-03-08", "2026-03-09", ["2026-03-08T07:00:00"], []),
    # A half hour is missing: 02:00 to 02:30 on 4 October; the instant after it is 15:30 UTC the day before.
    ("15 2 * * *", LORD_HOWE, "2026-10-03T12", "2026-10-04T12", ["2026-10-03T15:30:00"], []),
    ("45 2 * * *", LORD_HOWE, "2026-10-03T12", "2026-10-04T12", ["2026-10-03T15:45:00"], ["2026-10-03T15:45:00"]),
    # 30 December 2011 does not occur; the 31st begins at 10:00 UTC on the 30th.
    ("0 9 30 12 *", APIA, "2011-12-01", "2012-02-01", ["2011-12-30T10:00:00"], []),
    ("0 9,15 * * FRI", APIA, "2011-12-29T12", "2011-12-31T12", ["2011-12-30T10:00:00"], []),
    (
        "0 9 * * *",
        APIA,
        "2011-12-29T12",
        "2011-12-31T00",
        ["2011-12-29T19:00:00", "2011-12-30T10:00:00", "2011-12-30T19:00:00"],
        ["2011-12-29T19:00:00", "2011-12-30T19:00:00"],
    ),
    # Midnight itself does not occur: the day begins at 01:00, which is 03:00 UTC.
    ("0 0 * * *", SAO_PAULO, "2018-11-03T12", "2018-11-04T12", ["2018-11-04T03:00:00"], []),
    ("@daily", SAO_PAULO, "2018-11-03T12", "2018-11-04T12", ["2018-11-04T03:00:00"], []),
    ("30 0 4 11 *", SAO_PAULO, "2018-11-01", "2018-11-30", ["2018-11-04T03:00:00"], []),
    ("0 0 * * *", TEHRAN, "2022-03-21T12", "2022-03-22T12", ["2022-03-21T20:30:00"], []),
    # A quarter of an hour is missing at the start of 1986.
    ("10 0 1 1 *", KATHMANDU, "1985-12-01", "1986-02-01", ["1985-12-31T18:30:00"], []),
    ("15 0 1 1 *", KATHMANDU, "1985-12-01", "1986-02-01", ["1985-12-31T18:30:00"], ["1985-12-31T18:30:00"]),
    # Winter time is the one with the daylight-saving flag; the clocks do what they do elsewhere.
    ("30 1 * * *", DUBLIN, "2026-03-28T12", "2026-03-29T12", ["2026-03-29T01:00:00"], []),
    ("30 2 22 3 *", CASABLANCA, "2026-03-01", "2026-04-01", ["2026-03-22T02:00:00"], []),
    # Two hours are missing: 01:00 to 03:00.
    ("30 1,2 29 3 *", TROLL, "2026-03-01", "2026-04-01", ["2026-03-29T01:00:00"], []),
    # 44 minutes and 30 seconds are missing, from midnight on.
    ("30 0 7 1 *", MONROVIA, "1972-01-01", "1972-02-01", ["1972-01-07T00:44:30"], []),
]

# Wall times that occur twice: (expression, zone, from, until, first, last); both is both.
FOLDS = [
    ("30 1 * * *", NEW_YORK, "2026-11-01", "2026-11-02", ["2026-11-01T05:30:00"], ["2026-11-01T06:30:00"]),
    ("0 1 * * *", NEW_YORK, "2026-11-01", "2026-11-02", ["2026-11-01T05:00:00"], ["2026-11-01T06:00:00"]),
    (
        "59 1,2 * * *",
        NEW_YORK,
        "2026-11-01",
        "2026-11-02",
        ["2026-11-01T05:59:00", "2026-11-01T07:59:00"],
        ["2026-11-01T06:59:00", "2026-11-01T07:59:00"],
    ),
    # Half an hour occurs twice: 01:30 to 02:00.
    ("40 1 * * *", LORD_HOWE, "2026-04-04T12", "2026-04-05", ["2026-04-04T14:40:00"], ["2026-04-04T15:10:00"]),
    (
        "0,20,40 1 5 4 *",
        LORD_HOWE,
        "2026-04-04T12",
        "2026-04-05",
        ["2026-04-04T14:00:00", "2026-04-04T14:20:00", "2026-04-04T14:40:00"],
        ["2026-04-04T14:00:00", "2026-04-04T14:20:00", "2026-04-04T15:10:00"],
    ),
    # The hour before midnight occurs twice, so a day has 25 hours and ends twice.
    ("30 23 * * *", SAO_PAULO, "2018-02-17T12", "2018-02-18T12", ["2018-02-18T01:30:00"], ["2018-02-18T02:30:00"]),
    ("30 23 31 12 *", DHAKA, "2009-12-01", "2010-01-30", ["2009-12-31T16:30:00"], ["2009-12-31T17:30:00"]),
    ("30 23 21 9 *", TEHRAN, "2022-09-01", "2022-10-01", ["2022-09-21T19:00:00"], ["2022-09-21T20:00:00"]),
    ("30 1 * * *", DUBLIN, "2026-10-24T12", "2026-10-25T12", ["2026-10-25T00:30:00"], ["2026-10-25T01:30:00"]),
    ("30 2 15 2 *", CASABLANCA, "2026-02-01", "2026-03-01", ["2026-02-15T01:30:00"], ["2026-02-15T02:30:00"]),
    (
        "30 1,2 25 10 *",
        TROLL,
        "2026-10-01",
        "2026-11-01",
        ["2026-10-24T23:30:00", "2026-10-25T00:30:00"],
        ["2026-10-25T01:30:00", "2026-10-25T02:30:00"],
    ),
]


@pytest.mark.parametrize(("text", "zone", "after", "until", "shift", "skip"), GAPS)
def test_gaps(text: str, zone: str, after: str, until: str, shift: list[str], skip: list[str]) -> None:
    """Wall times that do not occur are run once, right after them, or not at all."""
    assert listed(text, zone, "first", "shift", after, until) == shift
    assert listed(text, zone, "first", "skip", after, until) == skip


@pytest.mark.parametrize(("text", "zone", "after", "until", "first", "last"), FOLDS)
def test_folds(text: str, zone: str, after: str, until: str, first: list[str], last: list[str]) -> None:
    """Wall times that occur twice are run in the pass that the rule says."""
    assert listed(text, zone, "first", "shift", after, until) == first
    assert listed(text, zone, "last", "shift", after, until) == last
    assert listed(text, zone, "both", "shift", after, until) == sorted({*first, *last})


@pytest.mark.parametrize("fold", ["first", "last", "both"])
@pytest.mark.parametrize("gap", ["shift", "skip"])
@pytest.mark.parametrize(
    ("text", "zone", "after", "until", "hours"),
    [
        (
            "*/30 * * * *",
            NEW_YORK,
            "2026-11-01T04:59",
            "2026-11-01T07:29",
            ["05:00", "05:30", "06:00", "06:30", "07:00"],
        ),
        ("@hourly", NEW_YORK, "2026-11-01T04", "2026-11-01T07:59", ["05:00", "06:00", "07:00"]),
        ("15 * * * *", NEW_YORK, "2026-03-08T05", "2026-03-08T08", ["05:15", "06:15", "07:15"]),
        ("* 2 8 3 *", NEW_YORK, "2026-03-08T05", "2026-03-08T08", []),
        ("30 */2 8 3 *", NEW_YORK, "2026-03-08T05", "2026-03-08T09", ["05:30", "08:30"]),
        ("*/20 1 * * *", LORD_HOWE, "2026-04-04T13:59", "2026-04-04T16", ["14:00", "14:20", "14:40", "15:10"]),
    ],
)
def test_wildcards_follow_real_time(
    text: str, zone: str, after: str, until: str, hours: list[str], fold: str, gap: str
) -> None:
    """What runs every so often runs in both passes, and not for what does not occur, whatever the rules say."""
    assert [at[11:16] for at in listed(text, zone, fold, gap, after, until)] == hours


def test_an_expression_of_all_times_passes_a_fold_at_once() -> None:
    """A dense fixed expression leaves a whole pass out, and asking for the next time costs no steps through it."""
    first = calendar("* 0-59 0-23 * * *", NEW_YORK)
    last = calendar("* 0-59 0-23 * * *", NEW_YORK, "last")
    assert first.next_ms(ms("2026-11-01T05:59:59")) == ms("2026-11-01T07:00:00")
    assert last.next_ms(ms("2026-11-01T04:59:59")) == ms("2026-11-01T06:00:00")
    year = ms("2026-01-01") - 1000, ms("2027-01-01") - 1000
    assert first.count(*year) == last.count(*year) == 365 * 86400 - 3600
    assert calendar("* * * * * *", NEW_YORK).count(*year) == 365 * 86400


@pytest.mark.parametrize(
    ("text", "zone", "fold", "instant", "note"),
    [
        ("30 2 * * *", NEW_YORK, "first", "2026-03-08T07", "shifted from 02:30"),
        ("15 30 2 * * *", NEW_YORK, "first", "2026-03-08T07", "shifted from 02:30:15"),
        ("0 2,3 * * *", NEW_YORK, "first", "2026-03-08T07", "also stands for 02:00"),
        ("0 3 * * *", NEW_YORK, "first", "2026-03-08T07", None),
        ("0 9 * * *", APIA, "first", "2011-12-30T10", "shifted from 2011-12-30 09:00"),
        ("30 1 * * *", NEW_YORK, "first", "2026-11-01T05:30", "first of two"),
        ("30 1 * * *", NEW_YORK, "last", "2026-11-01T06:30", "second of two"),
        ("30 1 * * *", NEW_YORK, "first", "2026-11-01T06:30", None),
        ("*/30 * * * *", NEW_YORK, "first", "2026-11-01T06:30", "second of two"),
        ("*/30 * * * *", NEW_YORK, "first", "2026-03-08T07", None),
        ("30 1 * * *", NEW_YORK, "first", "2026-11-02T06:30", None),
        ("@every 1h", NEW_YORK, "first", "2026-11-01T06:00", None),
        ("30 1 * * *", "UTC", "first", "2026-11-02T01:30", None),
    ],
)
def test_notes(text: str, zone: str, fold: str, instant: str, note: str | None) -> None:
    """A calendar says what a change of offset did to one of its instants."""
    assert calendar(text, zone, fold).note(ms(instant)) == note
