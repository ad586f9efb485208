"""Every instant has one fate, in order, whatever the clock did; and its reason follows the definition."""

from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_bench import a_schedule

from mainspring.actors.schedules.due import Fate, fates
from mainspring.actors.schedules.reasons import REASONS
from mainspring.actors.schedules.schedule import Definition, Schedule

EXPRESSIONS = ("* * * * * *", "*/7 * * * * *", "* * * * *", "*/20 3-9 * * *", "@every 90s", "30 2 * * *", "0 0 1 * *")
ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe")
BASE_MS = 1_772_920_800_000 + 20 * 3_600_000  # the evening before New York's clocks go forward in 2026
LEAD_MS = 10


def a_record(cursor_ms: int, expression: str, **columns: object) -> Schedule:
    """A schedule whose instants up to the cursor are accounted for."""
    schedule = Schedule(1, "client", "", Definition._make(a_schedule(expression, **columns)))
    schedule.cursor_ms = cursor_ms
    schedule.next_ms = schedule.definition.calendar().next_ms(cursor_ms)
    return schedule


def all_fates(schedule: Schedule, wall_ms: int) -> list[Fate]:
    """All fates at one moment, as many rounds as it takes."""
    found: list[Fate] = []
    while part := fates(schedule, wall_ms, LEAD_MS, 64):
        found += part
        schedule.cursor_ms = part[-1].to_ms
    return found


@settings(max_examples=150, deadline=None)
@given(
    expression=st.sampled_from(EXPRESSIONS),
    zone=st.sampled_from(ZONES),
    late_ms=st.one_of(st.integers(0, 5_000), st.integers(0, 3 * 3_600_000), st.integers(0, 40 * 86_400_000)),
    catch_up=st.sampled_from(["skip", "latest", "all"]),
    window_ms=st.sampled_from([0, 60_000, 3_600_000]),
    grace_ms=st.sampled_from([0, 1_000, 60_000]),
    jitter_ms=st.sampled_from([0, 0, 30_000]),
    paused=st.sampled_from([None, None, True]),
)
def test_every_instant_has_one_fate(expression: str, zone: str, late_ms: int, **columns: object) -> None:
    """Ranges and single instants follow on from each other without a gap."""
    schedule = a_record(BASE_MS, expression, zone=zone, **columns)
    wall_ms = BASE_MS + late_ms
    found = all_fates(schedule, wall_ms)
    calendar = schedule.definition.calendar()
    cursor_ms = BASE_MS
    for fate in found:
        assert calendar.next_ms(cursor_ms) == fate.from_ms, "a range begins where the last one ended"
        assert calendar.count(cursor_ms, fate.to_ms) == fate.count, "a range counts all that it spans"
        assert fate.count == 1 or not REASONS[fate.reason].fired, "who fires stands alone"
        assert fate.to_ms <= wall_ms + LEAD_MS, "nothing is decided before its time"
        cursor_ms = fate.to_ms
    next_ms = calendar.next_ms(cursor_ms)
    if schedule.paused:
        assert next_ms is None or next_ms > wall_ms
    else:
        assert next_ms is None or schedule.fires_ms(next_ms) > wall_ms + LEAD_MS, "nothing that is due is left"


@settings(max_examples=80, deadline=None)
@given(late_ms=st.integers(0, 6 * 3_600_000), grace_ms=st.sampled_from([0, 1_000, 60_000, 3_600_000]))
def test_what_is_within_the_grace_fires(late_ms: int, grace_ms: int) -> None:
    """And what is caught up lies within the window."""
    for catch_up in ("skip", "latest", "all"):
        schedule = a_record(BASE_MS, "*/10 * * * * *", catch_up=catch_up, grace_ms=grace_ms)
        for fate in all_fates(schedule, BASE_MS + late_ms):
            if fate.to_ms >= BASE_MS + late_ms - grace_ms:
                assert REASONS[fate.reason].name == "on_time"
            elif fate.count == 1 and REASONS[fate.reason].fired:
                assert catch_up != "skip"
                assert fate.from_ms >= BASE_MS + late_ms - schedule.definition.window_ms


def test_latest_fires_one_at_the_most() -> None:
    """The newest one."""
    schedule = a_record(BASE_MS, "* * * * *", catch_up="latest", grace_ms=0)
    fired = [fate for fate in all_fates(schedule, BASE_MS + 50 * 60_000 + 30_000) if REASONS[fate.reason].fired]
    assert [fate.from_ms for fate in fired] == [BASE_MS + 50 * 60_000]
