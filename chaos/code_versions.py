"""What the code of the tasks declares, version by version: a deploy brings another set of schedules.

Decides the sets, by version alone. Must not know who runs which version.
"""

from typing import Any

from ..actors.draws import Draws
from .definitions import drawn_definition
from .options import Options

_NAMES_MAX = 3


def declared(options: Options, version: int) -> list[list[Any]]:
    """Returns the rows that a version of the code declares: rows of SCHEDULE_COLUMNS."""
    if not options.schedules or not options.schedule_acts:
        return []
    draws = Draws(options.seed).child("code").child(version // 2)
    rows = [list(drawn_definition(draws, f"c{number}", options.starts_ms)) for number in range(_NAMES_MAX)]
    gone = Draws(options.seed).child("gone").child(version)
    return [row for row in rows if gone.below(3)]
