"""A seed is its own reproduction: the same trace in every process, whatever order hashes have there."""

import os
import subprocess
import sys

from mainspring.chaos.mutants import MUTANTS, killed_by
from mainspring.chaos.simulate import run

SEEDS = (2, 5, 11)
SEEDS_OF_CLUSTERS = (2, 5)
_PROGRAM = f"""
from mainspring.chaos.cluster_options import options_of
from mainspring.chaos.simulate import run
for seed, members in {[*((seed, 1) for seed in SEEDS), *((seed, 3) for seed in SEEDS_OF_CLUSTERS)]}:
    report = run(seed, options_of(seed, members))
    print(report.seed, report.events, report.digest, sorted(report.counts.items()))
"""


def _trace(hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_hash_seeds_do_not_change_a_trace() -> None:
    """Two processes with different hash seeds see the same events at the same times, and count the same."""
    first, second = _trace("1"), _trace("2")
    assert first == second
    assert len(first.splitlines()) == len(SEEDS) + len(SEEDS_OF_CLUSTERS)


def test_a_run_leaves_nothing_behind() -> None:
    """The same seed gives the same trace again in one process, with other worlds between."""
    first = run(3)
    run(4)
    assert run(3).digest == first.digest


def test_a_failing_seed_says_how_to_run_it_again() -> None:
    """The report names seed, options, invariant, the last events of the nodes involved, and the command."""
    report = killed_by("ack_before_commit", range(5))
    assert report is not None
    text = str(report)
    assert "durable_before_visible" in text
    assert f"seed={report.seed}" in text
    assert "last events of coordinator" in text
    assert text.endswith(f"mainspring simulate --seed {report.seed}")
    assert MUTANTS["ack_before_commit"].text
