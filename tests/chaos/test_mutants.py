"""The simulator notices every planted bug."""

import pytest

from mainspring.actors import turn
from mainspring.chaos.mutants import MUTANTS, killed_by, planted

pytestmark = pytest.mark.slow

SEEDS = range(40)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_killed(name: str) -> None:
    """One of a few seeds fails, and its report says what was violated."""
    report = killed_by(name, SEEDS)
    assert report is not None, f"{name} survives {len(SEEDS)} seeds: {MUTANTS[name].text}"
    assert report.violation is not None
    assert f"mainspring simulate --seed {report.seed}" in str(report)


def test_a_mutant_is_taken_out_again() -> None:
    """After it was planted the true behaviour is back, even if the run raised."""
    true = vars(turn)["_release"]
    with pytest.raises(RuntimeError, match="on purpose"):
        _raise_under("ack_before_commit", true)
    assert vars(turn)["_release"] is true


def _raise_under(name: str, true: object) -> None:
    with planted(name):
        assert vars(turn)["_release"] is not true
        raise RuntimeError("on purpose")
