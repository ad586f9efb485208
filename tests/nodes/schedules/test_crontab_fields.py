"""The time fields of a crontab mean here what they mean to Debian's cron, whose reading is done once more below."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.actors.cron.calendar import calendar
from mainspring.nodes.schedules.crontab_fields import FIELDS, NICKNAMES, Field, times
from mainspring.nodes.schedules.crontab_import import expression

MINUTE = timedelta(minutes=1)


def bits(field: Field, text: str) -> set[int]:
    """What cron's get_list sets, by loops over numbers: lists of *, numbers, names, ranges, and steps behind them."""
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            low, high = field.low, field.high
        else:
            ends = [field.names.index(e.lower()) + field.low if e.isalpha() else int(e) for e in span.split("-")]
            low, high = ends[0], ends[-1]
        at = low
        while at <= high:
            found.add(at)
            at += int(step or 1)
    return found


def fires(texts: list[str], start: datetime, minutes: int) -> list[datetime]:
    """Returns the minutes that match, as cron's find_jobs decides, with the rule for the two day fields."""
    minute, hour, dom, month, dow = (bits(field, text) for field, text in zip(FIELDS, texts, strict=True))
    starred = texts[2].startswith("*") or texts[4].startswith("*")

    def matches(at: datetime) -> bool:
        if at.minute not in minute or at.hour not in hour or at.month not in month:
            return False
        weekday = at.isoweekday() % 7
        in_dom, in_dow = at.day in dom, weekday in dow or (weekday == 0 and 7 in dow)
        return in_dom and in_dow if starred else in_dom or in_dow

    return [at for number in range(minutes) if matches(at := start + number * MINUTE)]


@st.composite
def items(draw: st.DrawFn, field: Field) -> str:
    """One item of a list that cron takes."""
    number = st.integers(field.low, field.high)
    kind = draw(st.sampled_from(["*", "*", "*/", "n", "n-n", "n-n/", "name"]))
    first = draw(number)
    last = draw(st.integers(first, field.high))
    step = draw(st.integers(1, 70))
    if kind == "name" and field.names:
        return draw(st.sampled_from(field.names)).title()
    written = f"{first:02}" if draw(st.booleans()) else str(first)
    return {
        "*": "*", "*/": f"*/{step}", "n": written, "n-n": f"{written}-{last}", "n-n/": f"{written}-{last}/{step}",
    }.get(kind, written)  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """Five fields that cron takes."""
    return [",".join(draw(st.lists(items(field), min_size=1, max_size=2))) for field in FIELDS]


@settings(max_examples=100, deadline=None)
@given(lines(), st.integers(0, 365 * 4))
def test_fires_in_the_minutes_of_cron(texts: list[str], day: int) -> None:
    """What is written into the schedules file must fire when cron would have, whatever the day fields are."""
    start = datetime(2023, 12, 31, tzinfo=UTC) + timedelta(days=day)
    wanted = fires(texts, start, 2880)
    found = calendar(expression(" ".join(texts), "UTC"), "UTC")
    from_ms = int(start.timestamp()) * 1000 - 1
    count = found.count(from_ms, from_ms + 2 * 86_400_000)
    assert [datetime.fromtimestamp(ms / 1000, UTC) for ms in found.times(from_ms, count)] == wanted


@settings(max_examples=50, deadline=None)
@given(lines())
def test_values_are_those_of_cron(texts: list[str]) -> None:
    """The values of a field must be what cron sets, with 7 for Sunday as 0."""
    read = times(texts)
    *wanted, days = (bits(field, text) for field, text in zip(FIELDS, texts, strict=True))
    assert [set(values) for values in read.values] == [*wanted, {day % 7 for day in days}]
    assert read.both_days == (texts[2][0] == "*" or texts[4][0] == "*")


@pytest.mark.parametrize(
    ("when", "day", "fires_then"),
    [
        ("0 0 13 * 5", "2026-03-13", True),
        ("0 0 13 * 5", "2026-03-06", True),  # a Friday, and not the 13th: either field is enough
        ("0 0 */2 * 1", "2026-03-02", False),  # a Monday with an even number: a star makes both count
        ("0 0 */2 * 1", "2026-03-09", True),
        ("0 0 */40 * mon", "2026-06-01", True),
        ("0 0 */40 * mon", "2026-06-08", False),
        ("0 0 1-31 * 1", "2026-03-03", True),  # no star, so the whole range is a day field of its own
    ],
)
def test_the_rule_of_the_two_day_fields(when: str, day: str, fires_then: bool) -> None:
    """It is what people get wrong about cron most often, so it must not change on the way."""
    at_ms = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * 1000
    assert (calendar(expression(when, "UTC"), "UTC").next_ms(at_ms - 1) == at_ms) is fires_then


@pytest.mark.parametrize("nickname", sorted(NICKNAMES))
def test_nicknames_are_kept(nickname: str) -> None:
    """A nickname must stay one: it says more than its fields."""
    assert expression(nickname, "Europe/Riga") == nickname


def test_a_mend_can_be_written_as_it_stands() -> None:
    """What a fault tells to write must be taken."""
    for texts in (["1/20", "*", "*", "*", "*"], ["*", "22-2", "*", "*", "*"], ["*", "*", "*", "*", "fri-mon/2"]):
        with pytest.raises(ValueError, match="write ") as fault:
            times(texts)
        mended = [str(fault.value).rpartition("write ")[2] if text != "*" else text for text in texts]
        times(mended)
        expression(" ".join(mended), "UTC")
