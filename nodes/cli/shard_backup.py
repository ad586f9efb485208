"""`mainspring shards backup`: copies all shards of a node, while it runs or when it does not.

Decides how the running node is asked how far it is. It must not know how shards are copied (nodes/shards/backup.py).
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from .data_folder import Data, data_folder
from .errors import CommandError
from .formats import iso_utc, size
from .output import Json, show_json


def command(
    target: Annotated[
        Path, typer.Argument(metavar="DIR|FILE.tar", help="A folder or .tar file that is not there yet.")
    ],
    data: Data = None,
    without_log: Annotated[
        bool,
        typer.Option("--without-log", help="Take the rows of a stopped node as they stand: its log is damaged."),
    ] = False,
    json: Json = False,
) -> None:
    """Back up a node: everything that was acknowledged before the command began, checked, with checksums.

    The node may run: it is asked how far it is, and goes on meanwhile. Of a stopped or killed node the log is read as
    well. The files of the node are only read. What is backed up is checked like `shards verify`; a damaged shard is
    refused. While a backup runs, the WAL of a shard cannot be shortened.

    --without-log saves what the shard files of a stopped node show when its log is damaged: all but the last fraction
    of a second before a kill. Restore it into an empty folder, and go on there.

    Example: mainspring shards backup /backups/mainspring-$(date +%F)
    """
    from ..shards.backup import back_up
    from .progress import progress_bar

    folder = data_folder(data)
    with progress_bar() as progress:
        manifest = back_up(folder, target, lambda: _ends(folder), progress, with_log=not without_log)
    if json:
        show_json({"path": str(target), **manifest.as_dict()})
        return
    shards = manifest.shards
    told = f"{len(shards)} shards" if len(shards) > 1 else f"1 shard, entry {shards[0].applied}"
    live, finished = sum(shard.live for shard in shards), sum(shard.finished for shard in shards)
    sys.stdout.write(
        f"backed up to {target}: {told}, {live} live and {finished} finished jobs,"
        f" {size(sum(file.bytes for file in manifest.files))}, as of {iso_utc(manifest.made_ms)}\n"
    )


def _ends(folder: Path) -> Mapping[int, int]:
    """Asks the node that uses a folder for the last entry of each shard's log.

    Raises:
        CommandError: it does not answer.
    """
    from ...broker.net.exceptions import RequestError
    from ...broker.tasks.exceptions import MainspringError
    from .connection import connected
    from .shard_stat import online

    try:
        url = (folder / "coordinator.url").read_text("utf-8").strip()
        with connected(url) as client:
            return {row["shard"]: row["log_index"] for row in online(client.query("stat"))}
    except (OSError, RequestError, MainspringError) as error:
        raise CommandError(
            f"a node uses {folder} and does not say how far it is ({error}); try again, or stop it: a stopped node can "
            "be backed up as well"
        ) from None
