"""The schedules that N12 loads: realistic, valid, and never due between whole minutes."""

from collections import Counter

from mainspring.actors.cron.calendar import calendar
from mainspring.broker.wire.schedule_rows import schedule_fault
from mainspring.nodes.bench.schedules import ZONES, due_rate, expression, rows

DAY_MS = 86_400_000
COUNT = 720


def test_every_definition_is_valid_and_has_its_own_name() -> None:
    """A refused row would end the measure."""
    found = rows(COUNT)
    assert all(schedule_fault(row) is None for row in found)
    assert len({row[0] for row in found}) == COUNT


def test_all_instants_are_whole_minutes() -> None:
    """Else there is no time in which none is due."""
    for number in range(240):
        at_ms = calendar(expression(number), ZONES[number % len(ZONES)]).next_ms(1_770_000_000_000)
        assert at_ms is not None
        assert at_ms % 60_000 == 0


def test_most_are_daily_and_the_rest_is_mixed() -> None:
    """What people have: times of day, few that come often."""
    kinds = Counter(text.split()[0][:2] if text[0] in "*@" else "fixed" for text in map(expression, range(COUNT)))
    assert kinds["fixed"] > 0.85 * COUNT
    assert kinds["*/"] == kinds["@e"] == COUNT / 20


def test_the_rate_counts_instants_of_a_day() -> None:
    """A daily one and one of every hour make 25 a day."""
    found = rows(2)
    for row, text in zip(found, ("0 9 * * *", "0 * * * *"), strict=True):
        row[8] = text
    assert abs(due_rate(found) * 86_400 - 25) < 1e-6
