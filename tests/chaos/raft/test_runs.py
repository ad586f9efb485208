"""The raft engine holds under weather: scripts, a bag of messages, and time."""

from collections import Counter

import pytest

from mainspring.chaos.raft.__main__ import main
from mainspring.chaos.raft.run import Report, run_bag, run_script, run_timed
from mainspring.chaos.raft.scripts import SCRIPTS


def clean(report: Report) -> Counter[str]:
    """Fails with all that a report says, unless it is clean."""
    if report.violation is not None:
        pytest.fail(str(report), pytrace=False)
    return Counter(report.counts)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts(name: str) -> None:
    """What chance hardly meets."""
    clean(run_script(name))


def test_any_message_at_any_moment() -> None:
    """Nothing happens that must never happen, in any order, with crashes, changes of members and snapshots."""
    counts = sum((clean(run_bag(seed)) for seed in range(12)), Counter[str]())
    assert min(counts.values()) > 0, f"some of these never happened: {counts}"


def test_members_in_time() -> None:
    """Nothing happens that must never happen; after bad weather each group takes entries soon."""
    counts = sum((clean(run_timed(seed)) for seed in (0, 1, 13)), Counter[str]())
    assert counts["acks"] > 0, counts


@pytest.mark.slow
def test_more_of_both() -> None:
    """Hours of simulated time, and hundreds of thousands of steps."""
    for seed in range(1_000, 1_250):
        clean(run_bag(seed))
    for seed in range(1_000, 1_040):
        clean(run_timed(seed))


def test_a_seed_repeats_itself() -> None:
    """The same seed gives the same run."""
    assert run_bag(7).counts == run_bag(7).counts
    assert run_timed(7).counts == run_timed(7).counts


def test_runs_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The program runs seeds and scripts, and sums up."""
    assert main(["bag", "3", "--seeds", "2"]) == 0
    assert main(["figure_eight"]) == 0
    assert "2 runs, 0 failing; " in capsys.readouterr().out
