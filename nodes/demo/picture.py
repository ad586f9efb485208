"""A run as a picture for documents: one look in the middle of it, and the summary, as SVG.

Decides which look is the one to keep. It must not know how either is drawn on a terminal.
"""

import io
import re
from pathlib import Path
from typing import Final

from rich.console import Console

from .live import panel
from .report import print_tables
from .summary import Summary
from .watch import Picture

WIDTH: Final = 94
MIDDLE: Final = 0.6
"""Of the jobs have ended."""
_FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Recorder:
    """Keeps the look nearest to the middle of the run, where work still waits and all has begun to go wrong."""

    def __init__(self) -> None:
        self._kept: Picture | None = None

    def see(self, picture: Picture) -> None:
        """Looks at a picture, and keeps it if it is the best so far."""
        if self._kept is None or _distance(picture) <= _distance(self._kept):
            self._kept = picture

    def write(self, file: Path, summary: Summary) -> None:
        """Writes the picture; a file that is there is replaced."""
        console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        if self._kept is not None:
            console.print(panel(self._kept))
        print_tables(console, summary, with_sql=False)
        text = console.export_svg(title="make run")
        file.write_text(_FONT_FACES.sub("", text), encoding="utf-8")  # nothing is fetched to look at it


def _distance(picture: Picture) -> float:
    return abs(picture.ended / picture.total - MIDDLE)
