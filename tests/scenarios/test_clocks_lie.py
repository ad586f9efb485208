"""Stories of clocks that lie: walls that step, and machines that sleep.

A job may be late for it, never early; nothing runs twice, and nothing is lost. The page for people is docs/clocks.md.
"""

from dataclasses import replace
from itertools import accumulate, pairwise

import pytest
from schedule_stories import PLAIN, schedule_story, utc_ms
from worlds import Story, story

from mainspring.actors.jobs.lifecycle import DEAD, EXPIRED, SUCCEEDED
from mainspring.chaos.history import Attempt
from mainspring.chaos.options import drawn
from mainspring.chaos.simulate import run

pytestmark = pytest.mark.slow

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
YEAR = 365 * DAY
MS = 1_000_000

STEPS = {
    "an hour on": (HOUR,),
    "an hour back": (-HOUR,),
    "a year on": (YEAR,),
    "a year back": (-YEAR,),
    "a year on and back": (YEAR, -YEAR),
    "a year back and on": (-YEAR, YEAR),
}
any_step = pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
anybody = pytest.mark.parametrize("who", ["coordinator", "executors", "client", "everybody"])


def _take(told: Story, steps: tuple[int, ...], who: str = "everybody") -> None:
    """Steps clocks, half a second apart."""
    for step_ms in steps:
        told.step(step_ms, who)
        told.wait(500)


def _waited_ms(since_ns: int, attempt: Attempt) -> float:
    return (attempt.started_ns - since_ns) / MS


@any_step
@anybody
def test_a_delay_runs_on_elapsed_time(steps: tuple[int, ...], who: str) -> None:
    """No step makes it shorter or longer, whether it comes after the submit or just before it."""
    with story() as told:
        job = told.submit("succeed:1", delay_ms=2_000)
        submitted_ns = told.world.now_ns
        for step_ms in steps:
            told.step(step_ms, who)
            at_once, at_once_ns = told.submit("succeed:1", delay_ms=2_000), told.world.now_ns
            told.wait(500)
        told.rest()
        assert 1_950 < _waited_ms(submitted_ns, told.attempts(job)[0]) < 2_200
        assert 1_950 < _waited_ms(at_once_ns, told.attempts(at_once)[0]) < 2_200


@any_step
@anybody
def test_a_backoff_runs_on_elapsed_time(steps: tuple[int, ...], who: str) -> None:
    """The attempts are as far apart as they are without a step, and as many."""
    waits: list[list[int]] = []
    for taken in ((0,) * len(steps), steps):
        with story() as told:
            job = told.submit("flaky:400")
            _take(told, taken, who)
            told.rest()
            ran = told.attempts(job)
            assert [one.outcome for one in ran] == ["failed", "failed", "succeeded"]
            waits.append([(two.started_ns - (one.ended_ns or 0)) // MS for one, two in pairwise(ran)])
    assert all(abs(one - other) < 100 for one, other in zip(*waits, strict=True)), waits


@any_step
@anybody
def test_a_job_that_runs_goes_on(steps: tuple[int, ...], who: str) -> None:
    """Its lease and its timeout run on elapsed time: one attempt, for three lives of a lease."""
    with story(lease_ttl_ms=2_000) as told:
        job = told.submit("succeed:6000", timeout_ms=7_000)
        told.wait_until(lambda: told.runs(job))
        _take(told, steps, who)
        told.rest()
        assert [(one.attempt, one.outcome) for one in told.attempts(job)] == [(1, "succeeded")]
        assert told.state(job) == SUCCEEDED


@any_step
def test_the_jobs_of_a_dead_executor_go_on_when_its_lease_is_over(steps: tuple[int, ...]) -> None:
    """Neither sooner nor later for a step: its host is gone, and nobody can say that it is dead."""
    with story(lease_ttl_ms=2_000, executors=2) as told:
        job = told.submit("succeed:60000")
        told.wait_until(lambda: told.runs(job))
        (first,) = told.attempts(job)
        next(node for node in told.faults.executors if node.name == first.executor).crash()
        died_ns = told.world.now_ns
        _take(told, steps)
        told.wait_until(lambda: len(told.attempts(job)) == 2)
        assert 1_500 < _waited_ms(died_ns, told.attempts(job)[1]) < 2_500


@pytest.mark.parametrize("step_ms", [HOUR, YEAR])
@pytest.mark.parametrize("ahead_ms", [2 * SECOND, 30 * MINUTE], ids=["near", "on disk"])
def test_a_calendar_time_follows_the_wall(step_ms: int, ahead_ms: int) -> None:
    """Set forward beyond it, the job runs within moments; set back, it waits until the clock has come to it."""
    with story() as told:
        at_ms = told.coordinator.now.wall_ms + ahead_ms
        job = told.submit("succeed:1", at_ms=at_ms)
        told.step(-step_ms)
        told.wait(5 * SECOND)
        assert told.attempts(job) == []
        told.step(step_ms)
        told.wait(100)
        told.step(step_ms)
        stepped_ns = told.world.now_ns
        told.rest()
        (attempt,) = told.attempts(job)
        assert _waited_ms(stepped_ns, attempt) < 1_200 or attempt.started_ns < stepped_ns
        assert told.coordinator.clock.now(attempt.started_ns).wall_ms >= at_ms


def test_a_lease_taken_ahead_frees_its_slot_when_the_clock_is_set_back() -> None:
    """The job waits for its instant; others have the slot until then, and it runs once."""
    with story(lead_ms=900, process_slots=1) as told:
        job = told.submit("succeed:1", at_ms=told.coordinator.now.wall_ms + 1_500)
        told.wait_until(lambda: told.coordinator.machine_counts().get("leased_ahead"))
        told.step(-HOUR)
        other = told.submit("succeed:1")
        told.wait(3 * SECOND)
        assert told.state(other) == SUCCEEDED
        assert told.attempts(job) == []
        told.step(HOUR)
        told.rest()
        assert [one.outcome for one in told.attempts(job)] == ["succeeded"]


def test_a_lease_taken_ahead_and_given_back_waits_for_its_own_clock() -> None:
    """The stamp stands ahead of a wall that was stepped back, and must not decide that the job is due."""
    with story(lead_ms=900, lease_ttl_ms=3_000) as told:
        told.coordinator.clock.step(60_000)
        told.submit("succeed:1")
        told.coordinator.clock.step(-60_000)
        job = told.submit("succeed:1", at_ms=told.coordinator.now.wall_ms + 1_500)
        submitted_ns = told.world.now_ns
        told.wait_until(lambda: told.coordinator.machine_counts().get("leased_ahead"))
        executor = told.faults.executors[0]
        old = executor.incarnation
        executor.crash()
        executor.start([old])
        told.rest()
        assert _waited_ms(submitted_ns, told.attempts(job)[0]) > 1_450
        assert told.world.history.taken[job.id or 0].ended is not None


@pytest.mark.parametrize("step_ms", [HOUR, YEAR])
def test_an_expiry_is_an_instant_of_the_wall(step_ms: int) -> None:
    """Set forward, a job that waits expires within moments; set back, it may still start, and runs once."""
    with story(process_slots=1) as told:
        long = told.submit("succeed:4000")
        told.wait_until(lambda: told.runs(long))
        soon = told.submit("succeed:1", expires_ms=2 * SECOND)
        told.step(-step_ms)
        told.wait(6 * SECOND)
        assert [one.outcome for one in told.attempts(soon)] == ["succeeded"]
        again = told.submit("succeed:4000")
        told.wait_until(lambda: told.runs(again))
        late = told.submit("succeed:1", expires_ms=30 * MINUTE)
        told.step(step_ms)
        told.wait(2 * SECOND)
        assert (told.state(late), told.attempts(late)) == (EXPIRED, [])
        told.rest()


@anybody
@pytest.mark.parametrize("step_ms", [HOUR, -HOUR, YEAR, -YEAR])
def test_a_deadline_of_a_running_attempt_is_a_span(step_ms: int, who: str) -> None:
    """How long it may run is said by the coordinator when it starts: an executor's clock that is wrong ends nothing."""
    with story(executors=1) as told:
        told.step(step_ms, who)
        told.wait(1_200)
        job = told.submit("succeed:3000", deadline_ms=30 * MINUTE)
        over = told.submit("hang", deadline_ms=2 * SECOND)
        told.rest()
        assert [one.outcome for one in told.attempts(job)] == ["succeeded"]
        (ended,) = told.attempts(over)
        assert 1_900 < ((ended.ended_ns or 0) - ended.started_ns) / MS < 4_000
        assert told.state(over) == DEAD


@any_step
def test_a_key_holds_for_its_time(steps: tuple[int, ...]) -> None:
    """A key that is taken after a clock was set and set right holds for its own time, not for a year."""
    with story(key_ttl_ms=5_000) as told:
        _take(told, steps)
        first = told.submit("succeed:1", key="k")
        again = told.submit("succeed:1", key="k")
        assert again.id == first.id
        told.wait(6 * SECOND)
        later = told.submit("succeed:1", key="k")
        assert later.id != first.id
        told.rest()


@any_step
@anybody
def test_a_client_goes_on_under_its_session(steps: tuple[int, ...], who: str) -> None:
    """Sessions age on elapsed time, so no step ends one, nor do those of the past pile up."""
    with story(session_ttl_ms=70_000) as told:
        told.submit("succeed:1")
        _take(told, steps, who)
        told.wait(62 * SECOND)
        told.submit("succeed:1")
        assert not told.coordinator.machine_counts().get("refused_unknown_session")
        told.wait(140 * SECOND)
        assert not told.coordinator.machine.state.image.sessions
        told.submit("succeed:1")
        told.rest()


@pytest.mark.parametrize("catch_up", ["skip", "latest", "all"])
@any_step
def test_a_schedule_fires_no_instant_twice(steps: tuple[int, ...], catch_up: str) -> None:
    """Each instant has one fate, in order, and the cursor never goes back, whatever the clock does."""
    start_ms = utc_ms("2027-01-15T08:00:30")
    minutely = PLAIN._replace(expression="0 * * * * *", catch_up=catch_up, overlap="allow", window_ms=10 * MINUTE)
    with schedule_story("2027-01-15T08:00:30") as told:
        told.define(minutely)
        told.wait(95 * SECOND)
        cursors = [told.schedule().cursor_ms]
        for step_ms in steps:
            told.told.step(step_ms)
            told.wait(5 * SECOND)
            cursors.append(told.schedule().cursor_ms)
        assert cursors == sorted(cursors)
        # Wherever the clock stands now, it is brought to where the schedule goes on.
        told.told.step(max(told.schedule().cursor_ms + 55 * SECOND - told.coordinator.now.wall_ms, 0))
        told.wait(10 * SECOND)
        told.end()
        ticks = told.ticks()
        fired = [at_ms for at_ms, reason, _ in ticks if reason in ("on_time", "caught_up")]
        covered = sum(count for _, _, count in ticks)
        assert covered == (max(at_ms for at_ms in fired) - start_ms) // MINUTE + 1
        assert len(told.attempts()) == len(fired)
        leapt = max(accumulate(steps)) > 0
        caught_up = sum(reason == "caught_up" for _, reason, _ in ticks)
        assert caught_up == (9 if leapt and catch_up == "all" else 0), "the tenth minute is within the grace"


@pytest.mark.parametrize("for_ms", [2 * SECOND, MINUTE, 12 * HOUR])
@pytest.mark.parametrize("executors", [1, 3])
@pytest.mark.parametrize("after_ms", [0, 470])
def test_a_machine_that_sleeps_takes_no_run_from_who_still_runs_it(for_ms: int, executors: int, after_ms: int) -> None:
    """Executors end their runs before the coordinator gives them away; work goes on within about a lease."""
    with story(lease_ttl_ms=3_000, executors=executors) as told:
        jobs = [told.submit("succeed:2500"), told.submit("flaky:800"), told.submit("succeed:1", delay_ms=60_000)]
        calendar = told.submit("succeed:1", at_ms=told.coordinator.now.wall_ms + for_ms + 2_000)
        told.wait(100 + after_ms)
        told.suspend(for_ms)
        woke_ns = told.world.now_ns
        told.wait(3 * SECOND)
        assert any(one.started_ns > woke_ns for job in jobs for one in told.attempts(job))
        told.rest()
        assert {told.state(job) for job in (*jobs, calendar)} == {SUCCEEDED}
        assert not told.coordinator.machine_counts().get("executors_lapsed")


@pytest.mark.parametrize("seed", range(4))
def test_anything_may_go_wrong_while_a_machine_sleeps(seed: int) -> None:
    """Sleep among all other faults, under every invariant."""
    options = drawn(seed)
    faults = (*options.faults, "suspend_host", "suspend_host")
    report = run(seed, replace(options, faults=faults, jump_ms=max(options.jump_ms, MINUTE)))
    assert report.violation is None, str(report)
    assert report.counts["fault_suspend_host"]
