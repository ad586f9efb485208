"""`mainspring schedules apply`: brings a node's schedules to what a file says, and shows the difference.

Decides what is printed. What a file says, and what differs, it must not know.
"""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from ..schedules.difference import WORDS, told
from ..schedules.load import load_schedules
from .connection import Url, connected
from .errors import CommandError
from .output import Json, show_json
from .schedule_acts import told_change

FILE_HELP: Final = "A file of schedules; `mainspring init` writes one."


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=FILE_HELP)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference, and change nothing.")] = False,
    url: Url = None,
    json: Json = False,
) -> int:
    """Apply a file of schedules as a whole, and show the difference line by line.

    What an earlier version of the file has defined and this one does not is removed; schedules from elsewhere stay. A
    file with a fault changes nothing. A node whose own file names it in [schedules] does this by itself whenever the
    file changes.
    """
    from ...broker.net.exceptions import ScheduleRefused

    declared = load_schedules(file)
    with connected(url) as client:
        try:
            changes = client.schedules.apply(
                declared.rows, declared.source, whole=True, dry_run=dry_run, revision=declared.revision
            )
        except ScheduleRefused as refusal:
            raise CommandError(f"{file}: {refusal}") from None
    if json:
        show_json(
            {
                "source": declared.source,
                "revision": declared.revision,
                "dry_run": dry_run,
                "changes": [told_change(change) for change in changes],
            }
        )
        return 0
    sys.stdout.writelines(f"{line}\n" for line in told(changes))
    counts = {word: sum(change.change == word for change in changes) for word in WORDS}
    summary = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "no schedules"
    sys.stdout.write(f"{file.name}: {summary}{' (dry run: nothing is changed)' if dry_run else ''}\n")
    return 0
