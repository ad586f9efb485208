"""Stories of a coordinator that dies, with leases open, timers set and disks that lag behind."""

from worlds import story

from mainspring.actors.jobs.lifecycle import SUCCEEDED


def test_a_long_job_survives_the_coordinator() -> None:
    """The lease is found again, the executor claims it, and the first attempt's finish is accepted by its fence."""
    with story() as told:
        job = told.submit("succeed:2500")
        told.wait_until(lambda: told.runs(job))
        told.coordinator.crash()
        told.coordinator.start(300_000_000)
        told.rest()
        (only,) = told.attempts(job)
        assert only.outcome == "succeeded"
        assert told.world.counts["leases_found_at_start"] == 1
        assert told.state(job) == SUCCEEDED


def test_an_old_lease_is_found_although_the_log_was_truncated() -> None:
    """After a second a lease has a row, so the log may go on without its entry."""
    with story(segment_entries=2) as told:
        job = told.submit("succeed:9000")
        for _ in range(30):
            told.submit("succeed:1")
            told.wait(200)
        assert told.coordinator.log.first_index(1) > told.attempts(job)[0].fence[1]
        told.coordinator.crash()
        told.coordinator.start()
        told.rest()
        assert len(told.attempts(job)) == 1
        assert told.state(job) == SUCCEEDED


def test_a_delayed_job_runs_after_a_restart() -> None:
    """Timers stand in memory alone; the due index brings them back, and the job is not early."""
    with story() as told:
        job = told.submit("succeed:1", delay_ms=1_500)
        due_ns = told.world.now_ns + 1_400_000_000
        told.coordinator.crash()
        told.coordinator.start(200_000_000)
        told.rest()
        (only,) = told.attempts(job)
        assert only.started_ns > due_ns


def test_rows_that_revert_are_replayed() -> None:
    """A store that was locked, and lost what was not durable, catches up from the log before anything is decided."""
    with story() as told:
        told.coordinator.store.locked = True
        jobs = [told.submit("succeed:20") for _ in range(5)]
        told.wait(500)
        told.coordinator.store.locked = False
        told.coordinator.crash()
        told.coordinator.start()
        told.rest()
        assert {told.state(job) for job in jobs} == {SUCCEEDED}


def test_nothing_is_acked_that_is_not_durable() -> None:
    """While commits stall the ack waits; if the coordinator dies meanwhile, the resend takes the job once."""
    with story() as told:
        told.coordinator.stalled_until_ns = told.world.now_ns + 60_000_000_000
        told.world.push(told.world.now_ns + 400_000_000, told.faults, (4, "mend", _crash_and_start, told.coordinator))
        job = told.submit("succeed:1")
        told.rest()
        assert told.world.counts["entries_lost"] > 0
        assert [taken.tag for taken in told.world.history.taken.values()] == [job.tag]


def _crash_and_start(coordinator: object) -> None:
    coordinator.stalled_until_ns = 0  # type: ignore[attr-defined]  # a CoordinatorNode, which this module need not name
    coordinator.crash()  # type: ignore[attr-defined]  # as above
    coordinator.start()  # type: ignore[attr-defined]  # as above
