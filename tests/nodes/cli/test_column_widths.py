"""How columns share a terminal that is too narrow for them."""

from hypothesis import given
from hypothesis import strategies as st

from mainspring.nodes.cli.column_widths import LONG, SHORT, Content, column_widths

IDS = Content("id", ["7", "1042"], is_number=True)
STATES = Content("state", ["succeeded", "dead"], is_number=False)
ERRORS = Content("error", ["it did not stop in time, so it was killed"], is_number=False)
KINDS = Content("error kind", ["subprocess.CalledProcessError"], is_number=False)
COUNTS = Content("attempts", ["3"], is_number=True)

CONTENTS = st.builds(
    Content, st.text("ab ", max_size=12), st.lists(st.text("xy \n", max_size=40), max_size=4), st.booleans()
)


def test_where_there_is_room_nothing_gives_way() -> None:
    """Each column must be as wide as its longest line, or its heading."""
    assert column_widths([IDS, STATES, ERRORS, COUNTS], 1000) == [4, 9, 41, 8]


def test_texts_are_broken_between_words_first() -> None:
    """Ids and states must stay whole while a sentence can give."""
    assert column_widths([IDS, STATES, ERRORS], 33) == [4, 9, 20]


def test_then_long_words() -> None:
    """The least that a word is broken to, where a break cannot be helped."""
    assert column_widths([IDS, KINDS, STATES], 23) == [4, LONG, 9]


def test_then_headings_over_numbers() -> None:
    """Before a short word is broken."""
    assert column_widths([IDS, STATES, COUNTS], 16) == [4, 9, 3]


def test_numbers_are_never_broken() -> None:
    """Half an id is another id; rather the table is too wide."""
    assert column_widths([IDS, STATES, COUNTS], 3) == [4, SHORT, 1]


@given(st.lists(CONTENTS, max_size=6), st.integers(0, 100))
def test_a_column_is_wide_enough_and_no_wider(columns: list[Content], room: int) -> None:
    """It must have room for its numbers, never more than its longest line, and all of the room before it shrinks."""
    widths, whole = column_widths(columns, room), column_widths(columns, 10_000)
    for column, width, most in zip(columns, widths, whole, strict=True):
        numbers = [len(line) for text in column.cells for line in text.split("\n")] if column.is_number else []
        assert max(1, *numbers, 1) <= width <= most
    assert sum(widths) >= min(room, sum(whole))
