"""Clusters of the simulator come to rest, and nothing happens in them that must not."""

import pytest

from mainspring.chaos import coverage
from mainspring.chaos.cluster_options import CLUSTER_WEATHERS, MEMBER_FAULTS, drawn_cluster, options_of
from mainspring.chaos.options import Options, drawn
from mainspring.chaos.simulate import run

SEEDS = range(16)
SEEDS_OF_FIVE = range(4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_cluster_is_clean(seed: int) -> None:
    """With faults no invariant is violated, and once they are mended every shard is led and every job ends."""
    report = run(seed, drawn_cluster(seed))
    assert report.violation is None, str(report)
    assert report.counts["elections"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS_OF_FIVE)
def test_a_cluster_of_five_is_clean(seed: int) -> None:
    """Two members may be missing at once."""
    report = run(seed, drawn_cluster(seed, 5))
    assert report.violation is None, str(report)


def test_a_calm_cluster_elects_once() -> None:
    """Without faults the first leader stays, and nothing is lost, cut or asked again."""
    report = run(1, Options(1, members=3, submits=8))
    assert report.violation is None, str(report)
    assert report.counts["elections"] == 1
    assert report.counts["jobs_submitted"] > 0
    for name in ("depositions", "entries_cut", "executors_lapsed", "attempts_lost", "members_behind"):
        assert not report.counts.get(name), f"{name} in a calm world"


def test_a_failing_cluster_says_how_to_run_it_again() -> None:
    """The command names the members, too."""
    report = run(3, drawn_cluster(3))
    report.violation = "something"
    assert str(report).endswith("mainspring simulate --seed 3 --members 3")


def test_a_seed_of_a_cluster_gives_one_trace() -> None:
    """The same seed gives the same trace again in one process."""
    assert run(2, drawn_cluster(2)).digest == run(2, drawn_cluster(2)).digest


def test_options_follow_from_the_seed() -> None:
    """The same seed draws the same cluster, and seeds between them draw every fault and every weather."""
    worlds = [drawn_cluster(seed) for seed in range(100)]
    assert worlds == [drawn_cluster(seed) for seed in range(100)]
    assert {fault for world in worlds for fault in world.faults} >= set(MEMBER_FAULTS)
    assert {world.weather_name for world in worlds} == set(CLUSTER_WEATHERS)
    assert {world.shards for world in worlds} == {1, 2, 3}


def test_one_member_is_a_coordinator_by_itself() -> None:
    """Its worlds are the ones that seeds have always drawn."""
    assert options_of(5, 1) == drawn(5)
    assert options_of(5, 5).members == 5


def test_an_empty_bucket_of_clusters_is_named() -> None:
    """What never happened is told by name."""
    full = dict.fromkeys(coverage.CLUSTER_WANTED, 1)
    assert coverage.empty(full, 3) == []
    assert coverage.empty(full | {"elected_transfer": 0}, 3) == ["elected_transfer"]
