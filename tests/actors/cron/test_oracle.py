"""Calendars against brute force around changes of offset, and days against counting."""

from datetime import UTC, date, datetime

import pytest
from cron_oracle import EVERY_DAY, Moment, Spec, day_of_month_matches, day_of_week_matches, instants, moments, utc
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.actors.cron.calendar import Calendar, calendar
from mainspring.actors.cron.clock import EPOCH_ORDINAL
from mainspring.actors.cron.days import count_days, latest_day, next_day
from mainspring.actors.cron.expression import parse
from mainspring.actors.cron.months import DayPattern, month_mask, special_mask

CHANGES = [
    ("America/New_York", "2026-03-07T00"),
    ("America/New_York", "2026-10-31T00"),
    ("Australia/Lord_Howe", "2026-04-04T00"),
    ("Australia/Lord_Howe", "2026-10-03T00"),
    ("Europe/Riga", "2026-03-28T00"),
    ("Europe/Riga", "2026-10-24T00"),
    ("Pacific/Apia", "2011-12-29T00"),
    ("Pacific/Apia", "2012-03-31T00"),
    ("America/Sao_Paulo", "2018-02-17T00"),
    ("America/Sao_Paulo", "2018-11-03T00"),
    ("Asia/Kathmandu", "1985-12-31T00"),
    ("Africa/Casablanca", "2026-02-14T00"),
    ("Africa/Casablanca", "2026-03-21T00"),
    ("Europe/Dublin", "2026-03-28T00"),
    ("Europe/Dublin", "2026-10-24T00"),
    ("Asia/Tehran", "2022-03-21T00"),
    ("Asia/Tehran", "2022-09-21T00"),
    ("Asia/Dhaka", "2009-12-31T00"),
    ("Pacific/Kiritimati", "1994-12-30T00"),
]
HOURS = 60
NEAR_HOURS = 6
FOLDS, GAPS = st.sampled_from(["first", "last", "both"]), st.sampled_from(["shift", "skip"])
WEEKDAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> tuple[str, frozenset[int]]:
    """Draws a field without names: its text and the values that it must have."""
    first, last, step = draw(st.integers(low, high)), draw(st.integers(low, high)), draw(st.integers(1, 20))
    around = [*range(first, high + 1), *range(low, last + 1)] if last < first else [*range(first, last + 1)]
    step = min(step, high - low + 1)
    return draw(
        st.sampled_from(
            [
                ("*", frozenset(range(low, high + 1))),
                (f"*/{step}", frozenset(range(low, high + 1, step))),
                (f"{first}", frozenset({first})),
                (f"{first},{last}", frozenset({first, last})),
                (f"{first}-{last}", frozenset(around)),
                (f"{first}-{last}/{step}", frozenset(around[::step])),
                (f"{first}/{step}", frozenset(range(first, high + 1, step))),
                (f"{low}-{high}", frozenset(range(low, high + 1))),
            ]
        )
    )


def agree(days: Calendar, expected: list[int], stretch: tuple[Moment, ...]) -> None:
    """Asserts that each way of asking gives what brute force gives."""
    after_ms, until_ms = stretch[0].at_s * 1000 - 1, stretch[-1].at_s * 1000
    found = [after_ms]
    while len(found) <= len(expected) + 1:
        at_ms = days.next_ms(found[-1])
        if at_ms is None or at_ms > until_ms:
            break
        found.append(at_ms)
    assert found[1:] == expected
    assert days.count(after_ms, until_ms) == len(expected)
    middle_ms = (after_ms + until_ms) // 2
    assert days.count(after_ms, middle_ms) == sum(at_ms <= middle_ms for at_ms in expected)
    assert days.latest_ms(after_ms, until_ms) == max(expected, default=None)
    assert days.latest_ms(after_ms, middle_ms) == max((one for one in expected if one <= middle_ms), default=None)


@settings(max_examples=200)
@given(st.sampled_from(CHANGES), fields(0, 23), fields(0, 59), FOLDS, GAPS, st.sampled_from([None, *range(7)]))
def test_minutes_agree_with_brute_force(
    change: tuple[str, str],
    hour: tuple[str, frozenset[int]],
    minute: tuple[str, frozenset[int]],
    fold: str,
    gap: str,
    weekday: int | None,
) -> None:
    """For each zone, rule and spelling, the instants around a change of offset are those of the definition."""
    zone, start = change
    wildcard = hour[0].startswith("*") or minute[0].startswith("*")
    text = f"{minute[0]} {hour[0]} * * {'*' if weekday is None else weekday}"
    day = EVERY_DAY if weekday is None else lambda at: at.isoweekday() % 7 == weekday
    stretch = moments(zone, utc(start), HOURS, 60)
    spec = Spec(text, hour[1], minute[1], wildcard=wildcard, day=day)
    agree(calendar(text, zone, fold, gap), instants(spec, stretch, fold, gap), stretch)


@settings(max_examples=50)
@given(
    st.sampled_from(
        [
            ("America/New_York", "2026-03-08T05"),
            ("America/New_York", "2026-11-01T04"),
            ("Africa/Monrovia", "1972-01-06T23"),
        ]
    ),
    fields(0, 23),
    fields(0, 59),
    fields(0, 59),
    FOLDS,
    GAPS,
)
def test_seconds_agree_with_brute_force(
    change: tuple[str, str],
    hour: tuple[str, frozenset[int]],
    minute: tuple[str, frozenset[int]],
    second: tuple[str, frozenset[int]],
    fold: str,
    gap: str,
) -> None:
    """Expressions with seconds keep the same rules, also where a change is not on a whole minute."""
    zone, start = change
    minute = minute if len(minute[1]) <= 4 else ("30", frozenset({30}))
    wildcard = hour[0].startswith("*") or minute[0].startswith("*")
    text = f"{second[0]} {minute[0]} {hour[0]} * * *"
    stretch = moments(zone, utc(start), NEAR_HOURS // 2, 1)
    spec = Spec(text, hour[1], minute[1], second[1], wildcard=wildcard)
    agree(calendar(text, zone, fold, gap), instants(spec, stretch, fold, gap), stretch)


DAY_OF_MONTH_ITEMS = st.one_of(
    st.integers(1, 31).map(str),
    st.integers(1, 31).map(lambda day: f"{day}W"),
    st.integers(1, 30).map(lambda days: f"L-{days}"),
    st.sampled_from(["L", "LW"]),
)
DAY_OF_WEEK_ITEMS = st.one_of(
    st.integers(0, 7).map(str),
    st.integers(0, 7).map(lambda day: f"{day}L"),
    st.tuples(st.integers(0, 7), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}"),
)


@settings(max_examples=100)
@given(
    st.one_of(st.sampled_from(["*", "?"]), st.lists(DAY_OF_MONTH_ITEMS, min_size=1, max_size=3)),
    st.one_of(st.sampled_from(["*", "?"]), st.lists(DAY_OF_WEEK_ITEMS, min_size=1, max_size=3)),
    st.one_of(st.just(("*", frozenset(range(1, 13)))), fields(1, 12)),
    st.sampled_from([None, None, None, [0], [1], [-1, 1], [50]]),
    st.integers(2020, 2027),
)
def test_days_agree_with_counting(
    day_of_month: str | list[str],
    day_of_week: str | list[str],
    month: tuple[str, frozenset[int]],
    years_ahead: list[int] | None,
    start: int,
) -> None:
    """Whatever the day fields hold, the days are those of the definition."""
    left = [] if isinstance(day_of_month, str) else day_of_month
    right = [] if isinstance(day_of_week, str) else day_of_week
    either = bool(left and right)
    years = None if years_ahead is None else [start + ahead for ahead in years_ahead]
    fields_text = f"{','.join(left) or day_of_month} {month[0]} {','.join(right) or day_of_week}"
    year_text = "*" if years is None else ",".join(map(str, years))
    rule = parse(f"0 0 0 {fields_text} {year_text}").days

    def names(day: date) -> bool:
        if day.month not in month[1] or (years is not None and day.year not in years):
            return False
        one = any(day_of_month_matches(item, day) for item in left) or not left
        other = any(day_of_week_matches(item, day) for item in right) or not right
        return one or other if either else one and other

    first = date(start, 1, 31).toordinal() - EPOCH_ORDINAL
    stop = first + 450
    expected = [day for day in range(first, stop) if names(date.fromordinal(day + EPOCH_ORDINAL))]
    found: list[int] = []
    at = next_day(rule, first, stop)
    while at is not None:
        found.append(at)
        at = next_day(rule, at + 1, stop)
    assert found == expected
    assert count_days(rule, first, stop) == len(expected)
    assert count_days(rule, first + 77, stop - 133) == sum(first + 77 <= day < stop - 133 for day in expected)
    assert latest_day(rule, first, stop) == max(expected, default=None)
    assert latest_day(rule, first, stop - 100) == max((day for day in expected if day < stop - 100), default=None)


@settings(max_examples=40)
@given(
    st.sets(st.integers(1, 31), max_size=30),
    st.sets(st.integers(0, 6), max_size=6),
    st.booleans(),
    st.integers(28, 31),
    st.integers(0, 6),
)
def test_croniter_agrees_with_counting(
    days: set[int], weekdays: set[int], either: bool, length: int, first_weekday: int
) -> None:
    """For plain patterns croniter finds the days that our own counting finds."""
    if days or weekdays:
        either = either and bool(days and weekdays)
        pattern = DayPattern(tuple(sorted(days)), (), tuple(sorted(weekdays)), (), either)
        assert month_mask(pattern, length, first_weekday) == special_mask(pattern, length, first_weekday)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        # The 15th of August 2026 is a Saturday, the 16th a Sunday; the 31st is a Monday.
        ("0 0 15W 8 ?", ["2026-08-14"]),
        ("0 0 16W 8 ?", ["2026-08-17"]),
        # The 1st of August 2026 is a Saturday: the weekday before it lies in another month.
        ("0 0 1W 8 ?", ["2026-08-03"]),
        # The 31st of May 2026 is a Sunday: the weekday after it lies in another month.
        ("0 0 31W 5 ?", ["2026-05-29"]),
        ("0 0 LW 5 ?", ["2026-05-29"]),
        ("0 0 31W 6 ?", []),
        ("0 0 L-3 2 ?", ["2026-02-25"]),
        ("0 0 L-30 2 ?", []),
        ("0 0 L 2 *", ["2026-02-28"]),
        ("0 0 1,L 2 *", ["2026-02-01", "2026-02-28"]),
        ("0 0 ? 5 5L", ["2026-05-29"]),
        ("0 0 ? 7 FRIL", ["2026-07-31"]),
        ("0 0 ? 2 SATL,SUNL", ["2026-02-22", "2026-02-28"]),
        ("0 0 ? 5 FRI#5", ["2026-05-29"]),
        ("0 0 ? 6 FRI#5", []),
        ("0 0 ? 5 7#1", ["2026-05-03"]),
        # Either field, because neither begins with a star.
        ("0 0 1 5 FRI#5", ["2026-05-01", "2026-05-29"]),
        ("0 0 15W 8 MON#1", ["2026-08-03", "2026-08-14"]),
        # Both fields, because one begins with a star.
        ("0 0 */7 5 FRI", ["2026-05-01", "2026-05-08", "2026-05-15", "2026-05-22", "2026-05-29"]),
        ("0 0 */2 5 MON#1,2#1", ["2026-05-05"]),
        ("0 0 13 11 */5", ["2026-11-13"]),
        ("0 0 13 2-5 */5", ["2026-02-13", "2026-03-13"]),
    ],
)
def test_days(text: str, days: list[str]) -> None:
    """Special days, and how the two day fields join, in a year that one can look up."""
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000) - 1
    stop = start + 365 * 86_400_000
    found = calendar(text)
    times = [at for at in found.times(start, len(days) + 1) if at <= stop]
    assert [str(datetime.fromtimestamp(at / 1000, UTC).date()) for at in times] == days
    assert found.count(start, stop) == len(days)


def test_full_fields_are_every_day() -> None:
    """Where either field suffices, one that names all of its values makes the other one idle."""
    for text in ("0 0 13 * 0-6", "0 0 13 * 1-7", "0 0 13 * SUN-SAT", "0 0 1-31 * 1", "0 0 1-31 * 5#3", "0 0 L * 0-7"):
        assert parse(text).days.every_day
    assert parse("0 0 */3 * 0-6").days == parse("0 0 */3 * *").days
