"""The numbers of a drill, its picture, its table and its page."""

from pathlib import Path

import pytest

from mainspring.chaos.drills import history, measures, page, picture, report, runs
from mainspring.chaos.drills.scene import Mark
from mainspring.chaos.drills.suite import DRILLS
from mainspring.chaos.drills.table import HEADINGS, Result, cells
from mainspring.nodes.cli.errors import CommandError

MS = 1_000_000
SECOND = 1000 * MS


def story() -> tuple[list[history.Event], list[runs.Run], list[Mark]]:
    """A job each 10 ms for ten seconds, but for a gap of 500 ms in the fifth."""
    events: list[history.Event] = []
    signs: list[runs.Run] = []
    for number in range(1000):
        at_ns = number * 10 * MS
        events.append(history.Event(at_ns, history.INVOKE, number, [f"k{number}"], [], ""))
        if not 4 * SECOND < at_ns < 4 * SECOND + 500 * MS:
            events.append(history.Event(at_ns + MS, history.OK, number, [], [number], ""))
            signs.append(runs.Run(runs.BEGUN, number, 1, 1, 1, at_ns + 2 * MS, 1))
            signs.append(runs.Run(runs.ENDED, number, 1, 1, 1, at_ns + 3 * MS, 1))
    marks = [Mark("kill -9 of the leader, n1", 4 * SECOND + 5 * MS, 4 * SECOND + 6 * MS, 5 * SECOND)]
    return events, signs, marks


def result(**verdict: object) -> Result:
    """A drill that was run."""
    events, signs, marks = story()
    found = measures.measure(measures.traces(events, signs), signs, marks)
    whole = {"clean": True, "told": [], "lost": 0, "duplicated": 0, "overlapping": 0, "ticks_late": 1, **verdict}
    return Result("kill-leader", DRILLS["kill-leader"].title, 1, whole, found.as_dict(), ["a note <b>"], "somewhere")


def test_a_gap_is_the_recovery() -> None:
    """From the last acknowledgement before the fault to the first one after; likewise for starts."""
    events, signs, marks = story()
    found = measures.measure(measures.traces(events, signs), signs, marks)
    assert found.acks_ms == [500.0]
    assert found.starts_ms == [500.0]
    assert found.before == pytest.approx(100, rel=0.05)
    assert found.after == pytest.approx(100, rel=0.05)
    assert found.during < 60


def test_a_gap_that_outlasts_the_round_counts_whole() -> None:
    """The first one after may come when the round is over."""
    assert measures.gap_ms([0, 100 * MS, 900 * MS, 950 * MS], 150 * MS, 700 * MS) == 800.0


def test_gaps_before_the_fault_do_not_count() -> None:
    """What was slow already is nobody's recovery."""
    assert measures.gap_ms([0, 900 * MS, 910 * MS, 920 * MS], 905 * MS, 915 * MS) == 10.0


def test_attempts_that_broke_off_are_timed() -> None:
    """From the fault to the start of the next attempt; what ended before it does not count."""
    signs = [
        runs.Run(runs.BEGUN, 1, 1, 1, 1, 10 * MS, 1),
        runs.Run(runs.BEGUN, 1, 2, 1, 1, 60 * MS, 1),
        runs.Run(runs.BEGUN, 2, 1, 1, 1, 10 * MS, 1),
        runs.Run(runs.ENDED, 2, 1, 1, 1, 15 * MS, 1),
        runs.Run(runs.BEGUN, 3, 1, 1, 1, 10 * MS, 1),
    ]
    assert measures.again(signs, [Mark("", 5 * MS), Mark("", 20 * MS)]) == [40.0]


def test_a_drill_without_any_acknowledgement() -> None:
    """Nothing is measured, and the picture is empty."""
    found = measures.measure(measures.Traces([], []), [], [Mark("x", 1)])
    assert found.as_dict()["acks_ms_p50"] is None
    assert picture.drawn(measures.Traces([], []), [], "x").startswith("<svg")


def test_the_picture_marks_the_faults() -> None:
    """Both strips, and a band for the fault with its words."""
    events, signs, marks = story()
    drawn = picture.drawn(measures.traces(events, signs), marks, "kill-leader")
    assert drawn.count("<polyline") == 4
    assert "<title>kill -9 of the leader, n1</title>" in drawn


def test_the_report_has_all(tmp_path: Path) -> None:
    """A JSON file and a page; texts are escaped."""
    events, signs, marks = story()
    report.write(tmp_path, result(told=["1 lost: <k>"], clean=False), measures.traces(events, signs), marks)
    html = (tmp_path / "report.html").read_text()
    assert "a note &lt;b&gt;" in html
    assert "1 lost: &lt;k&gt;" in html
    assert '"acks_ms_p99": 500.0' in (tmp_path / "report.json").read_text()


def test_a_line_of_the_table() -> None:
    """As many cells as headings, the verdict last."""
    assert len(cells(result())) == len(HEADINGS)
    assert cells(result())[-1] == "clean"
    assert cells(result(clean=False))[-1] == "violated"


def test_the_page_keeps_other_lines(tmp_path: Path) -> None:
    """A run replaces the lines of its drills alone, in the order of the list."""
    path = tmp_path / "drills.md"
    path.write_text(f"before\n{page.BEGIN}\n{page.END}\nafter\n")
    page.write([result()._replace(name="stop-leader")], {}, path)
    page.write([result()], {"delay": "iptables: apt-get install -y iptables"}, path)
    text = path.read_text()
    assert text.index("| kill-leader |") < text.index("| stop-leader |")
    assert "delay was not run" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    """Nothing is written into a page that is not as it was."""
    (tmp_path / "drills.md").write_text("nothing")
    with pytest.raises(CommandError, match="lost the marks"):
        page.write([result()], {}, tmp_path / "drills.md")


def test_a_history_comes_back(tmp_path: Path) -> None:
    """What was written is read, but for a last line that is not whole."""
    path = tmp_path / "history.jsonl"
    writer = history.Writer(path)
    writer.note(history.INVOKE, 1, keys=["a"])
    writer.note(history.OK, 1, ids=[5])
    writer.close()
    with path.open("a") as file:
        file.write('{"at_ns": 1')
    assert [(event.what, event.keys, event.ids) for event in history.read(path)] == [
        (history.INVOKE, ["a"], []),
        (history.OK, [], [5]),
    ]


def test_runs_come_back(tmp_path: Path) -> None:
    """What handlers write down is read."""
    runs.note(str(tmp_path), runs.BEGUN, 5, 1, 2, 3)
    (found,) = runs.read(tmp_path)
    assert (found.kind, found.job, found.attempt, found.epoch, found.entry) == (runs.BEGUN, 5, 1, 2, 3)
