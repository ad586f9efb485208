"""The page docs/drills.md: its table is written by a run, its prose by people.

Decides that only what stands between the two marks is replaced, and of that only the lines of the drills that were
run. Must not know how figures are made.
"""

import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ...nodes.cli.errors import CommandError
from ...nodes.docs.markdown import table
from .suite import DRILLS
from .table import HEADINGS, Result, cells

PAGE: Final = Path(__file__).parents[2] / "docs" / "drills.md"
BEGIN: Final = "<!-- drills: begin; `mainspring drill all --write` replaces what stands here -->"
END: Final = "<!-- drills: end -->"
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
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{page} cannot be read ({error.strerror}): run this in a checkout of the source") from error
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise CommandError(f"{page} has lost the marks around its table: put back {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{section(results, skipped, old)}\n\n{END}{after}", encoding="utf-8")
