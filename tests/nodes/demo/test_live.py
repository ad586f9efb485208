"""What the demonstration shows while it runs."""

import io

from rich.console import Console

from mainspring.nodes.demo.live import PlainView, panel, sparkline, view_on
from mainspring.nodes.demo.watch import ENDED_STATES, LIVE_STATES, Fate, Picture


def a_picture(elapsed_s: float = 1.0, succeeded: int = 5, fates: tuple[Fate, ...] = ()) -> Picture:
    """Builds one look at a run of ten jobs."""
    counts = dict.fromkeys((*LIVE_STATES, *ENDED_STATES), 0) | {"succeeded": succeeded}
    return Picture("demo-1", elapsed_s, 10, counts, (0.0, 4.0, 8.0), fates, (("executor-1", 3),))


def shown(console: Console) -> list[str]:
    """Returns what was written."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_pipe_gets_plain_lines() -> None:
    """Where nobody looks there must be a line a second and one for each attempt of a special job, and no more."""
    console = Console(file=io.StringIO(), width=100)
    view = view_on(console)
    assert isinstance(view, PlainView)
    view.show(a_picture(0.1))
    view.show(a_picture(0.3, fates=(Fate("fails twice", ("failed",), "retrying"),)))
    view.show(a_picture(0.5, fates=(Fate("fails twice", ("failed", "timed_out"), "dead"),)))
    view.show(a_picture(2.0, 10, fates=(Fate("fails twice", ("failed", "timed_out"), "dead"),)))
    view.close()
    assert [line[9:] for line in shown(console)] == [
        "5 of 10 jobs have ended, 4 a second",
        "the job that fails twice: an attempt has failed",
        "the job that fails twice: an attempt has timed out",
        "the job that fails twice: dead",
        "10 of 10 jobs have ended, 4 a second",
    ]


def test_a_picture_tells_counts_and_fates() -> None:
    """The live picture must hold the progress, the attempts by outcome, each fate and what executors have in hand."""
    console = Console(file=io.StringIO(), width=100)
    fates = (Fate("fails twice", ("failed",), "retrying"), Fate("never ends", ("timed_out",), "dead"))
    console.print(panel(a_picture(fates=fates)))
    text = "\n".join(shown(console))
    for part in (
        "5 of 10 jobs",
        "failed 1",
        "timed out 1",
        "crashed 0",
        "… retrying",
        "→ dead",
        "executor-1 3 in hand",
    ):
        assert part in text


def test_a_sparkline_fits_its_highest_value() -> None:
    """The highest rate must be the highest bar; no rate at all is a flat line."""
    assert sparkline((0.0, 4.0, 8.0)) == "▁▅█"
    assert sparkline((0.0, 0.0)) == "▁▁"
    assert sparkline(()) == ""
