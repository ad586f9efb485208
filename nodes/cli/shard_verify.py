"""`mainspring shards verify`: checks shard files, log and backups.

Decides how findings are shown, and the exit status: 1 if there is any damage. It must not know what is checked
(nodes/shards/verify.py).
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .data_folder import Data, data_folder
from .output import Json, cell, show_json

if TYPE_CHECKING:
    from ..shards.report import Report


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Data folders, shard files, log folders or backups; else the nearest data folder.",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> int:
    """Check what is stored: every page, every log entry, and how they fit together. It changes nothing.

    Of a shard file: header, identity, SQLite's structure, counters, relations between tables. Of the log: the checksum
    of every entry, that none is missing, that it does not end before what was acknowledged. Of both: that the log goes
    on where the file ends, and that each job that the log knows has the rows that it must have. Of a backup: every
    checksum, and each shard in it.

    The node may run. Then its shard files are read as of one moment, and the newest part of its log, which nobody else
    may open, is left out; the answer says so. Stop the node to have all of it checked.

    Exit status 1 if there is damage. A doubt, which may have a harmless cause, is told and changes no status.
    """
    from ..shards.verify import verify
    from .progress import progress_bar

    if paths and data is not None:
        raise typer.BadParameter("--data and PATH are both given; give one of them")
    with progress_bar() as progress:
        report = verify(paths or [data_folder(data)], progress)
    if json:
        show_json(report.as_dict())
    else:
        _show(report)
    return 1 if report.is_damaged else 0


def _show(report: "Report") -> None:
    for finding in report.findings:
        lines = (
            f"{finding.level}: {finding.where}: {finding.what}",
            f"  means: {finding.means}",
            f"  do:    {finding.mend}",
        )
        sys.stdout.write("".join(f"{cell(line)}\n" for line in lines))
    if report.more:
        sys.stdout.write(f"and {report.more} more of the same kinds\n")
    for why in report.unchecked:
        sys.stdout.write(f"not checked: {cell(why)}\n")
    checked = ", ".join(f"{count} {what}" for what, count in report.checked.items())
    verdict = "damaged" if report.is_damaged else "no damage found"
    sys.stdout.write(f"{verdict} ({checked or 'nothing could be checked'})\n")
