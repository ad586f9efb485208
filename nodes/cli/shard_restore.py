"""`mainspring shards restore`: makes a data folder from a backup.

Decides what an operator is told afterwards. It must not know how it is done (nodes/shards/restore.py).
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .formats import iso_utc
from .output import Json, show_json


def command(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `shards backup` has made.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The data folder to make: empty, or not there yet.")],
    json: Json = False,
) -> None:
    """Make a data folder from a backup, on which a node can be started.

    Every checksum is compared before anything is put in place; a folder that holds something is refused. The epoch is
    raised, so that whatever an executor of before still reports is refused, and job ids go on 10,000,000 behind the
    backup's, so that no id is given twice. Jobs since the backup are gone; what ran when it was made runs again.

    Make sure that the old node does not run any more: two nodes with one past would both run its jobs.

    Example: mainspring shards restore /backups/mainspring-2026-03-01 /srv/shop/mainspring-data
    """
    from ..shards.restore import restore
    from .progress import progress_bar

    with progress_bar() as progress:
        restored = restore(backup, folder, progress)
    shards = restored.manifest.shards
    stamp = iso_utc(restored.manifest.made_ms)
    if json:
        told = [shard._asdict() for shard in shards]
        show_json({"path": str(folder), "as_of": stamp, "epoch": restored.epoch, "shards": told})
        return
    live = sum(shard.live for shard in shards)
    sys.stdout.write(
        f"restored to {folder} as of {stamp}: {live} live jobs; jobs and results since then are gone, what ran then"
        f" runs again, and the epoch is raised to {restored.epoch}, so reports of executors from before are refused\n"
    )
