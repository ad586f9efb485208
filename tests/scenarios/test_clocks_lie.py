"""Stories of wall clocks that step: a job may be late for it, never early."""

from worlds import story


def test_a_delay_runs_on_elapsed_time() -> None:
    """A step of the wall forward does not shorten it."""
    with story() as told:
        job = told.submit("succeed:1", delay_ms=2_000)
        submitted_ns = told.world.now_ns
        told.coordinator.clock.step(3_600_000)
        told.rest()
        waited_ms = (told.attempts(job)[0].started_ns - submitted_ns) / 1_000_000
        assert 1_950 < waited_ms < 2_200


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
        waited_ms = (told.attempts(job)[0].started_ns - submitted_ns) / 1_000_000
        assert waited_ms > 1_450
        assert told.world.history.taken[job.id or 0].ended is not None
