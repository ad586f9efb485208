"""What a backlog costs, by its depth: which depths and costs there are, their table, and their plot as SVG.

Decides how growth is shown: both axes are logarithmic, so that a cost which grows with the jobs is a line as steep as
the dashed one, and what lies flatter grows less. It must not know how a cost is measured.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

DEPTHS: Final = {10_000: "10k", 100_000: "100k", 1_000_000: "1m"}
"""Pending jobs, and how a key names them."""


class Cost(NamedTuple):
    """One column of the table."""

    key: str
    title: str
    unit: str
    seconds: float | None
    """What a unit is in seconds; None for what the plot leaves out."""
    color: str = ""


COSTS: Final = (
    Cost("enqueue", "enqueue all, in batches", "s", 1, "#1d4ed8"),
    Cost("drain", "drain all", "s", 1, "#b45309"),
    Cost("restart", "killed, to the first start", "s", 1, "#047857"),
    Cost("listing", "slowest listing", "ms", 0.001, "#7e22ce"),
    Cost("pss", "coordinator's memory (PSS)", "MiB", None),
)

WIDE, TALL = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 200, 20, 50
INK, DIM = "#1f2937", "#9ca3af"


def key(cost: Cost, depth: int) -> str:
    """Returns the key of a cost at a depth."""
    return f"growth_{cost.key}_{DEPTHS[depth]}"


def depths(values: Mapping[str, float]) -> list[int]:
    """Returns the depths at which all costs were measured."""
    return [depth for depth in DEPTHS if all(key(cost, depth) in values for cost in COSTS)]


def drawn(values: Mapping[str, float]) -> str:
    """Draws the costs over the depths.

    Args:
        values: by key, of two depths at least.
    """
    measured = depths(values)
    assert len(measured) > 1, measured
    shown = [cost for cost in COSTS if cost.seconds is not None]
    lines = {cost: [values[key(cost, depth)] * (cost.seconds or 1) for depth in measured] for cost in shown}
    exponents = [math.log10(max(value, 1e-6)) for line in lines.values() for value in line]
    low, high = math.floor(min(exponents)), math.ceil(max(exponents))
    axes = _Axes(measured, low, max(high, low + 1))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {TALL}" width="{WIDE}" height="{TALL}"'
        ' role="img" font-family="sans-serif" font-size="12">\n<title>Costs over pending jobs</title>\n'
        f'<rect width="{WIDE}" height="{TALL}" fill="#ffffff"/>\n'
    )
    parts = [head, *axes.drawn()]
    labelled: list[float] = []
    for cost, line in sorted(lines.items(), key=lambda item: -item[1][-1]):
        points = [(axes.x(depth), axes.y(value)) for depth, value in zip(measured, line, strict=True)]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{cost.color}" stroke-width="2"/>\n')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{cost.color}"/>\n' for x, y in points]
        labelled.append(max(points[-1][1], labelled[-1] + 14 if labelled else 0))  # no label on another
        parts.append(_text(points[-1][0] + 10, labelled[-1] + 4, cost.title, color=cost.color))
    return "".join(parts) + "</svg>\n"


class _Axes:
    """Where a depth and a duration stand."""

    def __init__(self, measured: list[int], low: int, high: int) -> None:
        self.measured = measured
        self.low, self.high = low, high
        self._first = math.log10(measured[0])
        self._across = (WIDE - LEFT - RIGHT) / (math.log10(measured[-1]) - self._first)
        self._up = (TALL - TOP - BOTTOM) / (high - low)

    def x(self, depth: int) -> float:
        return LEFT + (math.log10(depth) - self._first) * self._across

    def y(self, seconds: float) -> float:
        return TALL - BOTTOM - (math.log10(max(seconds, 1e-6)) - self.low) * self._up

    def drawn(self) -> list[str]:
        """Returns grid, marks, and the dashed line that grows as the jobs do."""
        parts: list[str] = []
        bottom, right = TALL - BOTTOM, WIDE - RIGHT
        for exponent in range(self.low, self.high + 1):
            y = self.y(10.0**exponent)
            parts.append(_line(LEFT, y, right, y))
            parts.append(_text(LEFT - 8, y + 4, _duration(exponent), anchor="end"))
        for depth in self.measured:
            parts.append(_line(self.x(depth), TOP, self.x(depth), bottom))
            parts.append(_text(self.x(depth), bottom + 18, f"{depth:,}", anchor="middle"))
        parts.append(_text((LEFT + right) / 2, bottom + 38, "pending jobs", anchor="middle"))
        decades = min(math.log10(self.measured[-1] / self.measured[0]), self.high - self.low)
        start, end = 10.0**self.low, 10.0 ** (self.low + decades)
        last = round(self.measured[0] * 10**decades)
        parts.append(_line(LEFT, self.y(start), self.x(last), self.y(end), dashed=True))
        parts.append(_text(self.x(last) - 8, self.y(end) + 24, "as the jobs grow", anchor="end", color=DIM))
        return parts


def _duration(exponent: int) -> str:
    return f"{10**exponent:g} s" if exponent >= 0 else f"{10 ** (exponent + 3):g} ms"


def _line(x1: float, y1: float, x2: float, y2: float, *, dashed: bool = False) -> str:
    look = f'stroke="{DIM}" stroke-width="1.5" stroke-dasharray="6 4"' if dashed else 'stroke="#e5e7eb"'
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {look}/>\n'


def _text(x: float, y: float, text: str, *, anchor: str = "start", color: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{text}</text>\n'
