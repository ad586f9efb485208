"""Decides how the printed pages write tables and paragraphs in Markdown.

It must not know what a page is about. The text of a line is left as it is: long lines are the price of tables.
The rule that reference pages are printed from code is the design map's, section 2.
"""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Returns the lines of a table.

    Args:
        header: one cell a column.
        rows: as many cells each; a bar in a cell is escaped.
    """
    lines = [_line(header), _line(["---"] * len(header))]
    for row in rows:
        assert len(row) == len(header), f"a row of {len(row)} cells under {len(header)} columns: {row}"
        lines.append(_line([str(cell).replace("|", "\\|") for cell in row]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|".replace(" --- ", "---")


def page(*blocks: str | Iterable[str]) -> str:
    """Joins blocks (a text, or lines) with an empty line between them, and ends in one line feed."""
    texts = [block if isinstance(block, str) else "\n".join(block) for block in blocks]
    return "\n\n".join(text.strip("\n") for text in texts if text.strip()) + "\n"


def names(columns: Iterable[str]) -> str:
    """Returns column names as code, separated by commas."""
    return ", ".join(f"`{column}`" for column in columns)


def flat(text: str) -> str:
    """Returns a text on one line: the line breaks of a docstring mean nothing."""
    return " ".join(text.split())
