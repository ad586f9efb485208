"""The simulate command: which seeds it runs, what it prints, and its exit status."""

import json

import pytest

from mainspring.chaos.mutants import planted
from mainspring.nodes.cli.errors import CommandError
from mainspring.nodes.cli.simulate import command


def test_one_clean_seed(capsys: pytest.CaptureFixture[str]) -> None:
    """One seed prints one line, and the exit status is 0."""
    assert command(seed=1) == 0
    assert "seed 1:" in (printed := capsys.readouterr().out)
    assert printed.strip().endswith("clean")


def test_one_failing_seed(capsys: pytest.CaptureFixture[str]) -> None:
    """A failing seed prints all that is needed to run it again, and the exit status is 1."""
    with planted("ack_before_commit"):
        assert command(seed=0) == 1
    printed = capsys.readouterr().out
    assert "durable_before_visible" in printed
    assert "replay: mainspring simulate --seed 0" in printed


def test_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    """With --members the same command runs clusters."""
    assert command(seeds=1, members=3, jobs=1, json=True) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["counts"]["elections"] > 0


def test_several_seeds_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json stdout is one object, with counts of all that happened."""
    assert command(seeds=2, first=5, jobs=1, json=True) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["seeds"], shown["failing"], shown["empty"]) == (2, [], [])
    assert shown["counts"]["jobs_submitted"] > 0


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"seed": 1, "seeds": 2}, "--seed runs one seed"),
        ({"seeds": 2, "minutes": 1.0}, "give one of them"),
        ({"seed": -1}, "seeds run from 0"),
        ({"seeds": 0}, "positive"),
        ({"minutes": 0.0}, "positive"),
        ({"seeds": 1, "members": 2}, "give 1, 3 or 5"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, float], fault: str) -> None:
    """They are refused with the mend."""
    with pytest.raises(CommandError, match=fault):
        command(**options)  # type: ignore[arg-type]  # of mixed types, as the table has them
