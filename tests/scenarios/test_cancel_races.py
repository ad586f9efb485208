"""Stories of cancels: one winner in each race, by the order of the log."""

from worlds import story

from mainspring.actors.jobs.lifecycle import CANCELLED, SUCCEEDED


def test_a_job_that_waits_is_cancelled_and_never_runs() -> None:
    """The answer says so, and nothing of it starts."""
    with story(process_slots=1) as told:
        told.submit("succeed:500")
        job = told.submit("succeed:1")
        told.cancel(job)
        told.rest()
        assert told.state(job) == CANCELLED
        assert told.attempts(job) == []
        assert told.world.counts["cancel_code_cancelled"] == 1


def test_a_job_leased_ahead_of_its_time_is_cancelled_and_never_runs() -> None:
    """Its lease is in the log already, but its Run has not left: the cancel is ordered before it."""
    with story(lead_ms=400) as told:
        job = told.submit("succeed:1", delay_ms=900)
        told.wait_until(lambda: told.coordinator.machine_counts().get("leased_ahead"))
        told.cancel(job)
        told.rest()
        assert told.attempts(job) == []
        assert told.state(job) == CANCELLED
        assert told.coordinator.machine_counts()["cancelled_ahead"] == 1


def test_a_job_that_runs_is_asked_to_stop() -> None:
    """Its executor is told, and says how it ended."""
    with story() as told:
        job = told.submit("hang", timeout_ms=30_000)
        told.wait_until(lambda: told.runs(job))
        told.cancel(job)
        told.rest()
        assert told.world.counts["cancel_code_asked"] == 1
        assert told.state(job) == CANCELLED


def test_a_job_that_finishes_first_has_finished() -> None:
    """A cancel that comes late changes nothing."""
    with story() as told:
        job = told.submit("succeed:5")
        told.wait_until(lambda: told.state(job))
        told.cancel(job)
        told.rest()
        assert told.state(job) == SUCCEEDED
        assert told.world.counts["cancel_code_finished"] == 1


def test_a_cancel_survives_the_coordinator() -> None:
    """That a run was asked to stop is logged: the next coordinator repeats it until the run has ended."""
    with story() as told:
        job = told.submit("hang", timeout_ms=60_000)
        told.wait_until(lambda: told.runs(job))
        told.world.network.cut = {("coordinator", "executor-0")}
        told.cancel(job)
        told.wait_until(lambda: told.world.counts.get("op_ask"))
        told.coordinator.crash()
        told.coordinator.start()
        told.world.network.heal()
        told.rest()
        assert told.state(job) == CANCELLED
