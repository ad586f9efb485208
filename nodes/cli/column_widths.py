"""How wide the columns of a table are on a terminal that has no room for all of it.

Decides what gives way first: texts that can be broken between words, then long words, then headings over numbers. It
must not know what stands in the columns, nor how they are drawn. Numbers are never broken.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

WORD_CHARS: Final = 10
"""Longer words than these may be broken where there is no other way."""
LEAST_CHARS: Final = 4


class Content(NamedTuple):
    """What a column holds."""

    title: str
    cells: Sequence[str]
    is_number: bool


def column_widths(columns: Sequence[Content], room: int) -> list[int]:
    """Returns the width of each column.

    Args:
        columns: what they hold.
        room: characters for all of them, without the gaps between; if it is too little, even for words that are
            broken, the widths take more.
    """
    widths = [max(map(_line, (column.title, *column.cells))) for column in columns]
    for least in (_by_words, _by_parts, _by_numbers):
        _shrink(widths, [least(column) for column in columns], room)
    return widths


def _shrink(widths: list[int], least: list[int], room: int) -> None:
    """Takes from the widest that can give, until there is room."""
    while sum(widths) > room:
        givers = [at for at, width in enumerate(widths) if width > least[at]]
        if not givers:
            return
        widths[max(givers, key=lambda at: widths[at])] -= 1


def _by_words(column: Content) -> int:
    return max(_word(column.title), *_cells(column), LEAST_CHARS)


def _by_parts(column: Content) -> int:
    if column.is_number:
        return _by_words(column)
    return max(min(_by_words(column), WORD_CHARS), LEAST_CHARS)


def _by_numbers(column: Content) -> int:
    return max(*_cells(column), LEAST_CHARS) if column.is_number else min(_by_parts(column), WORD_CHARS // 2 + 1)


def _cells(column: Content) -> list[int]:
    return [0, 0, *map(_line if column.is_number else _word, column.cells)]


def _line(text: str) -> int:
    return max(map(len, text.split("\n")))


def _word(text: str) -> int:
    return max(map(len, text.split()), default=0)
