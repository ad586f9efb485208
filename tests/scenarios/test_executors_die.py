"""Stories of executors that die, hang or fall silent in the middle of a job."""

import pytest
from worlds import story

from mainspring.actors.jobs.lifecycle import CANCELLED, DEAD, SUCCEEDED


def test_a_job_moves_on_when_its_executor_is_known_to_be_dead() -> None:
    """The supervisor says which incarnation died, so its job runs again at once, long before the lease is over."""
    with story(lease_ttl_ms=6_000) as told:
        job = told.submit("succeed:400")
        told.wait_until(lambda: told.runs(job))
        executor = told.faults.executors[0]
        old = executor.incarnation
        executor.crash()
        executor.start([old])
        died_ns = told.world.now_ns
        told.rest()
        first, second = told.attempts(job)
        assert (first.outcome, second.outcome) == ("died", "succeeded")
        assert second.started_ns - died_ns < 2_000_000_000
        assert told.state(job) == SUCCEEDED


def test_a_job_waits_for_its_lease_when_nobody_knows() -> None:
    """Without word of the death the lease must run out first: the job might still run somewhere."""
    with story(lease_ttl_ms=3_000, executors=2) as told:
        job = told.submit("succeed:400")
        told.wait_until(lambda: told.runs(job))
        (running,) = told.attempts(job)
        (executor,) = [node for node in told.faults.executors if node.name == running.executor]
        executor.crash()
        died_ns = told.world.now_ns
        told.wait(2_500)
        assert len(told.attempts(job)) == 1
        executor.start([])
        told.rest()
        assert told.attempts(job)[1].started_ns - died_ns > 2_500_000_000
        assert told.world.faults.coordinator.machine_counts()["executors_lapsed"] == 1


def test_an_executor_that_is_cut_off_stops_its_jobs_before_others_may_start_them() -> None:
    """Nobody renews the lease, so the children are dead before the coordinator gives the job to somebody else."""
    with story(lease_ttl_ms=3_000, executors=2, kill_grace_ms=500) as told:
        job = told.submit("stubborn", timeout_ms=60_000)
        told.wait_until(lambda: told.runs(job))
        (first,) = told.attempts(job)
        told.world.network.cut = {("coordinator", first.executor), (first.executor, "coordinator")}
        told.wait_until(lambda: len(told.attempts(job)) == 2)
        second = told.attempts(job)[1]
        assert first.outcome == "died"
        assert first.ended_ns is not None
        assert first.ended_ns < second.started_ns
        told.world.network.heal()
        told.cancel(job)
        told.rest()
        assert told.state(job) == CANCELLED


def test_a_job_that_kills_its_runner_ends_dead() -> None:
    """The crash budget is spent, apart from retries; the executor itself lives on."""
    with story() as told:
        job = told.submit("crash:5")
        told.rest()
        assert [attempt.outcome for attempt in told.attempts(job)] == ["died"] * 3
        assert told.state(job) == DEAD
        assert "executor_crashes" not in told.world.counts


@pytest.mark.parametrize("plan", ["hang", "stubborn"])
def test_a_job_that_does_not_end_is_ended(plan: str) -> None:
    """Its timeout ends it, by being asked or by being killed, and its slot comes free."""
    with story(process_slots=1) as told:
        stuck = told.submit(plan, timeout_ms=200)
        behind = told.submit("succeed:1")
        told.rest()
        assert (told.state(stuck), told.state(behind)) == (DEAD, SUCCEEDED)


def test_an_executor_drains_without_losing_what_it_runs() -> None:
    """What runs may finish, what waits goes elsewhere, and nobody is punished."""
    with story(executors=2, process_slots=1) as told:
        jobs = [told.submit("succeed:700") for _ in range(4)]
        told.wait_until(lambda: sum(told.runs(job) for job in jobs) == 2)
        told.faults.executors[0].drain()
        told.rest()
        assert {told.state(job) for job in jobs} == {SUCCEEDED}
        assert all(len(told.attempts(job)) == 1 for job in jobs)
        assert told.world.counts["executor_drained"] == 1
