"""The calendar as schedules use it: bounds, periods, the end of time, and what it costs."""

import pytest
from cron_oracle import utc

from mainspring.actors.cron import days, months, zones
from mainspring.actors.cron.calendar import calendar

DAY_MS = 86_400_000


def ms(text: str) -> int:
    """Reads an instant in UTC, as milliseconds."""
    return int(utc(text).timestamp() * 1000)


NOW = ms("2026-11-23T11:00")


def test_start_and_end_are_inclusive() -> None:
    """The first instant may be the start itself, and the last one the end."""
    start, end = ms("2026-12-01T02:30"), ms("2026-12-03T02:30")
    found = calendar("30 2 * * *", start_ms=start, end_ms=end)
    assert found.times(NOW, 9) == [start, start + DAY_MS, end]
    assert found.next_ms(0) == start
    assert found.next_ms(end) is None
    assert found.latest_ms(0, 1 << 50) == end
    assert found.count(0, 1 << 50) == 3
    between = calendar("30 2 * * *", start_ms=start + 1, end_ms=end - 1)
    assert between.times(NOW, 9) == [start + DAY_MS]
    assert (between.latest_ms(0, end), between.count(0, end)) == (start + DAY_MS, 1)


def test_an_end_before_the_start_leaves_nothing() -> None:
    """Bounds that hold no instant give none."""
    for text in ("* * * * *", "@every 1m"):
        found = calendar(text, start_ms=NOW, end_ms=NOW - 60_001)
        assert (found.next_ms(0), found.latest_ms(0, NOW), found.count(0, 2 * NOW)) == (None, None, 0)


def test_spans_leave_their_start_out_and_take_their_end_in() -> None:
    """Milliseconds of a span count; an empty or reversed span holds nothing."""
    at = ms("2026-12-01T02:30")
    for found in (calendar("30 2 * * *"), calendar("@every 1d", start_ms=at - 5 * DAY_MS)):
        assert found.next_ms(at - 1) == at
        assert found.next_ms(at) == found.next_ms(at + 1) == at + DAY_MS
        assert [found.count(at - 1, at), found.count(at, at), found.count(at, at + DAY_MS - 1)] == [1, 0, 0]
        assert [found.latest_ms(at - 1, at), found.latest_ms(at, at + 999)] == [at, None]
        assert found.latest_ms(at - 1, at + 999) == at
        assert (found.count(at + 1, at - 1), found.latest_ms(at + 1, at - 1)) == (0, None)


def test_every_counts_from_the_start() -> None:
    """The anchor is the start, or the epoch; where one asks from does not matter."""
    start = NOW + 7_000
    assert calendar("@every 90s", start_ms=start).times(0, 3) == [start, start + 90_000, start + 180_000]
    assert calendar("@every 90s", start_ms=start).next_ms(start + 1) == start + 90_000
    assert calendar("@every 90s", start_ms=start - 1).times(0, 1) == [start]
    free = calendar("@every 7s").times(NOW, 50)
    assert all(at % 7000 == 0 for at in free)
    assert calendar("@every 7s").count(NOW, free[-1]) == 50
    assert calendar("@every 7s").latest_ms(NOW, free[-1] + 6999) == free[-1]
    assert calendar("@every 7s", "Europe/Riga", "both", "skip").times(NOW, 50) == free


def test_reboot_has_no_instants() -> None:
    """What fires when the host was started has no times of its own."""
    found = calendar("@reboot", "Europe/Riga")
    assert found.is_reboot
    assert not calendar("@daily").is_reboot
    assert (found.next_ms(0), found.latest_ms(0, NOW), found.count(0, NOW), found.times(0, 3)) == (None, None, 0, [])
    assert found.note(NOW) is None


@pytest.mark.parametrize(
    ("text", "zone", "gap"),
    [
        ("0 0 31 2 *", "UTC", "shift"),
        ("0 0 30W 2 *", "UTC", "shift"),
        ("0 0 L-30 2 *", "Europe/Riga", "shift"),
        ("0 0 0 1 1 * 1970-2025", "UTC", "shift"),
        ("0 0 0 29 2 * 2027", "UTC", "shift"),
        ("30 2 * 3 0#2", "America/New_York", "skip"),
        ("0 30 2 * 3 0#2 *", "America/New_York", "skip"),
    ],
)
def test_what_never_comes_ends(text: str, zone: str, gap: str) -> None:
    """A valid expression without further instants says so."""
    found = calendar(text, zone, gap=gap)
    assert found.next_ms(NOW) is None
    assert found.times(NOW, 5) == []
    assert found.count(NOW, ms("2070-01-01")) == 0
    assert found.latest_ms(NOW, ms("2070-01-01")) is None


def test_rare_days_are_found() -> None:
    """The search goes over the leap day that 2100 lacks, and to any year that is written."""
    assert calendar("0 0 29 2 *").times(ms("2092-03-01"), 2) == [ms("2096-02-29"), ms("2104-02-29")]
    assert calendar("0 0 0 1 1 * 2099", "Asia/Tehran").next_ms(NOW) == ms("2098-12-31T20:30")
    # Leap days that are Mondays lie 28 years apart, and 40 over 2100.
    assert calendar("0 0 */28 2 1#5").times(NOW, 2) == [ms("2044-02-29"), ms("2072-02-29")]
    assert calendar("0 0 */28 2 1#5").next_ms(ms("2072-03-01")) == ms("2112-02-29")


def test_calendars_have_a_first_and_a_last_year() -> None:
    """Any whole number is a time that may be asked about."""
    found = calendar("0 0 1 1 *", "Europe/Riga")
    assert found.next_ms(-(1 << 60)) == ms("1970-12-31T21:00")
    assert found.next_ms(ms("2198-12-31T22:00")) == ms("2199-12-31T22:00")
    assert found.next_ms(ms("2199-12-31T22:00")) is None
    assert found.next_ms(1 << 60) is None
    assert found.count(-(1 << 60), 1 << 60) == 230
    assert found.latest_ms(-(1 << 60), 1 << 60) == ms("2199-12-31T22:00")
    assert calendar("@every 36500d").times(-(1 << 60), 9) == [0, 36500 * DAY_MS, 73000 * DAY_MS]


def test_equal_arguments_share_a_calendar() -> None:
    """A schedule may ask for its calendar whenever it needs it."""
    assert calendar("30 2 * * *", "Europe/Riga") is calendar("30 2 * * *", "Europe/Riga")
    assert calendar("30 2 * * *", "Europe/Riga") is calendar("TZ=Europe/Riga  30 2 * * *")
    assert calendar("30 2 * * *", "Europe/Riga") is not calendar("30 2 * * *", "Europe/Riga", "last")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("30 2 * * *", "UTC", "second"), "fold 'second' is not known; give first, last or both"),
        (("30 2 * * *", "UTC", "first", "drop"), "gap 'drop' is not known; give shift or skip"),
        (("30 2 * * *", "Mars/Olympus"), "there is no time zone 'Mars/Olympus'"),
        (("30 2 * *",), "4 fields"),
    ],
)
def test_refusals(arguments: tuple[str, ...], reason: str) -> None:
    """Rules, zones and expressions that are not known are refused with their mend."""
    with pytest.raises(ValueError) as refused:
        calendar(*arguments)
    assert reason in str(refused.value)


def test_every_second_of_a_year_is_counted_by_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting looks at stretches and months, never at single instants."""
    found = calendar("* 0-59 0-23 * * MON-FRI", "America/New_York")
    looks = 0
    counted = days.next_day

    def look(*arguments: object) -> int | None:
        nonlocal looks
        looks += 1
        return counted(*arguments)

    monkeypatch.setattr("mainspring.actors.cron.walk.next_day", look)
    year = ms("2026-01-01") - 1000, ms("2027-01-01") - 1000
    # 261 weekdays; the five hours of 1 January 2027 that UTC has before New York are those of its Friday.
    assert found.count(*year) == 261 * 86400
    assert found.latest_ms(*year) == year[1]
    assert looks < 20


def test_a_search_without_end_reads_each_month_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An expression that always falls into the gap is given up after about fifty looks, one for each year."""
    found = calendar("31 2 * 3 0#2", "America/New_York", gap="skip")
    looks = 0
    looked = months.month_mask

    def look(*arguments: object) -> int:
        nonlocal looks
        looks += 1
        return looked(*arguments)

    monkeypatch.setattr("mainspring.actors.cron.days.month_mask", look)
    assert found.next_ms(NOW) is None
    assert looks < 50 * 10


@pytest.mark.parametrize(
    ("zone", "year", "found"),
    [
        ("UTC", 2026, []),
        ("Asia/Kolkata", 2026, []),
        ("Europe/Riga", 2026, [("2026-03-29T01:00", 7200, 10800), ("2026-10-25T01:00", 10800, 7200)]),
        ("Australia/Lord_Howe", 2026, [("2026-04-04T15:00", 39600, 37800), ("2026-10-03T15:30", 37800, 39600)]),
        ("Pacific/Kiritimati", 1995, [("1994-12-31T10:00", -36000, 50400)]),
        ("Africa/Monrovia", 1972, [("1972-01-07T00:44:30", -2670, 0)]),
        ("Europe/Dublin", 2150, [("2150-03-29T01:00", 0, 3600), ("2150-10-25T01:00", 3600, 0)]),
    ],
)
def test_changes_are_found_to_the_second(zone: str, year: int, found: list[tuple[str, int, int]]) -> None:
    """Changes of a year and of the days around it are those of the zone's rules."""
    assert [tuple(change) for change in zones.changes(zone, year)] == [(ms(at) // 1000, *rest) for at, *rest in found]


def test_stretches_cover_the_year_but_for_the_pass_that_is_left_out() -> None:
    """Only wall times of the other pass are left out."""
    for fold, missing in (("first", 3600), ("last", 3600), ("both", 0)):
        found = zones.stretches("Europe/Riga", 2026, fold, "skip")
        assert sum(one.until_s - one.from_s for one in found) == 365 * 86400 - missing
