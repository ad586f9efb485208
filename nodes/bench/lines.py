"""The table's lines: each figure with its goal and its ratios, as numbers and as texts.

Decides what a line says and how numbers are written. It must not know where lines are shown: the terminal, the JSON
and docs/benchmarks.md have the same.
"""

from typing import Any, NamedTuple

from .figures import FIGURES, Figure
from .rounds import Samples
from .statistics import median, ratios


class Line(NamedTuple):
    """One figure of a run."""

    figure: Figure
    value: float
    """The median of the rounds."""
    lowest: float
    highest: float
    goal: float | None
    is_met: bool | None
    to_floor: float | None
    """The median of the ratios to the floor, each within its round."""
    to_peer: float | None
    """How many times better than huey."""

    def as_dict(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return {
            "key": self.figure.key,
            "measure": self.figure.id,
            "title": self.figure.title.strip(),
            "unit": self.figure.unit,
            **{name: getattr(self, name) for name in self._fields[1:]},
        }


def lines(samples: Samples) -> list[Line]:
    """Returns a line for every figure that was measured, in the order of the table."""
    medians = {key: median(values) for key, values in samples.values.items()}
    return [_line(figure, samples, medians) for figure in FIGURES if figure.key in medians]


def _line(figure: Figure, samples: Samples, medians: dict[str, float]) -> Line:
    values, value = samples.values[figure.key], medians[figure.key]
    goal = None if figure.goal is None else figure.goal.value(medians)
    is_met = None if goal is None else (value >= goal if figure.is_rate else value <= goal)
    to_peer = _ratio(samples, figure.key, figure.peer)
    if to_peer and not figure.is_rate:
        to_peer = 1 / to_peer
    to_floor = _ratio(samples, figure.key, figure.floor)
    return Line(figure, value, min(values), max(values), goal, is_met, to_floor, to_peer)


def _ratio(samples: Samples, key: str, base: str | None) -> float | None:
    if base is None or base not in samples.values:
        return None
    found = ratios(samples.values[key], samples.values[base])
    return median(found) if found else None


def number(value: float | None, unit: str = "") -> str:
    """Writes a number with as many places as it deserves, and its unit."""
    if value is None:
        return ""
    if value == int(value) and abs(value) < 100:
        text = f"{int(value)}"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.2f}"
    return f"{text} {unit}".strip() if unit[:1] != "/" else text + unit


def texts(line: Line) -> tuple[str, str, str, str, str, str]:
    """Returns the cells: figure, median, range, goal, ratio to the floor, ratio to huey."""
    figure, unit = line.figure, line.figure.unit
    spread = "" if line.lowest == line.highest else f"{number(line.lowest)} – {number(line.highest)}"
    goal = ""
    if line.goal is not None:
        sign = "≥" if figure.is_rate else "≤"
        verdict = "met" if line.is_met else f"{line.value / line.goal:.0%}" if line.goal else "missed"
        goal = f"{sign} {number(line.goal, unit)}: {verdict}"
    to_floor = "" if line.to_floor is None else f"{line.to_floor:.2f}"
    to_peer = "" if line.to_peer is None else f"{line.to_peer:.1f} ×"
    if to_peer and figure.peer_goal is not None:
        to_peer += f" (goal {figure.peer_goal:g} ×)"
    return figure.title, number(line.value, unit), spread, goal, to_floor, to_peer


HEADINGS = ("figure", "median", "range", "goal", "to floor", "better than huey")
"""Of the cells that `texts` gives."""
