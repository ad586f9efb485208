"""Which measures run, in which order, and what becomes of one that fails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mainspring.nodes.bench import rounds
from mainspring.nodes.bench.rounds import MEASURES, Drills, Measure, chosen, run, turns
from mainspring.nodes.bench.sizes import QUICK, Sizes
from mainspring.nodes.cli.errors import CommandError


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (None, list(MEASURES)),
        ("N1", ["N1"]),
        ("n18, n5", ["N5", "N18"]),
        ("N4", ["N3"]),
        ("N4,N3,floors", ["floors", "N3"]),
        ("HUEY", ["huey"]),
    ],
)
def test_measures_are_chosen_by_id(only: str | None, expected: list[str]) -> None:
    """In the order of a round, each once, whatever the order and the case that were given."""
    assert chosen(only) == expected


@pytest.mark.parametrize("only", ["N99", "N1,drain", "", " , "])
def test_an_unknown_measure_is_refused(only: str) -> None:
    """The text names those that there are."""
    with pytest.raises(CommandError, match=r"there is no measure .*; there are floors, N1, "):
        chosen(only)


def test_rounds_go_through_all_measures_in_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that what disturbs the machine disturbs every measure alike; one that fails is told and left out."""
    ran: list[str] = []

    def good(folder: Path, sizes: Sizes) -> dict[str, float]:
        assert folder.parent.is_dir()
        ran.append("good")
        return {"n1": float(len(ran))}

    def bad(folder: Path, sizes: Sizes) -> dict[str, float]:
        ran.append("bad")
        raise CommandError("the node did not start")

    table = {"a": Measure("A", good), "b": Measure("B", bad), "c": Measure("C", good, lambda: "it is not installed")}
    monkeypatch.setattr(rounds, "MEASURES", table)
    steps: list[str] = []
    counted: list[None] = []

    samples = run(["a", "b", "c"], Sizes(rounds=3), tmp_path, steps.append, lambda: counted.append(None))

    assert ran == ["good", "bad", "good", "good"]
    assert samples.values == {"n1": [1.0, 3.0, 4.0]}
    assert samples.skipped == {
        "b": "left out from round 1 on: the node did not start",
        "c": "not measured: it is not installed",
    }
    assert steps[0] == "round 1 of 3: A"
    assert len(counted) == 9
    assert not list(tmp_path.iterdir())


def test_drills_run_once_and_say_how_far_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They have rounds of their own; other measures go on beside them."""

    def plain(folder: Path, sizes: Sizes) -> dict[str, float]:
        return {"n1": 1.0}

    def long(folder: Path, sizes: Sizes, say: Callable[[str], None]) -> dict[str, float]:
        say("kill-leader: round 1 of 80")
        return {"n14_ack_p50": 50.0}

    monkeypatch.setattr(rounds, "MEASURES", {"a": Measure("A", plain), "b": Drills("B", long)})
    steps: list[str] = []
    counted: list[None] = []

    samples = run(["a", "b"], Sizes(rounds=2), tmp_path, steps.append, lambda: counted.append(None))

    assert samples.values == {"n1": [1.0, 1.0], "n14_ack_p50": [50.0]}
    assert steps == ["round 1 of 2: A", "B", "B: kill-leader: round 1 of 80", "round 2 of 2: A"]
    assert len(counted) == turns(["a", "b"], Sizes(rounds=2)) == 3


def test_a_quick_run_is_less_of_everything() -> None:
    """A size that was forgotten would make the quick run long."""
    full = Sizes()
    for name in Sizes.__slots__:
        assert 0 < getattr(QUICK, name) < getattr(full, name), name
