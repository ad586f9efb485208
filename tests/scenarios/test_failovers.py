"""Stories of leaders that die, sleep or are cut off, while jobs run and clients ask."""

from dataclasses import replace

from cluster_stories import cluster_story

from mainspring.actors.jobs.lifecycle import CANCELLED, SUCCEEDED
from mainspring.chaos.cluster_options import FAR


def test_a_running_job_survives_its_leader() -> None:
    """The next leader finds the lease, the executor claims it, and the first attempt's finish is accepted."""
    with cluster_story() as told:
        job = told.submit("succeed:4000")
        told.wait_until(lambda: told.runs(job))
        old = told.leader()
        old.crash()
        told.another_leads(old)
        assert told.runs(job)
        old.start()
        told.rest()
        (only,) = told.attempts(job)
        assert only.outcome == "succeeded"
        assert told.state(job) == SUCCEEDED


def test_acks_survive_the_loss_of_all_memory() -> None:
    """The power is gone everywhere just after an ack: the job runs once the members are back."""
    with cluster_story() as told:
        job = told.submit("succeed:5", delay_ms=500)
        for node in told.members:
            node.crash()
            node.start(100_000_000)
        told.rest()
        assert len(told.attempts(job)) == 1
        assert told.state(job) == SUCCEEDED


def test_a_leader_that_slept_harms_nobody() -> None:
    """It wakes up long after another one was elected: what it still has to say is too old, and it follows."""
    with cluster_story(executors=2) as told:
        job = told.submit("succeed:2500")
        told.wait_until(lambda: told.runs(job))
        old = told.leader()
        old.paused_until_ns = told.world.now_ns + 8_000_000_000
        told.another_leads(old)
        more = [told.submit("succeed:20") for _ in range(5)]
        told.wait(9_000)
        told.rest()
        assert not old.seats[0].leads
        assert [len(told.attempts(one)) for one in (job, *more)] == [1] * 6


def test_an_executor_that_is_stranded_with_the_old_leader_ends_its_runs_in_time() -> None:
    """The old leader renews no lease that no quorum confirms, so the run is dead before the next one begins."""
    with cluster_story(executors=2, lease_ttl_ms=1_500) as told:
        job = told.submit("succeed:9000")
        told.wait_until(lambda: told.runs(job))
        (first,) = told.attempts(job)
        old = told.leader()
        told.cut(old.name, first.executor)
        told.another_leads(old)
        told.wait_until(lambda: len(told.attempts(job)) == 2)
        assert first.ended_ns is not None
        assert told.attempts(job)[1].started_ns > first.ended_ns
        told.mend()
        told.rest()
        assert told.state(job) == SUCCEEDED


def test_leases_of_a_longer_time_outlive_a_leader_with_a_shorter_one() -> None:
    """Members' files differ: the new leader knows from the log for how long a lost executor trusts its lease."""
    with cluster_story(executors=2, lease_ttl_ms=6_000) as told:
        job = told.submit("succeed:20000")
        told.wait_until(lambda: told.runs(job))
        (first,) = told.attempts(job)
        old = told.leader()
        for node in told.members:
            node.shard_settings = replace(node.shard_settings, lease_ttl_ms=1_000)
        told.cut(first.executor)
        old.crash()
        told.another_leads(old)
        led_ns = told.world.now_ns
        told.wait_until(lambda: len(told.attempts(job)) == 2)
        assert first.ended_ns is not None
        assert first.ended_ns > led_ns + 3_000_000_000
        assert told.attempts(job)[1].started_ns > first.ended_ns
        told.mend()
        old.start()
        told.rest()
        assert told.state(job) == SUCCEEDED


def test_a_minority_acknowledges_nothing() -> None:
    """What a stranded leader was asked is not taken before the links are mended; then it is, once."""
    with cluster_story() as told:
        old = told.leader()
        told.cut(old.name, told.client.name)
        job = told.ask("succeed:1")
        told.another_leads(old)
        told.wait(2_000)
        assert not job.acked
        told.mend()
        told.wait_until(lambda: job.acked)
        told.rest()
        assert len(told.attempts(job)) == 1
        assert told.state(job) == SUCCEEDED


def test_a_cancel_outlives_the_leader_that_took_it() -> None:
    """A running job was asked to stop; the next leader knows of it, and the job ends as cancelled."""
    with cluster_story(kill_grace_ms=1_000) as told:
        job = told.submit("stubborn:60000")
        told.wait_until(lambda: told.runs(job))
        told.cancel(job)
        told.wait_until(lambda: told.world.counts.get("cancel_code_asked"))
        old = told.leader()
        old.crash()
        old.start(300_000_000)
        told.rest()
        assert told.state(job) == CANCELLED


def test_a_rolling_restart_loses_no_submit() -> None:
    """Each member hands its shards over, ends and comes back, while a client goes on submitting."""
    with cluster_story(shards=2, executors=2) as told:
        jobs = []
        for node in told.members:
            node.drain()
            jobs += [told.submit("succeed:30") for _ in range(6)]
            told.wait(1_500)
        told.rest()
        assert {told.state(job) for job in jobs} == {SUCCEEDED}
        assert [len(told.attempts(job)) for job in jobs] == [1] * len(jobs)
        assert told.world.counts["shards_left"] >= 1
        assert told.world.counts["elected_transfer"] >= 1


def test_a_member_that_hears_nobody_disturbs_nobody() -> None:
    """One direction of one link is gone for a while: who cannot hear the leader asks, and is not listened to."""
    with cluster_story() as told:
        leader, follower = told.leader(), told.follower()
        epoch = told.seat().machine.state.epoch
        told.world.network.cut.add((leader.name, follower.name))
        told.wait(10_000)
        assert told.leader() is leader
        assert told.seat().machine.state.epoch == epoch
        told.mend()
        told.rest()


def test_a_cluster_across_the_world_elects_and_works() -> None:
    """Everything takes half a second: one leader stays, executors are welcomed, and jobs end."""
    with cluster_story(weather=FAR, weather_healed=FAR, lease_ttl_ms=10_000) as told:
        job = told.submit("succeed:10")
        old = told.leader()
        old.crash()
        told.another_leads(old)
        old.start()
        more = told.submit("succeed:10")
        told.rest()
        assert {told.state(job), told.state(more)} == {SUCCEEDED}
