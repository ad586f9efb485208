"""Stories of members whose disks are lost, put back from an old copy, damaged or fail, and of members that change."""

from cluster_stories import ClusterStory, cluster_story

from mainspring.actors.jobs.lifecycle import SUCCEEDED
from mainspring.broker.wire.messages import SnapshotOffer


def _after_some_work(told: ClusterStory) -> None:
    for _ in range(12):
        told.submit("succeed:5")
    told.wait_until(told.is_quiet())


def test_a_member_that_lost_its_disk_gets_everything_again() -> None:
    """It comes back empty under its old name, and has the same rows as the others in the end."""
    with cluster_story(segment_entries=4, retain_entries=4, retain_bytes=500, tail_bytes=500) as told:
        _after_some_work(told)
        node = told.follower()
        node.crash()
        node.disk.lose()
        node.genesis = []
        for _ in range(12):
            told.submit("succeed:5")
            told.wait(300)
        node.start()
        told.wait_until(lambda: told.world.counts.get("snapshots_installed"))
        told.wait_until(told.is_quiet())
        told.rest()


def test_a_member_with_an_old_copy_of_its_disk_has_no_vote_before_it_has_caught_up() -> None:
    """The leader knows what it held; until that is there again, it is behind."""
    with cluster_story() as told:
        node = told.follower()
        node.disk.back_up()
        _after_some_work(told)
        held = node.engine.last_index(1)
        node.crash()
        node.disk.put_back()
        told.cut(node.name)
        node.start()
        told.wait(100)
        assert node.engine.last_index(1) < held
        told.mend()
        told.wait_until(told.is_quiet())
        assert node.engine.view(1, node.now)["role"] == "follower"
        told.rest()


def test_a_log_that_ends_before_what_was_synced_has_no_vote() -> None:
    """The disk itself knows that it lost entries: the member is behind until others have sent them again."""
    with cluster_story() as told:
        _after_some_work(told)
        node = told.follower()
        last = node.engine.last_index(1)
        node.crash()
        node.disk.damage(1, last - 5)
        told.cut(node.name)
        node.start()
        told.wait(3_000)
        assert node.engine.view(1, node.now)["role"] == "behind"
        told.mend()
        told.wait_until(told.is_quiet())
        assert node.engine.view(1, node.now)["role"] == "follower"
        told.rest()


def test_a_failed_sync_ends_the_process_and_nothing_else() -> None:
    """A leader whose disk fails acknowledges nothing more; the others go on, and it follows when it is back."""
    with cluster_story() as told:
        leader = told.leader()
        leader.disk.entries.fail_syncs()
        job = told.submit("succeed:5")
        assert told.world.counts["syncs_failed"] == 1
        told.rest()
        assert told.state(job) == SUCCEEDED


def test_a_slow_disk_at_one_follower_slows_nobody() -> None:
    """A quorum does not need it."""
    with cluster_story() as told:
        told.follower().slow_ns = 2_000_000_000
        began_ns = told.world.now_ns
        told.submit("succeed:5")
        assert told.world.now_ns - began_ns < 200_000_000
        told.rest()


def test_a_spare_takes_a_members_place() -> None:
    """It is added, catches up and votes; then the old one goes, and the group is led and served all the time."""
    with cluster_story(spares=1) as told:
        _after_some_work(told)
        assert told.outside.change(0)
        told.wait_until(lambda: sum(row[3] for row in told.leader().engine.members(1)) == 4)
        _after_some_work(told)
        gone = told.follower()
        leader = told.leader()
        leader.engine.change_members(1, [row for row in leader.engine.members(1) if row[0] != gone.name])
        leader.arm(told.world.now_ns)
        told.wait_until(lambda: all(row[0] != gone.name for row in told.leader().engine.members(1)))
        gone.crash()
        _after_some_work(told)
        told.wait(2_000)
        gone.start()
        told.wait_until(lambda: gone.up)
        told.rest()
        assert "member-3" in {row[0] for row in told.leader().engine.members(1)}


def test_members_that_lost_their_disks_one_after_the_other_vote_again() -> None:
    """Each has caught up before the next one is struck; in the end they elect one of themselves."""
    with cluster_story() as told:
        _after_some_work(told)
        leader = told.leader()
        for node in [node for node in told.members if node is not leader]:
            node.crash()
            node.disk.lose()
            node.genesis = []
            node.start()
            told.wait_until(lambda node=node: node.up)
            told.wait_until(told.is_quiet())
        leader.crash()
        told.another_leads(leader)
        leader.start()
        told.rest()


def test_a_disk_that_fails_while_a_copy_is_put_in_place_leaves_one_or_the_other() -> None:
    """The rows are new and the log is old: the member has no vote before the log has caught up."""
    with cluster_story(segment_entries=4, retain_entries=4, retain_bytes=500, tail_bytes=500) as told:
        _after_some_work(told)
        node = told.follower()
        node.crash()
        for _ in range(12):
            told.submit("succeed:5")
            told.wait(300)
        node.start()
        told.wait_until(lambda: any(isinstance(event, SnapshotOffer) for _, event in node.recent))
        node.disk.entries.fail_syncs()
        told.wait_until(lambda: told.world.counts.get("syncs_failed"))
        told.wait_until(lambda: node.up)
        told.wait_until(told.is_quiet())
        told.rest()
