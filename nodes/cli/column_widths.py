"""How wide the columns of a table are on a terminal that has no room for all of it.

Decides what gives way first: texts that can be broken between words, then long words, then headings over numbers. It
must not know what stands in the columns, nor how they are drawn. Numbers are never broken.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

LONG: Final = 10
"""Words longer than this are broken where there is no other way."""
SHORT: Final = 6
"""The same, where even that does not help."""


class Content(NamedTuple):
    """What a column holds."""

    title: str
    cells: Sequence[str]
    is_number: bool


def column_widths(columns: Sequence[Content], room: int, length: Callable[[str], int] = len) -> list[int]:
    """Returns the width of each column.

    Args:
        columns: what they hold.
        room: characters for all of them, without the gaps between; if it is too little even for words that are
            broken, the widths take more.
        length: how many characters of a terminal a text takes.
    """
    widths: list[int] = []
    steps: list[tuple[int, int, int, int]] = []
    for column in columns:
        lines = [length(line) for text in column.cells for line in text.split("\n")]
        words = [length(word) for text in column.cells for word in text.split()]
        title = max((length(word) for word in column.title.split()), default=0)
        content = max((1, *(lines if column.is_number else words)))
        whole = max(content, title)
        widths.append(max(whole, length(column.title), *lines))
        long, short = min(whole, LONG), min(whole, SHORT)
        steps.append((whole, whole, content, content) if column.is_number else (whole, long, long, short))
    for least in zip(*steps, strict=True):
        _shrink(widths, least, room)
    return widths


def _shrink(widths: list[int], least: Sequence[int], room: int) -> None:
    """Takes from the widest that can give, until there is room."""
    while sum(widths) > room:
        givers = [at for at, width in enumerate(widths) if width > least[at]]
        if not givers:
            return
        widths[max(givers, key=lambda at: widths[at])] -= 1
