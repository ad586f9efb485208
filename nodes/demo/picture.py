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
_FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Recorder:
    """Keeps the look in which most is going on: work waits, and something has gone wrong already."""

    def __init__(self) -> None:
        self._kept: Picture | None = None
        self._most = -1

    def see(self, picture: Picture) -> None:
        """Looks at a picture, and keeps it if it is the best so far."""
        interest = sum(len(fate.outcomes) for fate in picture.fates if not fate.is_over)
        interest += bool(picture.counts["ready"]) * 10
        if interest >= self._most:
            self._kept, self._most = picture, interest

    def write(self, file: Path, summary: Summary) -> None:
        """Writes the picture; a file that is there is replaced."""
        console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        if self._kept is not None:
            console.print(panel(self._kept))
        print_tables(console, summary)
        text = console.export_svg(title="make run")
        file.write_text(_FONT_FACES.sub("", text), encoding="utf-8")  # nothing is fetched to look at it
