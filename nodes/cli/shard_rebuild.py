"""`mainspring shards rebuild`: makes shard files again from the log.

Decides what an operator is told. It must not know how it is done (nodes/shards/rebuild.py).
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .data_folder import Data, data_folder
from .output import Json, show_json


def command(
    data: Data = None,
    shard: Annotated[
        list[int] | None,
        typer.Option(min=0, max=4095, metavar="N", help="Only this one; may be repeated.", show_default=False),
    ] = None,
    backup: Annotated[
        Path | None,
        typer.Option("--from", metavar="BACKUP", help="Begin with this backup's shards.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Make shard files again from the log, of a stopped node. Nothing acknowledged is lost, and nothing runs twice.

    A shard file is a view of the log. Where the log still begins at entry 1, the file is made from nothing; a log that
    has been shortened goes on from a backup that is new enough: --from BACKUP. The old file stays beside the new one,
    as `….db.old-TIME`; delete it when all is well. If neither is possible, the command says so: restore a backup then.
    """
    from ..shards.rebuild import as_dict, rebuild
    from .progress import progress_bar

    with progress_bar() as progress:
        found = rebuild(data_folder(data), shard or [], backup, progress)
    if json:
        show_json([as_dict(rebuilt) for rebuilt in found])
        return
    for rebuilt in found:
        begun = f"the backup's entry {rebuilt.begun_at}" if rebuilt.begun_at else "nothing"
        old = f"; the old file is {rebuilt.old}" if rebuilt.old is not None else ""
        sys.stdout.write(f"built {rebuilt.path} from {begun}, up to entry {rebuilt.applied}{old}\n")
