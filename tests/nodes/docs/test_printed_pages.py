"""The pages printed from code hold all of it, and can be read."""

import re
from xml.etree import ElementTree

import pytest

from mainspring.actors import entries
from mainspring.actors.jobs import lifecycle as life
from mainspring.broker.wire.errors import ERRORS
from mainspring.broker.wire.messages import MESSAGES
from mainspring.nodes.docs import bounds, lifecycle, lifecycle_figure, log_format, markdown, protocol
from mainspring.nodes.docs.source_notes import notes

SVG = "{http://www.w3.org/2000/svg}"


def test_the_protocol_has_every_message_and_error() -> None:
    """Each message has its section with its number, each error its row."""
    page = protocol.printed()
    for cls in MESSAGES:
        assert f"### {cls.__name__}\n\nKind {cls.KIND}. " in page
    assert all(f"| `{code}` |" in page for code in ERRORS)


def test_the_log_page_has_every_op() -> None:
    """Each number of the vocabulary has a row; none is told without an explanation."""
    ops = [name for name, number in vars(entries).items() if type(number) is int and name != "ENTRY_VERSION"]
    page = log_format.printed()
    assert len(ops) == len(re.findall(r"^\| \d+ \| `\[", page, re.MULTILINE))
    assert all(re.search(rf"`\[{name}[,\]]", page) for name in ops)


def test_the_life_of_a_job_has_every_move() -> None:
    """Each event's row lists exactly the states that it leaves."""
    page = lifecycle.printed()
    for event in life.EVENTS:
        sources = ", ".join(f"`{life.STATES[state]}`" for state, found in life.TRANSITIONS if found == event)
        assert f"| `{event}` | {sources} | " in page


def test_the_figure_is_svg_with_every_state_and_event() -> None:
    """It must parse, lie within its frame, and name all states and events."""
    root = ElementTree.fromstring(lifecycle_figure.printed())
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert texts >= {*life.STATES.values(), *life.EVENTS}
    for line in root.iter(f"{SVG}polyline"):
        points = [tuple(map(int, point.split(","))) for point in line.attrib["points"].split()]
        assert all(0 < x < lifecycle_figure.WIDTH and 0 < y < lifecycle_figure.HEIGHT for x, y in points)


def test_a_move_without_a_way_stops_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new move must not be left out of the figure in silence."""
    monkeypatch.setitem(life.TRANSITIONS, (life.READY, "vanish"), life.DEAD)
    with pytest.raises(AssertionError, match="vanish"):
        lifecycle_figure.printed()


def test_bounds_are_printed_with_their_values() -> None:
    """A constant with a text below it is a row; the page has no empty table."""
    page = bounds.printed()
    assert "| `FRAME_BYTES_MAX` | 16_777_216 |" in page
    assert not re.search(r"---\|\n\n", page)


def test_notes_are_the_texts_below_constants() -> None:
    """A text belongs to the constant right above it, on one line."""
    told = notes(entries)
    assert told["NOOP"] == "[NOOP]: the first entry of an epoch."
    assert "LANE_COLUMNS" not in told


def test_tables_escape_bars() -> None:
    """A bar in a cell must not begin another cell."""
    assert markdown.table(("a", "b"), [("x|y", "")]) == ["| a | b |", "|---|---|", "| x\\|y | |"]
