"""A bar that shows how far long work is.

Decides the form: on stderr, gone at the end, and nothing where nobody looks. It must not know what is counted.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol


class Step(Protocol):
    """Moves a bar."""

    def __call__(self, count: int, /, description: str = "") -> None:
        """Tells that so many more are done, and what there is to say beside."""
        ...


@contextmanager
def bar(total: int | None, what: str) -> Generator[Step]:
    """Shows a bar for the time of a block.

    Args:
        total: of how many; None if nobody knows.
        what: is counted.
    """
    if not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    count = "{task.completed}" if total is None else "{task.completed} of {task.total}"
    columns = (BarColumn(), TextColumn(f"{count} {what}"), TimeElapsedColumn(), TextColumn("{task.description}"))
    # No refresh by itself: that would be a thread, and some of this work forks.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        shown = progress.add_task("", total=total)

        def step(count: int, /, description: str = "") -> None:
            progress.update(shown, advance=count, description=description, refresh=True)

        yield step


def _silent(_count: int, /, description: str = "") -> None: ...
