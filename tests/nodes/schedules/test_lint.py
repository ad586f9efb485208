"""What is worth a warning in a set of schedules, and what is not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mainspring.nodes.schedules.lint import Remark, remarks
from mainspring.nodes.schedules.preview import Planned, definition, planned

NOW_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
RIGA = "Europe/Riga"  # 2026-03-29: 03:00 becomes 04:00; 2026-10-25: 04:00 becomes 03:00


def one(expression: str, zone: str = "UTC", name: str = "a", **options: Any) -> Planned:
    """Makes a schedule."""
    return planned(definition(expression, zone, name=name, **options)._replace(task="a.b"))


def said(*schedules: Planned, tasks: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """Gives kind and text of each remark."""
    return [(remark.kind, remark.text) for remark in remarks(schedules, NOW_MS, tasks)]


@pytest.mark.parametrize(
    "schedule",
    [
        one("0 3 * * *"), one("*/15 */6 * */3 *"), one("@every 90s", RIGA), one("@reboot"), one("0 5 * * *", RIGA),
        one("*/20 * * * *", RIGA), one("0 * * * *", RIGA, fold="both", gap="skip"), one("1-59/7 * * * *"),
        one("0 0 1/2 * *"), one("@daily"), one("30 3 * * *", RIGA, start_ms=NOW_MS + 400 * 86_400_000),
    ],
    ids=lambda planned: planned.definition.expression,
)  # fmt: skip
def test_what_is_usual_is_worth_no_word(schedule: Planned) -> None:
    """A warning that is wrong once is not read again."""
    assert said(schedule) == []


def test_a_schedule_that_never_fires_again() -> None:
    """Nobody must wait for one whose end has passed, or whose years have."""
    over = one("0 3 * * *", end_ms=NOW_MS)
    assert said(over) == [("never", "never fires again: its end has passed; remove it, or correct it")]
    past = one("0 0 3 1 1 * 2020")
    text = "never fires again: its expression names no time from now on; remove it, or correct it"
    assert said(past) == [("never", text)]


def test_what_the_clocks_do_to_a_fixed_time() -> None:
    """Each rule must be told by what it will do, once."""
    date = "on 2026-03-29 clocks go forward and 03:30 does not occur"
    assert said(one("30 3 * * *", RIGA)) == [
        ("dst", f"{date}: it runs at 04:00; another time, or tz = UTC, avoids that")
    ]
    assert said(one("30 3 * * *", RIGA, gap="skip")) == [("dst", f'{date}: it does not run; gap = "shift" has it run')]
    back = 'on 2026-10-25 clocks go back and 03:30 comes twice: it runs twice; fold = "first" runs it once'
    assert said(one("30 3 * * *", RIGA, fold="both"))[1:] == [("dst", back)]
    both = said(one("0 3,4 * * *", RIGA))
    assert both[0][1].startswith("on 2026-03-29 clocks go forward and 03:00 does not occur: it runs once for both")


def test_steps_that_do_not_come_out_even() -> None:
    """Each field must be told by its own unit, and only whole-range steps."""
    found = said(one("*/7 */5 */2 */5 */2"))
    assert [text.partition(";")[0] for _, text in found] == [
        "*/7 in the minutes does not divide 60: the last step of each hour is 4",
        "*/5 in the hours does not divide 24: the last step of each day is 4",
        "*/2 in the days of the month counts anew from the 1st of each month",
        "*/5 in the months does not divide 12: the last step of each year is 2",
        "*/2 in the days of the week does not divide 7: the last step of each week is 1",
    ]
    (seconds,) = said(one("CRON_TZ=UTC */25 * * * * *"))
    assert seconds[1].startswith("*/25 in the seconds does not divide 60: the last step of each minute is 10")
    (started,) = said(one("0/50 * * * *"))
    assert started[1].startswith("0/50 in the minutes")


def test_tasks_that_nobody_has_announced() -> None:
    """With a node asked, a misspelled task must be told, and a queue that its task does not name."""
    daily = one("@daily")
    assert said(daily, tasks={"a.b": "default"}) == []
    text = "no executor has announced the task a.b; did you mean a.bc?"
    assert said(daily, tasks={"a.bc": "default"}) == [("task", text)]
    text = "no executor has announced the task a.b; `mainspring tasks` lists those there are"
    assert said(daily, tasks={}) == [("task", text)]
    ((kind, text),) = said(daily, tasks={"a.b": "mail"})
    assert kind == "queue"
    assert 'say queue = "mail"' in text


def test_many_schedules_in_one_second() -> None:
    """Ten at once are told with the second, and with a jitter they are not."""
    ten = [one("0 12 * * *", name=f"s{number}") for number in range(10)]
    assert remarks(ten[:9], NOW_MS) == []
    text = "10 schedules fire at 2026-01-01 12:00:00 UTC (s0, s1, s2, s3, s4, …); a jitter spreads them"
    assert remarks(ten, NOW_MS) == [Remark("", "crowd", text)]
    assert remarks([one("0 12 * * *", name=f"s{n}", jitter_ms=3_600_000) for n in range(10)], NOW_MS) == []
