"""The page of figures: only what stands between its marks is replaced."""

from pathlib import Path

import pytest

from mainspring.nodes.bench import page
from mainspring.nodes.bench.lines import lines
from mainspring.nodes.bench.rounds import Samples
from mainspring.nodes.cli.errors import CommandError


def test_prose_around_the_figures_stays(tmp_path: Path) -> None:
    """Twice in a row gives the same page."""
    path = tmp_path / "benchmarks.md"
    path.write_text(f"# Benchmarks\n\n{page.BEGIN}\n\nold\n\n{page.END}\n\nWhy.\n", encoding="utf-8")

    page.write("new", path)
    once = path.read_text("utf-8")
    page.write("new", path)

    assert once == path.read_text("utf-8") == f"# Benchmarks\n\n{page.BEGIN}\n\nnew\n\n{page.END}\n\nWhy.\n"


@pytest.mark.parametrize("text", [None, "", page.BEGIN, f"{page.END}\n"])
def test_a_page_without_marks_is_refused(tmp_path: Path, text: str | None) -> None:
    """Nothing that a person wrote may be lost."""
    path = tmp_path / "benchmarks.md"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    with pytest.raises(CommandError, match=r"run this in a checkout|put back"):
        page.write("new", path)

    assert text is None or path.read_text("utf-8") == text


def test_the_checkout_has_its_marks() -> None:
    """`--write` finds where to write."""
    text = page.PAGE.read_text("utf-8")
    assert 0 < text.index(page.BEGIN) < text.index(page.END)


def test_a_section_is_a_table_with_its_origin() -> None:
    """Where figures come from, the figures, and what is missing and why."""
    text = page.section(
        lines(Samples({"n18": [99.0]})), {"python": "3.11.7"}, {"huey": "not measured: it is not installed"}
    )

    assert text.startswith("python: 3.11.7.\n\n| figure |")
    assert "| 99 ms |" in text
    assert text.endswith("- huey was not measured: it is not installed")
