"""The picture of the load: well-formed, escaped, and true to the counts."""

from datetime import UTC, datetime
from xml.etree import ElementTree

from mainspring.nodes.schedules.picture import ROWS_MAX, STEPS, drawn, told
from mainspring.nodes.schedules.preview import HOUR_MS, Transition, definition, planned, transitions
from mainspring.nodes.schedules.preview_load import load

SVG = "{http://www.w3.org/2000/svg}"
NOON = int(datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp()) * 1000


def texts(picture: str) -> list[str]:
    """Reads all texts of a picture."""
    return ["".join(one.itertext()) for one in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_names_are_escaped() -> None:
    """A name is somebody else's text: it must be no markup, and nothing that XML cannot hold."""
    name = "<script>alert('&')</script>\x1b[2J \ud800"
    picture = drawn(load([planned(definition("0 * * * *", name=name))], NOON, 2), [], "UTC")
    assert "<script" not in picture
    picture.encode()
    assert any("<script>" in text for text in texts(picture))


def test_cells_are_as_dark_as_the_load() -> None:
    """Hours with few jobs must be lighter than those with many, and hours without any stay empty."""
    schedules = [planned(definition("*/5 0 13 * * *", name="a"))]
    picture = drawn(load(schedules, NOON, 3), [], "UTC")
    boxes = [one.attrib for one in ElementTree.fromstring(picture).iter(f"{SVG}rect")]
    filled = [box for box in boxes if box["fill"] in STEPS]
    assert [box["fill"] for box in filled] == [STEPS[3], STEPS[4]]  # the bar, and the cell of that minute
    assert filled[0]["x"] == filled[1]["x"]
    assert "12 jobs in 3 hours; at most 12 in a minute" in texts(picture)


def test_clock_changes_are_marked() -> None:
    """The night on which clocks change must be seen, where it lies."""
    schedules = [planned(definition("0 * * * *", "Europe/Riga", name="a"))]
    found = transitions(schedules, NOON, NOON + 24 * HOUR_MS)
    picture = drawn(load(schedules, NOON, 24), found, "Europe/Riga")
    assert "Europe/Riga: clocks go back 1 h" in texts(picture)
    schedules.append(planned(definition("0 * * * *", "Europe/Berlin", name="b")))
    found = transitions(schedules, NOON, NOON + 24 * HOUR_MS)
    marks = [text for text in texts(drawn(load(schedules, NOON, 24), found, "UTC")) if "clocks" in text]
    assert marks == ["Europe/Berlin: clocks go back 1 h, and 1 more"]
    assert told(Transition(0, "Australia/Lord_Howe", 37800, 39600)) == "Australia/Lord_Howe: clocks go forward 30 min"


def test_a_long_list_is_cut() -> None:
    """A picture of a thousand rows helps nobody; that some are left out must be said."""
    schedules = [planned(definition("0 * * * *", name=f"s{number}")) for number in range(ROWS_MAX + 5)]
    shown = texts(drawn(load(schedules, NOON, 24), [], "UTC"))
    assert any("5 calmer schedules are not drawn" in text for text in shown)


def test_nothing_to_draw() -> None:
    """No schedules must give a picture all the same."""
    assert "0 jobs in 24 hours; at most 0 in a minute" in texts(drawn(load([], NOON, 24), [], "UTC"))
