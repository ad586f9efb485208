"""Worlds of the simulator come to rest, and nothing happens in them that must not."""

import pytest

from mainspring.chaos import coverage
from mainspring.chaos.options import FAULTS, SCHEDULE_FAULTS, calm, drawn
from mainspring.chaos.simulate import limits_of, run

pytestmark = pytest.mark.slow

SEEDS = range(24)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_is_clean(seed: int) -> None:
    """With faults no invariant is violated, and once they are mended every job ends and every slot comes free."""
    report = run(seed)
    assert report.violation is None, str(report)
    assert report.events > 0


def test_a_calm_world_meets_no_fault() -> None:
    """Without faults nothing is lost, lapsed or fenced."""
    report = run(1, calm(1))
    assert report.violation is None, str(report)
    assert report.counts["jobs_submitted"] > 0
    for name in ("frames_lost", "executors_lapsed", "leases_fenced", "attempts_lost", "coordinator_crashes"):
        assert name not in report.counts, f"{name} in a calm world"


def test_options_follow_from_the_seed() -> None:
    """The same seed draws the same world, and seeds between them draw every fault and every weather."""
    worlds = [drawn(seed) for seed in range(100)]
    assert worlds == [drawn(seed) for seed in range(100)]
    assert {fault for world in worlds for fault in world.faults} == {*FAULTS, *SCHEDULE_FAULTS}
    assert {world.weather_name for world in worlds} == {"calm", "slow", "lossy", "wild", "stormy"}


def test_small_limits_keep_their_relations() -> None:
    """The bounds of a simulated world relate as those of actors/limits.py do."""
    for seed in range(100):
        small = limits_of(drawn(seed))
        assert small["REFILL_BELOW"] < small["REFILL_JOBS"] <= small["HEADS_MAX"]
        assert small["HORIZON_STEP_MS"] < small["HORIZON_MS"]


def test_an_empty_bucket_is_named() -> None:
    """What never happened is told by name."""
    full = dict.fromkeys(coverage.WANTED, 1)
    assert coverage.empty(full) == []
    assert coverage.empty(full | {"leases_fenced": 0}) == ["leases_fenced"]
