"""The lines of the table: goals, ratios, and how numbers are written."""

import pytest

from mainspring.nodes.bench.figures import FIGURES
from mainspring.nodes.bench.lines import Line, lines, number, texts
from mainspring.nodes.bench.rounds import Samples


def line_of(key: str, **values: list[float]) -> Line:
    """Makes the line of one figure out of samples."""
    return next(line for line in lines(Samples(values)) if line.figure.key == key)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (None, "ms", ""),
        (0.0, "jobs", "0 jobs"),
        (1.234, "ms", "1.23 ms"),
        (99.5, "ms", "99.50 ms"),
        (123.4, "MiB", "123 MiB"),
        (40_000.4, "jobs/s", "40,000 jobs/s"),
        (17_617.0, "/s", "17,617/s"),
    ],
)
def test_numbers_have_the_places_that_they_deserve(value: float | None, unit: str, expected: str) -> None:
    """Two places below a hundred, none above."""
    assert number(value, unit) == expected


def test_a_rate_meets_its_goal_from_above() -> None:
    """More is better, and a rate that is short of its goal says by how much."""
    met = line_of("n1", n1=[41_000, 50_000, 30_000])
    missed = line_of("n1", n1=[10_000])

    assert (met.value, met.lowest, met.highest, met.is_met) == (41_000, 30_000, 50_000, True)
    assert texts(met)[3] == "≥ 40,000 jobs/s: met"
    assert missed.is_met is False
    assert texts(missed)[3] == "≥ 40,000 jobs/s: 25%"


def test_a_latency_is_held_against_the_floor_of_its_run() -> None:
    """The goal moves with the floor, and is unknown without it."""
    line = line_of("n5_p50", n5_p50=[1.2], n5_floor_p50=[0.9])

    assert line.goal == pytest.approx(1.4)
    assert line.is_met is True
    assert line_of("n5_p50", n5_p50=[1.2]).goal is None


def test_ratios_are_medians_of_rounds() -> None:
    """A round in which everything was slow does not move them; for a latency, less than the peer's is better."""
    rate = line_of("n1", n1=[40_000, 4_000, 20_000], huey_drain=[2_000, 200, 1_000], echo_bulk=[80_000, 8_000, 40_000])
    latency = line_of("n5_p50", n5_p50=[2.0], huey_p50=[40.0])

    assert rate.to_peer == pytest.approx(20)
    assert rate.to_floor == pytest.approx(0.5)
    assert texts(rate)[4:] == ("0.50", "20.0 × (goal 20 ×)")
    assert latency.to_peer == pytest.approx(20)


def test_what_was_not_measured_has_no_line() -> None:
    """A run of one measure shows that measure alone."""
    assert [line.figure.key for line in lines(Samples({"n18": [100.0]}))] == ["n18"]


def test_figures_are_unique_and_their_bases_exist() -> None:
    """A ratio against a key that nothing measures would be missing for ever."""
    keys = [figure.key for figure in FIGURES]
    assert len(set(keys)) == len(keys)
    for figure in FIGURES:
        bases = [figure.floor, figure.peer, figure.goal.base if figure.goal else None]
        assert {base for base in bases if base is not None} <= set(keys), figure
