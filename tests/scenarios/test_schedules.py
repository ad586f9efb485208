"""Stories of schedules: nights on which the clocks change, hours of silence, edits at the wrong moment."""

import pytest
from schedule_stories import PLAIN, ScheduleStory, schedule_story, utc_ms

from mainspring.actors.schedules.schedule import Definition
from mainspring.chaos.history import payload_for

SECOND, HOUR = 1_000, 3_600_000
NIGHTLY = PLAIN._replace(zone="America/New_York", expression="30 2 * * *")
HALF_HOURS = PLAIN._replace(expression="0 */30 * * * *")


def test_a_restart_in_the_gap_loses_no_run() -> None:
    """At 02:00 New York's clocks go to 03:00; what is set for 02:30 runs then, though nobody was there."""
    with schedule_story("2027-03-14T06:59:50") as told:
        told.define(
            NIGHTLY._replace(name="shifted"),
            NIGHTLY._replace(name="skipped", gap="skip"),
            NIGHTLY._replace(name="quarters", expression="0 */15 * * * *"),
        )
        told.wait_until_shows(utc_ms("2027-03-14T06:59:55"))
        told.crash(8 * SECOND)
        told.wait(2 * SECOND)
        assert told.ticks("shifted") == [(utc_ms("2027-03-14T07:00:00"), "on_time", 1)]
        assert told.schedule("shifted").next_ms == utc_ms("2027-03-15T06:30:00")
        assert told.ticks("skipped") == []
        assert told.schedule("skipped").next_ms == utc_ms("2027-03-15T06:30:00")
        assert told.ticks("quarters") == [(utc_ms("2027-03-14T07:00:00"), "on_time", 1)]
        told.end("shifted", "skipped", "quarters")
        assert len(told.attempts()) == 2


def test_a_restart_in_the_fold_doubles_no_run() -> None:
    """01:30 comes twice that night; which of them counts is the schedule's, whatever happens between them."""
    first, second = utc_ms("2027-11-07T05:30:00"), utc_ms("2027-11-07T06:30:00")
    with schedule_story("2027-11-07T05:29:55") as told:
        folds = ("first", "last", "both")
        told.define(*(NIGHTLY._replace(name=fold, fold=fold, expression="30 1 * * *") for fold in folds))
        told.wait_until_shows(first + 2 * SECOND)
        told.crash(step_ms=HOUR - 10 * SECOND)
        told.wait_until_shows(second + 2 * SECOND)
        fired = {fold: [instant_ms for instant_ms, _, _ in told.ticks(fold)] for fold in folds}
        assert fired == {"first": [first], "last": [second], "both": [first, second]}
        told.end(*folds)
        assert len(told.attempts()) == 4


def test_a_clock_that_is_set_back_repeats_nothing() -> None:
    """The cursor stays; when the clock shows the time of the last tick again, the next instant follows."""
    with schedule_story() as told:
        told.define(PLAIN._replace(overlap="allow"))
        told.wait(3 * SECOND)
        before = told.ticks()
        told.coordinator.clock.step(-HOUR)
        told.wait(5 * SECOND)
        assert told.ticks() == before
        told.coordinator.clock.step(HOUR)
        told.wait(3 * SECOND)
        instants = [instant_ms for instant_ms, _, _ in told.ticks()]
        assert len(before) >= 3
        assert instants == list(range(instants[0], instants[0] + SECOND * len(instants), SECOND))
        assert len(instants) > len(before) + 5
        told.end()


@pytest.mark.parametrize(
    ("definition", "wanted"),
    [
        (HALF_HOURS._replace(catch_up="skip"), [(30, "missed", 6)]),
        (HALF_HOURS._replace(catch_up="latest"), [(30, "superseded", 5), (180, "caught_up", 1)]),
        (HALF_HOURS._replace(catch_up="latest", window_ms=60_000), [(30, "too_old", 6)]),
        (
            HALF_HOURS._replace(catch_up="all", overlap="allow", window_ms=HOUR + 20 * 60_000),
            [(30, "too_old", 3), (120, "caught_up", 1), (150, "caught_up", 1), (180, "caught_up", 1)],
        ),
    ],
    ids=["skip", "latest", "latest beyond the window", "all"],
)
def test_three_hours_of_silence(definition: Definition, wanted: list[tuple[int, str, int]]) -> None:
    """Of the six instants that nobody saw, each gets its reason; catch_up says which of them run."""
    start_ms = utc_ms("2027-01-15T08:00:00")
    with schedule_story("2027-01-15T08:00:00") as told:
        told.define(definition)
        told.crash(step_ms=3 * HOUR + 2 * 60_000)
        told.wait(2 * SECOND)
        found = [((instant_ms - start_ms) // 60_000, reason, count) for instant_ms, reason, count in told.ticks()]
        assert found == wanted
        told.end()
        assert len(told.attempts()) == sum(reason == "caught_up" for _, reason, _ in wanted)


def test_an_instant_that_the_jitter_has_moved_survives_an_edit() -> None:
    """It has come before the edit, so it runs, at the time that the old jitter gave it; the new timing begins now."""
    old = PLAIN._replace(expression="0 * * * * *", jitter_ms=50_000)
    instant_ms = utc_ms("2027-01-15T08:01:00")
    with schedule_story("2027-01-15T08:00:55") as told:
        told.define(old)
        fires_ms = told.schedule().fires_ms(instant_ms)
        assert fires_ms > instant_ms + 4 * SECOND, "the hash of this instant is large"
        told.wait_until_shows(instant_ms + 2 * SECOND)
        assert told.ticks() == []
        told.define(old._replace(expression="30 * * * * *", jitter_ms=0))
        assert told.ticks() == [(instant_ms, "on_time", 1)]
        assert told.schedule().next_ms == utc_ms("2027-01-15T08:01:30")
        told.wait(1 * SECOND)
        assert told.attempts() == []
        told.wait_until_shows(fires_ms + 60)
        (attempt,) = told.attempts()
        assert told.coordinator.clock.now(attempt.started_ns).wall_ms >= fires_ms
        told.end()


def test_code_of_two_versions() -> None:
    """The version that says hello last counts; what an operator has defined by a name of the code stays his."""
    first = PLAIN._replace(name="report", expression="0 0 * * * *")
    extra = first._replace(name="extra")
    with schedule_story(executors=2) as told:
        _deploy(told, 0, [first, extra])
        assert told.schedule("report").definition.expression == "0 0 * * * *"
        number = told.schedule("report").number
        _deploy(told, 1, [first._replace(expression="0 30 * * * *")])
        assert told.schedule("report").definition.expression == "0 30 * * * *"
        assert told.schedule("report").number == number
        assert ("default", "extra") not in told.coordinator.machine.state.image.book.by_name
        told.define(first._replace(expression="0 45 * * * *"))
        _deploy(told, 0, [first, extra])
        assert told.schedule("report").definition.expression == "0 45 * * * *"
        assert told.schedule("report").source == "client"
        assert told.schedule("extra").number > number + 1
        told.end("report", "extra")


def _deploy(told: ScheduleStory, number: int, declared: list[Definition]) -> None:
    """Starts an executor on code that declares these."""
    executor = told.told.faults.executors[number]
    old = executor.incarnation
    executor.crash()
    executor.start([old])
    executor.declared = [list(definition) for definition in declared]
    told.wait(SECOND)


def test_a_run_that_is_asked_for_twice_runs_once() -> None:
    """The second call with the same token gets the first one's job, through a restart of the coordinator."""
    with schedule_story() as told:
        told.define(PLAIN._replace(expression="0 0 * * * *"))
        told.act("run", "job")
        (message,) = told.operator.runs
        told.told.wait_until(told.attempts)
        told.crash()
        told.operator.runs.append(message)
        told.operator.ask_again(message)
        told.told.wait_until(lambda: not told.operator.open)
        assert told.told.world.counts["change_ran"] == 2
        assert [reason for _, reason, _ in told.ticks()] == ["manual"]
        told.end()
        assert len(told.attempts()) == 1


def test_runs_while_the_clock_is_behind_keep_apart() -> None:
    """The stamp stands still then; each run off the calendar has an instant of its own all the same."""
    with schedule_story() as told:
        told.define(PLAIN._replace(expression="0 0 * * * *", overlap="allow"))
        told.coordinator.clock.step(-HOUR // 2)
        for _ in range(4):
            told.crash()
            told.act("run", "job")
            told.act("run", "job")
        told.wait(SECOND)
        assert [reason for _, reason, _ in told.ticks()] == ["manual"] * 8
        told.end()
        assert len(told.attempts()) == 8


def test_what_waits_goes_on_when_a_definition_says_so() -> None:
    """An instant waited for a job that has ended while the schedule was paused; its file lets the schedule go on."""
    slow = PLAIN._replace(
        expression="*/2 * * * * *",
        overlap="buffer_one",
        payload=payload_for("tick", "succeed:2500"),
        runs_max=2,
    )
    with schedule_story() as told:
        told.define(slow._replace(paused=False))
        told.told.wait_until(lambda: told.schedule().buffered_ms)
        told.define(slow._replace(paused=True))
        told.told.wait_until(lambda: not told.schedule().live)
        told.wait(SECOND)
        assert told.schedule().buffered_ms is not None
        told.define(slow._replace(paused=False))
        assert told.schedule().buffered_ms is None
        assert "after_other" in [reason for _, reason, _ in told.ticks()]
        told.end()


def test_a_full_queue_meets_an_instant_that_has_waited() -> None:
    """Its row stands alone: it lies before the range of those that the full queue has turned away meanwhile."""
    slow = PLAIN._replace(queue="special", overlap="buffer_one", payload=payload_for("tick", "succeed:4500"))
    with schedule_story(backlog_jobs_max=1) as told:
        told.told.submit("succeed:20000")
        told.define(slow)
        told.told.wait_until(lambda: told.schedule().buffered_ms)
        told.define(slow._replace(queue="default", overlap="allow"))
        told.wait(6 * SECOND)
        at_ms = told.ticks()[0][0]
        assert told.ticks() == [
            (at_ms, "on_time", 1),
            (at_ms + SECOND, "queue_full", 1),
            (at_ms + 2 * SECOND, "queue_full", 3),
            (at_ms + 5 * SECOND, "queue_full", 3),
        ]
        told.end()


def test_a_host_that_was_started_anew_runs_what_is_for_that() -> None:
    """A restart of the coordinator does not, nor a failover to another host; a new boot id does, once."""
    with schedule_story() as told:
        told.define(PLAIN._replace(expression="@reboot"))
        told.crash()
        told.coordinator.host = 1
        told.crash()
        told.coordinator.host = 0
        told.crash()
        told.wait(SECOND)
        assert told.ticks() == []
        told.coordinator.boots[0] += 1
        told.crash()
        told.crash()
        told.wait(SECOND)
        assert [reason for _, reason, _ in told.ticks()] == ["reboot"]
        told.end()
        assert len(told.attempts()) == 1
