"""The page docs/benchmarks.md: its figures are written by a run, its prose by people.

Decides that only what stands between the two marks is replaced, so that what is said about the figures stays until
somebody changes it; and that the costs of a backlog by its depth have a table and a plot of their own. It must not
know how figures are made.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..docs.markdown import table
from ..docs.marked import Marks
from . import growth
from .figures import GROWTH
from .lines import HEADINGS, Line, number, texts

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PLOT = PAGE.with_name("growth.svg")
BEGIN = "<!-- figures: begin; `mainspring bench --write` replaces what stands here -->"
END = "<!-- figures: end -->"
MARKS = Marks(BEGIN, END)


def section(lines: Sequence[Line], machine: Mapping[str, str], skipped: Mapping[str, str]) -> str:
    """Returns the figures as Markdown."""
    values = {line.figure.key: line.value for line in lines}
    depths = growth.depths(values)
    # What a depth costs stands in the other table, but for what says how it grows.
    apart = {growth.key(cost, depth) for cost in growth.COSTS for depth in depths}
    rows = [texts(line) for line in lines if line.figure.key not in apart]
    about = [f"{name}: {value}" for name, value in machine.items()]
    notes = [f"- {name} was {reason}" for name, reason in skipped.items()]
    blocks = [["; ".join(about) + "."], table(HEADINGS, rows) if rows else []]
    if depths:
        costs = [
            (f"{depth:,}", *(number(values[growth.key(cost, depth)], cost.unit) for cost in growth.COSTS))
            for depth in depths
        ]
        blocks.append(table(("pending jobs", *(cost.title for cost in growth.COSTS)), costs))
    blocks.append(notes)
    return "\n\n".join("\n".join(block) for block in blocks if block)


def plot(lines: Sequence[Line], file: Path = PLOT) -> None:
    """Draws the costs of a backlog anew, if this run has measured two depths or more."""
    values = {line.figure.key: line.value for line in lines if line.figure.id == GROWTH}
    if len(growth.depths(values)) > 1:
        file.write_text(growth.drawn(values), encoding="utf-8")


def write(text: str, page: Path = PAGE) -> None:
    """Replaces the figures of the page.

    Raises:
        CommandError: there is no such page, or its marks are missing.
    """
    MARKS.rewrite(page, lambda _old: text)
