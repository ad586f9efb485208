"""How the demonstration shows a run while it goes on: a live picture on a terminal, plain lines elsewhere.

Decides the looks alone. It must not ask the node anything; `watch` does.
"""

from typing import Final, Protocol

from rich.box import ROUNDED
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .watch import LOOK_EVERY_S, Fate, Picture

WIDTH_MAX: Final = 92
BARS: Final = "▁▂▃▄▅▆▇█"
LINE_EVERY_S: Final = 1.0
STYLES: Final = {"succeeded": "green", "failed": "yellow", "timed_out": "magenta", "crashed": "red", "dead": "red"}
MARKS: Final = {"succeeded": "✓", "failed": "✗", "timed_out": "✗", "crashed": "✗"}


class View(Protocol):
    """What shows pictures."""

    def show(self, picture: Picture) -> None:
        """Shows the newest picture."""
        ...

    def close(self) -> None:
        """Leaves the last picture as it is."""
        ...


def view_on(console: Console) -> View:
    """Chooses how to show a run on this console."""
    return LiveView(console) if console.is_terminal else PlainView(console)


class LiveView:
    """One picture, renewed in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()

    def show(self, picture: Picture) -> None:
        """Draws the picture over the one before."""
        self._live.update(panel(picture), refresh=True)

    def close(self) -> None:
        """Leaves the last picture on the screen."""
        self._live.stop()


class PlainView:
    """A line a second, and one when something special has happened."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = 0.0
        self._fates: tuple[Fate, ...] = ()

    def show(self, picture: Picture) -> None:
        """Writes what is new."""
        known = {fate.title: fate for fate in self._fates}
        for fate in picture.fates:
            before = known.get(fate.title)
            for outcome in fate.outcomes[len(before.outcomes) if before else 0 :]:
                self._line(picture, f"the job that {fate.title}: an attempt has {_in_words(outcome)}")
            if fate.is_over and not (before and before.is_over):
                self._line(picture, f"the job that {fate.title}: {fate.state}")
        self._fates = picture.fates
        if picture.elapsed_s >= self._next_s or picture.ended == picture.total:
            self._next_s = picture.elapsed_s + LINE_EVERY_S
            rate = sum(picture.rates[-5:]) / max(1, len(picture.rates[-5:]))
            self._line(picture, f"{picture.ended:,} of {picture.total:,} jobs have ended, {rate:,.0f} a second")

    def close(self) -> None:
        """Has nothing to leave."""

    def _line(self, picture: Picture, text: str) -> None:
        self._console.print(f"{picture.elapsed_s:5.1f} s  {text}", highlight=False, markup=False, soft_wrap=True)


def panel(picture: Picture) -> Panel:
    """Draws a picture."""
    parts = Group(_progress(picture), "", _counts(picture), "", _fates(picture), "", _hands(picture))
    title = f"[bold]mainspring demo[/]  queue {picture.queue}"
    return Panel(parts, title=title, title_align="left", box=ROUNDED, border_style="dim", width=WIDTH_MAX)


def sparkline(rates: tuple[float, ...]) -> str:
    """Draws rates as a row of bars, the highest as high as can be."""
    most = max(rates, default=0.0)
    if most <= 0:
        return BARS[0] * len(rates)
    return "".join(BARS[round(max(0.0, rate) / most * (len(BARS) - 1))] for rate in rates)


def _progress(picture: Picture) -> Table:
    grid = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=picture.total, completed=picture.ended, width=40)
    grid.add_row(bar, Text(f"{picture.ended:,} of {picture.total:,} jobs"), Text(f"{picture.elapsed_s:4.1f} s", "dim"))
    now = picture.rates[-1] if picture.rates else 0.0
    looks = Text(sparkline(picture.rates).rjust(40), "cyan")
    grid.add_row(looks, Text(f"{now:,.0f} jobs/s"), Text(f"peak {max(picture.rates, default=0.0):,.0f}", "dim"))
    return grid


def _counts(picture: Picture) -> Text:
    counts = picture.counts
    shown = [f"{name.replace('_', ' ')} {count:,}" for name, count in picture.attempts.items()]
    styles = [STYLES[name] for name in picture.attempts if name in STYLES]
    line = Text("attempts   ", "dim")
    for text, style in zip(shown, styles, strict=False):
        line.append(f"{text}   ", style)
    line.append("\nwaiting    ", "dim")
    line.append(f"ready {counts['ready']:,}   due later {counts['scheduled']:,}   to retry {counts['retrying']:,}")
    return line


def _fates(picture: Picture) -> Table:
    grid = Table.grid(padding=(0, 3))
    for fate in picture.fates:
        told = Text()
        for outcome in fate.outcomes:
            told.append(f"{MARKS.get(outcome, '✗')} {outcome.replace('_', ' ')}  ", STYLES.get(outcome, ""))
        if not fate.is_over:
            told.append(f"… {fate.state}", "dim")
        elif fate.state != "succeeded":
            told.append(f"→ {fate.state}", f"bold {STYLES.get(fate.state, '')}")
        grid.add_row(Text(fate.title), told)
    return grid


def _hands(picture: Picture) -> Text:
    line = Text()
    for name, used in picture.executors:
        line.append(f"{name} ", "dim")
        line.append(f"{used} in hand   ")
    return line


def _in_words(outcome: str) -> str:
    return outcome.replace("_", " ")


assert LOOK_EVERY_S <= LINE_EVERY_S
