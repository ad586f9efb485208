"""Each planted bug of the raft engine is noticed, and the report says how to see it again."""

import pytest

from mainspring.actors.raft import commit
from mainspring.chaos.raft.mutants import MUTANTS, killed_by, planted

BAGS = range(60)
TIMES = range(4)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_killed(name: str) -> None:
    """A script or one of a few seeds fails."""
    report = killed_by(name, BAGS, TIMES)
    assert report is not None, f"{name} survives: {MUTANTS[name].text}"
    assert f"python -m mainspring.chaos.raft {report.way} {report.seed}" in str(report)


def test_a_mutant_is_taken_out_again() -> None:
    """After it was planted the true behaviour is back, even if the run raised."""
    true = commit.advance
    with pytest.raises(RuntimeError, match="on purpose"):
        _raise_under("self_unsynced", true)
    assert commit.advance is true


def _raise_under(name: str, true: object) -> None:
    with planted(name):
        assert commit.advance is not true
        raise RuntimeError("on purpose")
