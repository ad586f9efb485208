"""The page docs/drills.md: its table is written by a run, its prose by people.

Decides that of the table only the lines of the drills that were run are replaced. Must not know how figures are made.
"""

import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ...nodes.docs.markdown import table
from ...nodes.docs.marked import Marks
from .suite import DRILLS
from .table import HEADINGS, Result, cells

PAGE: Final = Path(__file__).parents[2] / "docs" / "drills.md"
BEGIN: Final = "<!-- drills: begin; `mainspring drill all --write` replaces what stands here -->"
END: Final = "<!-- drills: end -->"
MARKS: Final = Marks(BEGIN, END)
_ROW: Final = re.compile(r"\| (?P<name>[a-z-]+) \|")


def section(results: Sequence[Result], skipped: Mapping[str, str], old: str) -> str:
    """Returns the table: the lines of these results, and those that stood there of other drills.

    Args:
        results: of the drills that were run.
        skipped: name -> what was missing, of those that could not be.
        old: what stood there.
    """
    head = table(HEADINGS, [])
    rows = (line for line in old.splitlines() if line.count("|") == head[0].count("|"))
    lines = {match["name"]: line for line in rows if (match := _ROW.match(line)) and match["name"] in DRILLS}
    lines |= {result.name: table(HEADINGS, [cells(result)])[-1] for result in results}
    found = [lines[name] for name in DRILLS if name in lines]
    notes = [f"- {name} was not run: {reason}" for name, reason in skipped.items() if name not in lines]
    about = f"Kernel {platform.release()}, Python {platform.python_version()}."
    return "\n\n".join("\n".join(block) for block in ([about], [*head, *found], notes) if block)


def write(results: Sequence[Result], skipped: Mapping[str, str], page: Path = PAGE) -> None:
    """Replaces the table of the page.

    Raises:
        CommandError: there is no such page, or its marks are missing.
    """
    MARKS.rewrite(page, lambda old: section(results, skipped, old))
