"""Bars that show how far long work is.

Decides the form: on stderr, gone at the end, drawn seldom, and nothing where nobody looks. It must not know what is
done or counted.
"""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from ..shards.report import Progress, no_progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import ProgressColumn

REDRAW_S: Final = 0.1


class Step(Protocol):
    """Moves a bar."""

    def __call__(self, count: int, /, description: str = "") -> None:
        """Tells that so many more are done, and what there is to say beside."""
        ...


@contextmanager
def bar(total: int | None, what: str) -> Generator[Step]:
    """Shows how many of something are done, for the time of a block.

    Args:
        total: of how many; None if nobody knows.
        what: is counted.
    """
    if not sys.stderr.isatty():
        yield _silent
        return
    from rich.progress import TextColumn

    count = "{task.completed}" if total is None else "{task.completed} of {task.total}"
    with _drawn(TextColumn(f"{count} {what}")) as progress:
        shown = progress.add_task("", total=total)

        def step(count: int, /, description: str = "") -> None:
            progress.update(shown, advance=count, description=description, refresh=True)

        yield step


@contextmanager
def progress_bar() -> Generator[Progress]:
    """Shows what share of the work is done, for the time of a block; gives what is to be told of it."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.progress import TaskProgressColumn

    with _drawn(TaskProgressColumn()) as progress:
        shown = progress.add_task("", total=None)
        drawn_s = 0.0

        def told(what: str, done: int, total: int) -> None:
            nonlocal drawn_s
            if time.monotonic() - drawn_s >= REDRAW_S:
                drawn_s = time.monotonic()
                progress.update(shown, description=what, completed=done, total=total or None, refresh=True)

        yield told


@contextmanager
def _drawn(count: "ProgressColumn") -> "Generator[Bar]":
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), count, TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    # No refresh by itself: that would be a thread, and some of this work forks.
    with Bar(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
        yield bar


def _silent(_count: int, /, description: str = "") -> None: ...
