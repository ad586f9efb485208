"""A progress bar for long work on shards, on a terminal.

Decides how often it is drawn. It must not know what is done. Where nobody looks, nothing is written.
"""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from ..shards.report import Progress, no_progress

REDRAW_S: Final = 0.1


@contextmanager
def progress_bar() -> Generator[Progress]:
    """Gives what is to be told of the progress, and takes the bar away at the end."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
        task = bar.add_task("", total=None)
        drawn_s = 0.0

        def told(what: str, done: int, total: int) -> None:
            nonlocal drawn_s
            if time.monotonic() - drawn_s >= REDRAW_S:
                drawn_s = time.monotonic()
                bar.update(task, description=what, completed=done, total=total or None, refresh=True)

        yield told
