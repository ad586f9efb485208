"""Which cron expressions are read, how they are spelled, and what is said of the others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.actors.cron.calendar import calendar
from mainspring.actors.cron.expression import parse
from mainspring.actors.cron.fields import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, YEAR, FieldKind, read_field

SPELLINGS = [
    ("30 2 * * *", "30 2 * * *"),
    ("  30\t2  *\t \t*   * ", "30 2 * * *"),
    ("0 30 2 * * ?", "30 2 * * *"),
    ("15 30 2 ? * fri", "15 30 2 * * 5"),
    ("15 30 2 * * * *", "15 30 2 * * *"),
    ("0 30 2 * * * 2027,2030", "0 30 2 * * * 2027,2030"),
    ("0 30 2 * * * 1970-2099", "0 30 2 * * * 1970-2099"),
    ("* * * * * *", "* * * * * *"),
    ("00 02 01 jan,Jul Mon-fri", "0 2 1 1,7 1-5"),
    ("0 0 l * *", "0 0 L * *"),
    ("0 0 1,l-3,15w,lw * *", "0 0 1,L-3,15W,LW * *"),
    ("0 0 * * fril,7#2,sunl", "0 0 * * 5L,0#2,0L"),
    ("0 0 * * 7", "0 0 * * 0"),
    ("0 22-2 * nov-feb fri-mon", "0 22-2 * 11-2 5-1"),
    ("*/15 5/15 10-20/05 * *", "*/15 5/15 10-20/5 * *"),
    ("@hourly", "0 * * * *"),
    ("@Daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@every 90s", "@every 1m30s"),
    ("@every  1h30m", "@every 1h30m"),
    ("@EVERY 86400S", "@every 1d"),
    ("@reboot", "@reboot"),
    ("CRON_TZ=Europe/Riga 30 2 * * *", "CRON_TZ=Europe/Riga 30 2 * * *"),
    ("TZ=Europe/Riga\t@daily", "CRON_TZ=Europe/Riga 0 0 * * *"),
    ("TZ=UTC @reboot", "@reboot"),
    ("CRON_TZ=America/New_York @every 5m", "CRON_TZ=America/New_York @every 5m"),
]


@pytest.mark.parametrize(("text", "spelled"), SPELLINGS)
def test_spellings(text: str, spelled: str) -> None:
    """Each expression has one spelling, which reads as the same expression."""
    expression = parse(text)
    assert expression.text == spelled
    assert parse(spelled) == expression


def test_the_prefix_wins_over_the_argument() -> None:
    """A zone that the expression names is its zone."""
    assert parse("30 2 * * *", "Europe/Riga").zone == "Europe/Riga"
    assert parse("30 2 * * *", "Europe/Riga").text == "CRON_TZ=Europe/Riga 30 2 * * *"
    assert parse("CRON_TZ=Asia/Tehran 30 2 * * *", "Europe/Riga").zone == "Asia/Tehran"
    assert parse("TZ=UTC 30 2 * * *", "Europe/Riga") == parse("30 2 * * *")


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        (MINUTE, "5-5", [5]),
        (MONTH, "JAN-JAN", [1]),
        (DAY_OF_WEEK, "7-7", [0]),
        (DAY_OF_WEEK, "7-0", [0]),
        (DAY_OF_WEEK, "SUN-SUN", [0]),
        (DAY_OF_WEEK, "0-7", [0, 1, 2, 3, 4, 5, 6]),
        (DAY_OF_WEEK, "1-7", [0, 1, 2, 3, 4, 5, 6]),
        (DAY_OF_WEEK, "5-7", [0, 5, 6]),
        (DAY_OF_WEEK, "7-2", [0, 1, 2]),
        (DAY_OF_WEEK, "FRI-MON", [0, 1, 5, 6]),
        (DAY_OF_WEEK, "SAT-SUN", [0, 6]),
        (DAY_OF_WEEK, "5-1/2", [0, 5]),
        (DAY_OF_WEEK, "4/2", [4, 6]),
        (DAY_OF_WEEK, "*/7", [0]),
        (MINUTE, "59/15", [59]),
        (HOUR, "23/1", [23]),
        (MINUTE, "5/15", [5, 20, 35, 50]),
        (MINUTE, "10-50/20", [10, 30, 50]),
        (MINUTE, "50-10/10", [0, 10, 50]),
        (MINUTE, "50-9/10", [0, 50]),
        (MINUTE, "*/60", [0]),
        (HOUR, "22-2", [0, 1, 2, 22, 23]),
        (MONTH, "NOV-FEB", [1, 2, 11, 12]),
        (MONTH, "NOV-FEB/2", [1, 11]),
        (DAY_OF_MONTH, "30-2", [1, 2, 30, 31]),
        (MINUTE, "1,*,2", list(range(60))),
        (YEAR, "2098-1971", [1970, 1971, 2098, 2099]),
        (HOUR, "007", [7]),
    ],
)
def test_values(kind: FieldKind, text: str, values: list[int]) -> None:
    """Lists, ranges and steps allow just these values; several of them croniter reads otherwise."""
    assert list(read_field(kind, text).values) == values


@pytest.mark.parametrize(
    ("text", "wildcard"),
    [
        ("* * * * *", True),
        ("*/15 2 * * *", True),
        ("0 * * * *", True),
        ("@hourly", True),
        ("* 30 2 * * *", False),
        ("0-59 0-23 * * *", False),
        ("1,* 2 * * *", False),
        ("*,1 2 * * *", True),
        ("@daily", False),
        ("@every 1h", False),
    ],
)
def test_wildcards(text: str, wildcard: bool) -> None:
    """An expression follows real time if its minute or hour field begins with a star, as Debian's cron has it."""
    assert parse(text).wildcard is wildcard


REFUSED = [
    ("", "0 fields; give 5"),
    ("  ", "0 fields; give 5"),
    ("* * * *", "4 fields; give 5"),
    ("0 30 2 * * * 2027 /usr/bin/backup", "8 fields; give 5 (minute, hour"),
    ("0 12 1 1 * 2027", "if it is the year, give 7 fields: '0 0 12 1 1 * 2027'"),
    ("0 12 1 1 * 2027-2030", "6 fields begin with the second"),
    ("60 * * * *", "60 is no minute; give 0 to 59"),
    ("* 24 * * *", "24 is no hour; give 0 to 23"),
    ("* * 0 * *", "0 is no day-of-month; give 1 to 31"),
    ("* * 32 * *", "32 is no day-of-month"),
    ("* * * 13 *", "13 is no month; give 1 to 12"),
    ("* * * * 8", "8 is no day-of-week; give 0 to 7"),
    ("60 * * * * *", "60 is no second"),
    ("* * * * * * 1969", "1969 is no year; give 1970 to 2099"),
    ("* * * * * * 2100", "2100 is no year"),
    ("*/0 * * * *", "a step of 0; give 1 or more"),
    ("*/90 * * * *", "give 1 to 60, or write '@every 90m' as the whole expression"),
    ("* */36 * * *", "'@every 36h'"),
    ("*/61 * * * * *", "'@every 61s'"),
    ("* * * */13 *", "steps beyond its 12 values; give 1 to 12"),
    ("* * * * */8", "give 1 to 7"),
    ("0-10/61 * * * *", "steps beyond"),
    ("1,,2 * * * *", "an empty item; take the spare comma away"),
    ("1, * * * *", "an empty item"),
    ("1- * * * *", "cannot be read; give values from 0 to 59"),
    ("-5 * * * *", "cannot be read"),
    ("+5 * * * *", "cannot be read"),
    ("*-5 * * * *", "cannot be read"),
    ("5/ * * * *", "cannot be read"),
    ("1.5 * * * *", "cannot be read"),
    ("1-2-3 * * * *", "cannot be read"),
    ("JAN * * * *", "cannot be read"),
    ("* * * JANUARY *", "or JAN to DEC"),
    ("* * * * MONDAY", "or SUN to SAT"),
    ("* * * MON *", "cannot be read"),
    ("H * * * *", "hashed value; write a fixed one, and give the schedule a jitter"),
    ("H/15 * * * *", "hashed value"),
    ("H(0-29) * * * *", "hashed value"),
    ("R * * * *", "hashed value"),
    ("? * * * *", "'?' in the minute field; only the two day fields may have it"),
    ("* * ?,1 * *", "stands alone"),
    ("* * ?/2 * *", "cannot be read"),
    ("* * * * 1#0", "give #1 to #5, or 1L for the last one"),
    ("* * * * FRI#6", "give #1 to #5, or 5L for the last one"),
    ("* * * * 8#1", "8 is no day-of-week"),
    ("* * * * L5", "write 5L for the last one of the month"),
    ("* * * * L", "write 6 for every Saturday, or 6L"),
    ("* * * * XYZL", "cannot be read"),
    ("* * * * 7/2", "can be read in two ways; write 0/2 or 0"),
    ("* * * * 1W", "cannot be read"),
    ("* * 5L * *", "cannot be read"),
    ("* * 5#1 * *", "cannot be read"),
    ("* * 20-L * *", "end the range with 31"),
    ("* * L-0 * *", "give L-1 to L-30, or L"),
    ("* * L-31 * *", "give L-1 to L-30"),
    ("* * WL * *", "write LW"),
    ("* * W * *", "cannot be read"),
    ("* * 32W * *", "32 is no day-of-month"),
    ("* * 1-5W * *", "cannot be read"),
    ("* * L/2 * *", "cannot be read"),
    ("L * * * *", "cannot be read"),
    ("@manually", "@manually is not known; give five fields or one of @yearly"),
    ("@", "@ is not known"),
    ("@daily 5", "@daily stands alone"),
    ("@reboot @daily", "@reboot stands alone"),
    ("@every", "@every needs a period"),
    ("@every 0s", "out of bounds; give 1s"),
    ("@every 90", "@every needs a period"),
    ("@every 1.5h", "@every needs a period"),
    ("@every 100ms", "@every needs a period"),
    ("@every 30m1h", "@every needs a period"),
    ("@every 1h 30m", "@every needs a period"),
    ("@every -5m", "@every needs a period"),
    ("@every 99999d", "out of bounds"),
    ("30\u00a02 * * *", "a blank that is not ASCII or not printable (U+00A0); type it again"),
    ("30\u20032 * * *", "U+2003"),
    ("30 2 * *\n*", "U+000A"),
    ("３０ 2 * * *", "a character that is not ASCII or not printable (U+FF13)"),
    ("30 2 * * *" + " " * 500, "510 characters; 500 are the most"),
    ("CRON_TZ=Europe/Rigga 0 0 * * *", "there is no time zone 'Europe/Rigga'; did you mean 'Europe/Riga'?"),
    ("CRON_TZ=europe/riga 0 0 * * *", "did you mean 'Europe/Riga'?"),
    ("CRON_TZ= 0 0 * * *", "there is no time zone ''"),
    ("TZ=localtime 0 0 * * *", "is not the same on every machine"),
    ("TZ=../../etc/passwd 0 0 * * *", "there is no time zone"),
    ("TZ=Europe 0 0 * * *", "there is no time zone 'Europe'"),
    ("CRON_TZ=UTC", "0 fields"),
    ("CRON_TZ=UTC TZ=UTC 0 0 * * *", "cannot be read"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refusals(text: str, reason: str) -> None:
    """What is not accepted is refused with the fault and the mend."""
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 2 * len(text) + 400


def test_what_is_no_text_is_refused() -> None:
    """Arguments of another type are refused like wrong texts."""
    for text, zone in ((None, "UTC"), (5, "UTC"), (["* * * * *"], "UTC"), ("* * * * *", None), ("* * * * *", [])):
        with pytest.raises(ValueError, match="are texts"):
            parse(text, zone)


PIECES = st.one_of(
    st.sampled_from(
        [" ", "\t", "*", "?", "#", "/", "-", ",", "TZ=", "CRON_TZ=Europe/Riga", "@every", "@daily", "@reboot"]
    ),
    st.sampled_from(["JAN", "FEB", "dec", "MON", "fri", "SUN", "H", "R", "90s", "1h"]),
    st.sampled_from(["L", "W", "LW", "L-3", "15W", "5L", "FRIL", "5#3", "1#5"]),
    st.sampled_from(["*/2", "*/15", "1-5", "22-2", "FRI-MON", "7", "31", "59", "60", "90", "1970", "2027", "2099"]),
    st.integers(0, 40).map(str),
)
LIKELY = st.tuples(
    st.sampled_from(["0 ", "*/7 ", "30 ", "", "5-9,*/20 "]),
    st.sampled_from(["0 ", "30 ", "*/5 ", "59/15 "]),
    st.sampled_from(["2 ", "* ", "22-2 ", "1/5 "]),
    st.sampled_from(["* ", "31 ", "L ", "29,LW ", "15W,L-3 ", "? ", "*/30 "]),
    st.sampled_from(["* ", "2 ", "NOV-FEB ", "6/2 "]),
    st.sampled_from(["*", "MON-FRI", "5#5", "0L,2", "0-6", "?"]),
    st.sampled_from(["", "", "", " 2028", " 2099", " *"]),
).map("".join)


@settings(max_examples=250)
@given(st.one_of(st.lists(PIECES, max_size=12).map("".join), LIKELY, st.text(max_size=30)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text is an expression or a ValueError; what was read reads again, and its instants ascend."""
    try:
        expression = parse(text, "Europe/Riga")
    except ValueError:
        return
    assert parse(expression.text) == expression
    start_ms = 1_774_000_000_000  # some days before a change of offset in Riga
    times = calendar(text, "Europe/Riga", "both").times(start_ms, 4)
    assert sorted(set(times)) == times
    assert all(at_ms > start_ms and at_ms % 1000 == 0 for at_ms in times)
    if times:
        assert calendar(text, "Europe/Riga", "both").count(start_ms, times[-1]) == len(times)
        assert calendar(text, "Europe/Riga", "both").latest_ms(start_ms, times[-1]) == times[-1]


def test_a_field_of_many_ranges_is_read_at_once() -> None:
    """The longest field that fits costs no more than its characters."""
    text = ",".join(["0-59"] * 98)
    assert parse(f"{text} * * * *").minutes == tuple(range(60))
