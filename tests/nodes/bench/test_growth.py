"""The costs of a backlog by its depth: which depths count, the plot, and their place on the page."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mainspring.nodes.bench import growth, page
from mainspring.nodes.bench.figures import FIGURES
from mainspring.nodes.bench.growth import COSTS, DEPTHS, depths, drawn, key
from mainspring.nodes.bench.lines import lines
from mainspring.nodes.bench.rounds import Samples

VALUES = {key(cost, depth): depth / 1000 for cost in COSTS for depth in DEPTHS}
SVG = "{http://www.w3.org/2000/svg}"


def test_every_cost_has_a_line_at_every_depth() -> None:
    """What the table shows must be what is measured."""
    assert VALUES.keys() <= {figure.key for figure in FIGURES}


def test_a_depth_counts_when_all_its_costs_are_there() -> None:
    """A quick run measures the first depths alone."""
    some = {name: value for name, value in VALUES.items() if not name.endswith("_1m")}
    del some[key(COSTS[0], 100_000)]
    assert depths(VALUES) == list(DEPTHS)
    assert depths(some) == [10_000]
    assert depths({}) == []


def test_a_cost_that_grows_with_the_jobs_is_as_steep_as_the_dashed_line() -> None:
    """Equal factors are equal distances on both axes."""
    picture = ElementTree.fromstring(drawn(VALUES))
    (dashed,) = [line for line in picture.iter(f"{SVG}line") if line.get("stroke-dasharray")]
    x1, y1, x2, y2 = (float(dashed.get(name, "")) for name in ("x1", "y1", "x2", "y2"))
    found = list(picture.iter(f"{SVG}polyline"))
    assert len(found) == sum(cost.seconds is not None for cost in COSTS)
    for polyline in found:
        points = [tuple(map(float, pair.split(","))) for pair in polyline.get("points", "").split()]
        assert len(points) == len(DEPTHS)
        slope = (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0])
        assert slope == pytest.approx((y2 - y1) / (x2 - x1), rel=0.01)


def test_labels_do_not_cover_each_other() -> None:
    """Costs that are nearly the same still have their names side by side."""
    same = dict.fromkeys(VALUES, 1.0) | {key(COSTS[3], depth): 1000.0 for depth in DEPTHS}
    picture = ElementTree.fromstring(drawn(same))
    titles = {cost.title for cost in COSTS}
    heights = sorted(float(text.get("y", "")) for text in picture.iter(f"{SVG}text") if text.text in titles)
    assert len(heights) == 4
    assert all(below - above >= 12 for above, below in pairwise(heights))


def test_the_page_has_depths_in_a_table_of_their_own(tmp_path: Path) -> None:
    """How a cost grows stands among the figures, what it is at each depth below them; and the plot is written."""
    found = lines(Samples({name: [value] for name, value in VALUES.items()} | {"growth_drain": [0.9]}))
    text = page.section(found, {"python": "3.11.7"}, {})
    assert "| drain all: a job of 1 M to one of 100 k | 0.90 × |" in text
    assert "| 1,000,000 | 1,000 s | 1,000 s |" in text
    assert "drain all, 10,000 pending" not in text
    page.plot(found, tmp_path / "growth.svg")
    assert (tmp_path / "growth.svg").read_text("utf-8") == growth.drawn(VALUES)
    page.plot(found[:1], tmp_path / "none.svg")
    assert not (tmp_path / "none.svg").exists()
