"""The look ahead: next times, clock changes, load, collisions, and the bound on counting."""

from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import pytest

from mainspring.actors.schedules.schedule import Schedule
from mainspring.nodes.schedules import preview_load
from mainspring.nodes.schedules.preview import (
    HOUR_MS,
    TRANSITIONS_MAX,
    Planned,
    definition,
    of_listing,
    of_rows,
    planned,
    reboots,
    transitions,
    upcoming,
)
from mainspring.nodes.schedules.preview_load import MINUTE_MS, load


def ms(text: str) -> int:
    """Reads an instant."""
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * 1000


def made(expression: str, zone: str = "UTC", **more: Any) -> Planned:
    """Plans an expression."""
    return planned(definition(expression, zone, **more))


NOON = ms("2026-03-01T12:00:00")


def test_next_times_of_several_schedules_are_merged() -> None:
    """They must come in order of time, and in the order of the file where they are equal."""
    schedules = [made("0 * * * *", name="hours"), made("*/30 * * * *", name="halves"), made("@reboot", name="boot")]
    found = upcoming(schedules, NOON, 5)
    assert [((one.instant_ms - NOON) // MINUTE_MS, one.name) for one in found] == [
        (30, "halves"), (60, "hours"), (60, "halves"), (90, "halves"), (120, "hours"),
    ]  # fmt: skip
    assert reboots(schedules) == ["boot"]
    assert upcoming([made("0 0 1 1 *", end_ms=ms("2027-06-01"))], NOON, 5)[1:] == []


def test_days_of_clock_changes_are_noted() -> None:
    """Somebody who schedules at night must see what the clocks do to it."""
    found = upcoming([made("30 3 * * *", "Europe/Riga")], ms("2026-03-28T12:00:00"), 2)
    assert [one.note for one in found] == ["shifted from 03:30", None]
    found = upcoming([made("*/30 3 * * *", "Europe/Riga")], ms("2026-10-24T12:00:00"), 5)
    assert [one.note for one in found] == ["first of two"] * 2 + ["second of two"] * 2 + [None]


def test_clock_changes_ahead() -> None:
    """Those of all zones must be told, each once, within the time that is looked at."""
    schedules = [made("@daily", zone) for zone in ("Europe/Riga", "America/New_York", "UTC", "Europe/Riga")]
    found = transitions(schedules, ms("2026-01-01"), ms("2027-01-01"))
    assert [(one.zone, one.after_s - one.before_s) for one in found] == [
        ("America/New_York", 3600), ("Europe/Riga", 3600), ("Europe/Riga", -3600), ("America/New_York", -3600),
    ]  # fmt: skip
    assert [one.instant_ms for one in found[1:2]] == [ms("2026-03-29T01:00:00")]
    assert transitions(schedules, found[0].instant_ms, found[0].instant_ms + 1) == []
    assert len(transitions(schedules, ms("2026-01-01"), ms("2090-01-01"))) == TRANSITIONS_MAX


def test_load_of_a_minute() -> None:
    """Each job must be counted in the minute in which it fires, from the whole minute on."""
    found = load(
        [made("*/15 * * * *", name="a"), made("0 13 * * *", name="b"), made("*/20 * * * * *", name="c")],
        NOON + 59_000,
        2,
    )
    assert len(found.minutes) == 120
    assert (found.minutes[0], found.minutes[1], found.minutes[15], found.minutes[60]) == (4, 3, 4, 5)
    assert (found.total, found.peak, found.peak_ms) == (8 + 1 + 360, 5, NOON + HOUR_MS)
    assert [(one.name, sum(cells)) for one, cells in found.each] == [("c", 360), ("a", 8), ("b", 1)]
    assert found.spread == []


def test_collisions_are_told_fullest_first() -> None:
    """Schedules that fall on the same second must be found, with their names."""
    schedules = [made("0 * * * *", name=f"s{number}") for number in range(7)]
    schedules += [made("0 13 * * *", name="one"), made("30 * * * *", name="alone"), made("*/40 0 * * * *", name="two")]
    found = load(schedules, NOON + MINUTE_MS, 3)
    assert found.collided == 3
    assert [(one.instant_ms - NOON, one.schedules, one.names) for one in found.collisions] == [
        (HOUR_MS, 9, ["one", "s0", "s1", "s2", "s3"]),
        (2 * HOUR_MS, 8, ["s0", "s1", "s2", "s3", "s4"]),
        (3 * HOUR_MS, 8, ["s0", "s1", "s2", "s3", "s4"]),
    ]


def test_a_jitter_moves_the_load() -> None:
    """The load must be that of the jobs, which fire as the node will let them."""
    schedules = [made("0 * * * *", name=f"s{number}", jitter_ms=30 * MINUTE_MS) for number in range(50)]
    found = load(schedules, NOON, 2)
    fires = [Schedule(0, "", "", one.definition).fires_ms(NOON) for one in schedules]
    assert found.minutes[0] == sum(at_ms < NOON + MINUTE_MS for at_ms in fires)
    assert found.peak < 10
    assert found.total == 100


def test_too_many_instants_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting must end soon whatever is asked; what was not looked at must be said, and still be in the sum."""
    monkeypatch.setattr(preview_load, "INSTANTS_MAX", 100)
    schedules = [made("* * * * * *", name="busy"), made("0 * * * *", name="calm"), made("* * * * *", name="more")]
    found = load(schedules, NOON, 2)
    assert found.spread == ["more", "busy"]
    assert found.total == 7200 + 120 + 2
    assert found.minutes[:2] == [62, 61]
    assert found.collisions == []


def test_known_calendars_cost_little() -> None:
    """Many schedules of one expression must be looked at one by one."""
    found = load([made("* * * * *", name=f"s{number}") for number in range(300)], NOON, 24)
    assert found.spread == []
    assert found.total == 300 * 1440


def test_a_thousand_schedules_within_seconds() -> None:
    """A file of a thousand must not make anybody wait; the bound here is wide, for slow machines."""
    schedules = [
        made(f"{number % 60}-59/7 * * * *" if number % 3 else f"{number % 60} {number % 24} * * *", "Europe/Riga")
        for number in range(1000)
    ]
    started = perf_counter()
    assert load(schedules, NOON, 24).total > 50_000
    assert upcoming(schedules, NOON, 10)
    assert perf_counter() - started < 5


def listed(**more: Any) -> dict[str, Any]:
    """A row as a node lists it."""
    return {
        "name": "a", "tenant": "default", "expression": "0 3 * * *", "zone": "Europe/Riga", "fold": "first",
        "gap": "shift", "start_ms": None, "end_ms": None, "jitter_ms": 0, "state": "active", "source": "client",
    } | more  # fmt: skip


def test_schedules_of_a_node() -> None:
    """Those that have ended have no load; paused ones have what they will have."""
    rows = [listed(), listed(name="b", tenant="shop", state="paused"), listed(state="ended"), listed(state="removed")]
    found = of_listing(rows)
    assert [(one.name, one.paused, one.source) for one in found] == [("a", False, "client"), ("shop/b", True, "client")]
    assert found[0].calendar is made("0 3 * * *", "Europe/Riga").calendar


def test_schedules_of_a_file() -> None:
    """A row of a file must become the same definition that a node would have."""
    row = list(definition("@hourly", name="a", jitter_ms=5)._replace(paused=True))
    (found,) = of_rows([row], "file:x.toml")
    assert list(found.definition) == row
    assert (found.paused, found.source) == (True, "file:x.toml")
